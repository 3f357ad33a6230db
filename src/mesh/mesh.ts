import type { Verdict } from '../ports/bus.ts'
import type { HostNetwork } from '../ports/host-network.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerAnswer } from '../ports/peer-port.ts'
import type { SeedSource } from '../ports/seed-source.ts'
import type { DialCounts } from './dialler.ts'
import type { ProtocolRange } from './hello.ts'
import { type MembershipParts, type MeshCounts, startMembership } from './membership.ts'
import { type MeshStatus, meshStatus } from './mesh-status.ts'
import { followOperators, type Operators } from './operators.ts'
import { type DialLimits, superviseDials } from './supervise-dials.ts'

/** This node's place among the others. */
export interface Mesh {
  readonly members: Members
  readonly operators: Pick<Operators, 'ids' | 'onChange'>
  /** Judges a message of the bus whose first byte is `helloType` or `byeType`. */
  judge(message: Uint8Array, from: NodeId): Verdict
  /** For the peer port, by subject. */
  readonly answers: ReadonlyMap<string, PeerAnswer>
  /** Something that this node tells of itself changed: all are told soon. */
  changed(): void
  status(): MeshStatus
  counts(): MeshCounts & { readonly dials: DialCounts }
  /** Says bye, ends dialling and writes what is known. */
  close(): Promise<void>
}

/** Versions of what nodes say to each other that this software speaks. */
const spokenProtocols: ProtocolRange = { lowest: 1, highest: 1 }

/**
 * Joins the mesh, and stays in it for as long as the process runs. Answers the bus' greetings itself; its other messages, and the peer
 * port, are wired by the caller.
 */
export async function startMesh(
  parts: MembershipParts & {
    readonly network: HostNetwork
    /** In the order they are tried. */
    readonly seeds: readonly SeedSource[]
    /** Why the cluster keys are those of before, and not those that were given last. */
    readonly keysFailure?: () => string | undefined
    /** Who does not let this node in, for it is banned. */
    readonly bannedBy?: () => ReadonlySet<NodeId>
  },
  options: {
    readonly version: string
    /** Drawn anew at each start, 16 hex digits. */
    readonly nonce: string
    /** `mesh.operators`. */
    readonly operators: readonly string[]
    readonly protocols?: ProtocolRange
    readonly limits?: DialLimits
  },
): Promise<Mesh> {
  const { protocols = spokenProtocols, version, nonce } = options
  const membership = await startMembership(parts, { version, protocols, nonce })
  const { table, own } = membership
  parts.bus.answerGreetings(membership.answerGreeting)
  const ownName = parts.facts().name
  const operators = followOperators({ ...parts, table }, { operators: options.operators, ownName })
  const dials = superviseDials(
    {
      ...parts,
      table,
      ownAddresses: () => parts.facts().meshAddresses,
      onNetworkChanged: membership.changed,
    },
    options.limits,
  )

  return {
    members: table,
    operators,
    judge: membership.judge,
    answers: membership.answers,
    changed: membership.changed,
    status: () => meshStatus({ ...parts, table, own, dials: dials.report }, { version, protocols }),
    counts: () => ({ ...membership.counts(), dials: dials.counts() }),
    async close() {
      operators.close()
      await dials.close()
      await membership.close()
    },
  }
}
