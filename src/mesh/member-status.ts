import type { TimeSource } from '../ledger/trusted-time.ts'
import type { Member } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { ProtocolRange } from './hello.ts'
import type { OwnFacts } from './own-hello.ts'

/** One other node as it is shown to people. */
export interface MemberStatus {
  readonly id: NodeId
  readonly name: string
  readonly zone: string | undefined
  readonly state: Member['state']
  readonly platforms: readonly string[]
  readonly peerAddresses: readonly string[]
  readonly meshAddresses: readonly string[]
  readonly version: string
  readonly protocols: ProtocolRange
  /** This node and it have a version of the protocol in common. */
  readonly isCompatible: boolean
  readonly isNeighbour: boolean
  readonly lastSeenAgoMs: number
  readonly roundTripMs: number | undefined
  readonly clockSkewMs: number | undefined
  readonly clockSource: TimeSource | undefined
  readonly ledgerRoot: string
  readonly isLedgerEqual: boolean
  readonly records: number
  readonly upstreams: readonly string[]
  readonly keyId: string
  readonly acceptedKeyIds: readonly string[] | undefined
  readonly roomBytes: number
}

/** This node as it is shown to people. */
export interface OwnStatus extends OwnFacts {
  readonly id: NodeId
  readonly version: string
  readonly protocols: ProtocolRange
  readonly clockSource: TimeSource | undefined
  readonly neighbours: number
}
