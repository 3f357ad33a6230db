import { type PodAccess, podAccess, readNodeLabel } from '../adapters/kubernetes/node-label.ts'
import type { Settings } from '../adapters/sqlite/settings.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../ports/log.ts'

/** What nobody said yet is not known: a node whose API server is away starts nevertheless. */
const deadlineMs = 1_000
/** Of the setting that remembers it; empty: the label was not there. */
const remembered = 'zone'

/**
 * The zone of this node: as configured, else what the label of its Node object says, else what that said last. A start waits a second for it at
 * the most.
 */
export async function readOwnZone(
  { node: { name, zone, zoneLabel } }: Pick<Config, 'node'>,
  {
    settings,
    log,
    access = podAccess(process.env),
  }: {
    readonly settings: Pick<Settings, 'get' | 'set'>
    readonly log: Log
    readonly access?: PodAccess | undefined
  },
): Promise<string | undefined> {
  if (zone !== undefined || zoneLabel === undefined) return zone
  const last = settings.get(remembered)
  const known = last === '' ? undefined : last
  const told = await ask({ node: name, label: zoneLabel }, access).catch((err: unknown) => {
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
): Promise<string | undefined> {
  if (access === undefined) throw new Error('this is no pod of Kubernetes')
  return readNodeLabel(access, what, AbortSignal.timeout(deadlineMs))
}
