import { type PeersAnswer, peersAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { askNodes } from '../each-node.ts'
import { tellAlarms, tellNoMesh } from '../mesh-words.ts'
import { formatAge } from '../print.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast peers` */
export const run: RunCommand = context =>
  askNodes(context, {
    what: 'peers',
    ask: (api, path) => api.get(path, {}, peersAnswer),
    lines: answer => (answer.enabled ? lines(answer) : tellNoMesh),
    heads: ['ALIVE', 'SUSPECT', 'GONE', 'BANNED', 'NEIGHBOURS', 'LEDGER', 'WARNINGS'],
    row,
  })

/** Of one node, what it sees of the others. */
function row({ members, self, alarms, sync }: PeersAnswer): string[] {
  const count = (state: string) => String(members.filter(one => one.state === state).length)
  const present = members.filter(isPresent)
  const differing = present.filter(({ isLedgerEqual }) => !isLedgerEqual).length
  return [
    count('alive'),
    count('suspect'),
    count('gone'),
    count('banned'),
    String(self?.neighbours ?? 0),
    sync?.isBehind === true ? 'behind' : differing === 0 ? 'same' : `differs from ${differing}`,
    alarms.map(({ code }) => code).join(',') || 'none',
  ]
}

type Member = PeersAnswer['members'][number]

/** What it says of itself is so now. */
const isPresent = ({ state }: Pick<Member, 'state'>): boolean =>
  state !== 'gone' && state !== 'banned'

const heads = [
  'NODE',
  'ID',
  'STATE',
  'ZONE',
  'ADDRESS',
  'RTT',
  'SKEW',
  'LEDGER',
  'VERSION',
  'REACHES',
  'SEEN',
]

function lines({ members, alarms }: PeersAnswer): readonly Line[] {
  if (members.length === 0) return ['no other node was ever met', ...tellAlarms(alarms)]
  const hasBanned = members.some(({ state }) => state === 'banned')
  return [
    ...columns([heads, ...members.map(rowOf)]),
    ...(hasBanned ? ['', '`holdfast bans` tells who banned a node and why'] : []),
    ...tellAlarms(alarms),
  ]
}

function rowOf(member: Member): string[] {
  const { id, name, state, zone, peerAddresses, roundTripMs, clockSkewMs } = member
  return [
    name,
    id.slice(0, 12),
    state,
    zone ?? '',
    peerAddresses[0] ?? '',
    roundTripMs == null
      ? ''
      : `${roundTripMs < 10 ? roundTripMs.toFixed(1) : Math.round(roundTripMs)} ms`,
    clockSkewMs == null ? '' : formatSkew(clockSkewMs),
    // What one that is gone, or banned, said last is not so any more.
    !isPresent(member) ? '' : member.isLedgerEqual ? 'same' : 'differs',
    member.version,
    !isPresent(member) ? '' : member.upstreams.join(',') || 'none',
    `${formatAge(member.lastSeenAgoMs / 1000)} ago`,
  ]
}

function formatSkew(ms: number): string {
  const sign = ms < 0 ? '-' : '+'
  const size = Math.abs(ms)
  return size < 1000 ? `${sign}${Math.round(size)} ms` : `${sign}${formatAge(size / 1000)}`
}
