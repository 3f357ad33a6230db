import type { NodeId } from './node-id.ts'

/** What one node knows of another. Times on the monotonic clock, ms. */
export interface Member {
  readonly id: NodeId
  readonly name: string
  readonly zone: string | undefined
  /** Of its clients, as in `linux/amd64`. */
  readonly platforms: readonly string[]
  /** `host:port` of its peer port, best first. */
  readonly peerAddresses: readonly string[]
  /** `host:port` of its mesh listener. */
  readonly meshAddresses: readonly string[]
  readonly version: string
  readonly protocol: number
  /** `suspect`: did not answer a moment ago; `gone`: said so, or silent for long. */
  readonly state: 'alive' | 'suspect' | 'gone'
  /** It answered none of our probes, whatever others hear of it. */
  readonly isUnanswered: boolean
  /** When it was last heard, by its own word or an answer. */
  readonly lastSeenMs: number
  /** Root of its ledger's fingerprint as it said last, hex. */
  readonly ledgerRoot: string
  /** Registries that it may ask and does not know to be down; {@link anyRegistry} among them: also those it was never asked for. */
  readonly upstreams: readonly string[]
  /** Its trusted time less ours when it said so, ms; `undefined` while unknown. */
  readonly clockSkewMs: number | undefined
  readonly clockVerified: boolean
  /** Smoothed round trip over the peer port, ms; `undefined` before the first answer. */
  readonly roundTripMs: number | undefined
  readonly isNeighbour: boolean
  /** Id of the cluster key it dials with. */
  readonly keyId: string
  /** It can take this many bytes of others' content. */
  readonly roomBytes: number
}

/** Stands in {@link Member.upstreams} for every registry. */
export const anyRegistry = '*'

/** Whether asking a node for content of a registry makes sense by what it says. */
export function mayReach({ upstreams }: Pick<Member, 'upstreams'>, registry: string): boolean {
  return upstreams.includes(registry) || upstreams.includes(anyRegistry)
}

/** A member in doubt that was heard so lately, ms, is more likely busy than gone: asking it tells soon. */
const doubtfulMs = 10_000

/** Whether it may answer: alive, or in doubt and not found out to be silent. */
export function mayAnswer(
  { state, isUnanswered, lastSeenMs }: Pick<Member, 'state' | 'isUnanswered' | 'lastSeenMs'>,
  nowMs: number,
): boolean {
  return (
    state === 'alive' || (state === 'suspect' && !isUnanswered && nowMs - lastSeenMs < doubtfulMs)
  )
}

/** Whether there is anybody who may answer. */
export function isAnyoneThere(members: Pick<Members, 'all' | 'alive'>, nowMs: number): boolean {
  return members.alive().length > 0 || members.all().some(member => mayAnswer(member, nowMs))
}

/** Who is in the mesh, as far as this node knows. */
export interface Members {
  readonly self: NodeId
  /** All but this node, `gone` ones included until they are forgotten. */
  all(): readonly Member[]
  /** Those that are `alive`, this node not among them. The array is the same until something changes. */
  alive(): readonly Member[]
  get(id: NodeId): Member | undefined
  /** An answer came. */
  heard(id: NodeId, roundTripMs: number): void
  /** It cannot be connected to, or broke off: `suspect` until it is heard again. */
  missed(id: NodeId): void
  /** It takes long to say anything, which a busy machine does, too: it is probed, and `suspect` when it is silent again. */
  silent(id: NodeId): void
  /** It stopped in the middle of an answer for as long as that is borne: `suspect`, and waited for no longer, until it is heard again. */
  stalled(id: NodeId): void
  onChange(listener: () => void): () => void
}
