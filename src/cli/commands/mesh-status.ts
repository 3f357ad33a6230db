import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type PeersAnswer, peersAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { tellAlarms, tellNoMesh } from '../mesh-words.ts'
import { columns, formatAge, print, properties } from '../print.ts'

/** `holdfast mesh status` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/peers', {}, peersAnswer)
  print(context, answer, () => (answer.enabled ? lines(answer) : tellNoMesh))
  return 'ok'
}

function lines(answer: PeersAnswer): readonly string[] {
  const { self, members, sync, alarms } = answer
  const alive = members.filter(({ state }) => state === 'alive')
  return [
    self?.name ?? '',
    ...properties([
      ['id', self?.id],
      ['version', self?.version],
      ['neighbours', self === undefined ? undefined : `${self?.neighbours}`],
      ['members', `${alive.length} alive of ${members.length}`],
      ['ledger', tellSync(sync)],
    ]),
    '',
    ...columns([['KEY', 'NODES THAT DIAL WITH IT'], ...keys(answer)]),
    ...tellDials(answer.dials ?? []),
    ...tellAlarms(alarms),
  ]
}

function tellDials(dials: NonNullable<PeersAnswer['dials']>): readonly string[] {
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

/** The key of this node first. */
function keys({ self, members }: PeersAnswer): readonly (readonly string[])[] {
  const everybody = [...(self == null ? [] : [self]), ...members.filter(m => m.state !== 'gone')]
  const byKey = Map.groupBy(everybody, ({ keyId }) => keyId)
  return [...byKey].map(([key, nodes]) => [key, nodes.map(({ name }) => name).join(', ')])
}
