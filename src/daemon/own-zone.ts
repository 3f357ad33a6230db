import { type PodAccess, readNodeLabel } from '../adapters/kubernetes/node-label.ts'
import type { Settings } from '../adapters/sqlite/settings.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../ports/log.ts'

/** Of the setting that remembers it; empty: the label was not there. */
const remembered = 'zone'

/**
 * The zone of this node: as configured, else what the label of its Node object says, else what that said last. What nobody said yet is not known:
 * a node whose API server is away starts nevertheless.
 *
 * @param access of this pod; `undefined`: it is none
 * @param deadlineMs how long a start waits for it
 */
export async function readOwnZone(
  { node: { name, zone, zoneLabel } }: Pick<Config, 'node'>,
  {
    settings,
    log,
    access,
    deadlineMs = 1_000,
  }: {
    readonly settings: Pick<Settings, 'get' | 'set'>
    readonly log: Log
    readonly access: PodAccess | undefined
    readonly deadlineMs?: number
  },
): Promise<string | undefined> {
  if (zone !== undefined || zoneLabel === undefined) return zone
  const last = settings.get(remembered)
  const known = last === '' ? undefined : last
  const what = { node: name, label: zoneLabel }
  const told = await ask(what, access, deadlineMs).catch((err: unknown) => {
    log.warn({ label: zoneLabel, zone: known, err }, 'the zone was not told; it stays as it was')
    return known
  })
  if (told !== known) {
    await settings.set(remembered, told ?? '').catch((err: unknown) => {
      log.warn({ zone: told, err }, 'the zone will not be known while nobody tells it')
    })
  }
  return told
}

async function ask(
  what: { readonly node: string; readonly label: string },
  access: PodAccess | undefined,
  deadlineMs: number,
): Promise<string | undefined> {
  if (access === undefined) throw new Error('this is no pod of Kubernetes')
  return readNodeLabel(access, what, AbortSignal.timeout(deadlineMs))
}
