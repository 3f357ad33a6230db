import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type PeersAnswer, peersAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { tellAlarms, tellNoMesh } from '../mesh-words.ts'
import { formatAge, print, properties } from '../print.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast mesh status` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/peers', {}, peersAnswer)
  print(context, answer, () => (answer.enabled ? lines(answer) : tellNoMesh))
  return 'ok'
}

function lines(answer: PeersAnswer): readonly Line[] {
  const { self, members, sync, alarms } = answer
  const alive = members.filter(({ state }) => state === 'alive')
  return [
    self?.name ?? '',
    ...properties([
      ['id', self?.id],
      ['version', self?.version],
      ['neighbours', self === undefined ? undefined : `${self?.neighbours}`],
      ['members', `${alive.length} alive of ${members.length}, this node not counted`],
      ['ledger', tellSync(sync)],
    ]),
    '',
    ...columns([['KEY', 'DIAL WITH IT', 'DO NOT ACCEPT IT'], ...keys(answer)]),
    ...tellDials(answer.dials ?? []),
    ...tellAlarms(alarms),
  ]
}

function tellDials(dials: NonNullable<PeersAnswer['dials']>): readonly Line[] {
  if (dials.length === 0) return []
  const rows = dials.map(({ address, seed, detail, agoMs }) => [
    address,
    seed ? 'seed' : 'member',
    agoMs == null ? '' : `${formatAge(agoMs / 1000)} ago`,
    detail,
  ])
  return ['', ...columns([['ADDRESS', 'FROM', 'DIALLED', 'RESULT'], ...rows])]
}

function tellSync(sync: PeersAnswer['sync']): string | undefined {
  if (sync == null) return undefined
  const { records, convergedAgoMs, snapshotShare } = sync
  if (snapshotShare != null)
    return `${records} records; ${Math.round(100 * snapshotShare)} % of another node's fetched`
  return convergedAgoMs == null
    ? `${records} records; not compared with another node yet`
    : `${records} records; the same as another node ${formatAge(convergedAgoMs / 1000)} ago`
}

/** The key of this node first: who dials with it, and who would refuse it. */
function keys({ self, members }: PeersAnswer): readonly (readonly string[])[] {
  const everybody = [...(self == null ? [] : [{ ...self, state: 'alive' }]), ...members]
  const present = everybody.filter(({ state }) => state !== 'gone')
  const known = present.flatMap(({ keyId, acceptedKeyIds }) => [keyId, ...(acceptedKeyIds ?? [])])
  return [...new Set(known)].map(key => [
    key,
    listOf(present.filter(({ keyId }) => keyId === key).map(({ name }) => name)),
    listOf(everybody.flatMap(node => tellRefusal(node, key))),
  ])
}

const listOf = (names: readonly string[]): string => names.join(', ') || 'none'

function tellRefusal(
  { name, state, acceptedKeyIds }: Pick<Member, 'name' | 'state' | 'acceptedKeyIds'>,
  key: string,
): readonly string[] {
  if (acceptedKeyIds?.includes(key)) return []
  const notes = [
    ...(state === 'gone' ? ['gone'] : []),
    ...(acceptedKeyIds == null ? ['does not say'] : []),
  ]
  return [notes.length === 0 ? name : `${name} (${notes.join(', ')})`]
}

type Member = PeersAnswer['members'][number]
