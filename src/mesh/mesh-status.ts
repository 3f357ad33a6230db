import type { Clock } from '../ports/clock.ts'
import type { ClusterTime } from '../ports/cluster-time.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type MeshAlarm, meshAlarms } from './alarms.ts'
import type { DialReport } from './dial-report.ts'
import { meet, type ProtocolRange } from './hello.ts'
import type { MemberEntry } from './member-entry.ts'
import type { MemberStatus, OwnStatus } from './member-status.ts'
import type { MemberTable } from './member-table.ts'
import type { OwnFacts, OwnHello } from './own-hello.ts'

/** The mesh as this node sees it. */
export interface MeshStatus {
  readonly self: OwnStatus
  /** In the order of their names. */
  readonly members: readonly MemberStatus[]
  /** Where this node looks for others, and what came of it. */
  readonly dials: DialReport['addresses']
  readonly alarms: readonly MeshAlarm[]
}

/** Two nodes with one key are told of for so long after they were noticed last, ms. */
const twinAlarmMs = 600_000

/** Puts together what people are shown. */
export function meshStatus(
  parts: {
    readonly table: MemberTable
    readonly own: OwnHello
    readonly facts: () => OwnFacts
    readonly time: ClusterTime
    readonly clock: Clock
    readonly dials: () => DialReport
    readonly keysFailure?: (() => string | undefined) | undefined
    readonly bannedBy?: (() => ReadonlySet<NodeId>) | undefined
  },
  { version, protocols }: { readonly version: string; readonly protocols: ProtocolRange },
): MeshStatus {
  const { table } = parts
  const nowMs = parts.clock.monotonicMs()
  const facts = parts.facts()
  const entries = [...table.entries()]
  const isTwin = (seenMs: number | undefined): boolean =>
    seenMs !== undefined && nowMs - seenMs < twinAlarmMs

  const statusOf = ({ view, hello, lastSeenMs }: MemberEntry): MemberStatus => ({
    ...view,
    protocols: hello.protocols,
    isCompatible: meet(hello.protocols, protocols),
    lastSeenAgoMs: Math.round(nowMs - lastSeenMs),
    clockSource: hello.clock.source,
    isLedgerEqual: hello.ledgerRoot !== '' && hello.ledgerRoot === facts.ledgerRoot,
    records: hello.records,
    acceptedKeyIds: hello.acceptedKeyIds,
  })
  const members = entries.map(statusOf).sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  const self: OwnStatus = {
    ...facts,
    id: table.self,
    version,
    protocols,
    clockSource: parts.time.source(),
    neighbours: members.filter(member => member.isNeighbour).length,
  }
  const twins = new Set(entries.filter(e => isTwin(e.twinSeenMs)).map(e => e.hello.id))
  if (isTwin(parts.own.twinSeenMs())) twins.add(self.id)
  const dials = parts.dials()
  const alarms = meshAlarms(self, members, {
    twins,
    dials,
    keysFailure: parts.keysFailure?.(),
    bannedBy: parts.bannedBy?.() ?? new Set(),
  })
  return { self, members, dials: dials.addresses, alarms }
}

const orderOf = ({ name, id }: MemberStatus): string => `${name} ${id}`
