import type { Member } from '../ports/members.ts'
import { type Hello, meet, type ProtocolRange, type SignedHello } from './hello.ts'

/** What the table holds of one node; only the table changes it. */
export interface MemberEntry {
  signed: SignedHello
  hello: Hello
  state: Member['state']
  /** When it was heard last, by its own word, an answer or what others say. Monotonic, as all times here, ms. */
  lastSeenMs: number
  /** Its trusted time less our monotonic clock; `undefined` when its hello is too old to tell. */
  anchorMs: number | undefined
  /** It did not answer our probes from then on. */
  downSinceMs: number | undefined
  /** When one that is down is probed next. */
  nextProbeMs: number
  saidBye: boolean
  isNeighbour: boolean
  /** Host it was reached or seen at over the bus. */
  seenAt: { readonly host: string; readonly isDialled: boolean } | undefined
  roundTripMs: number | undefined
  /** Uptime of ours without a word of it, before {@link MemberEntry.lastSeenMs} began to count. */
  unheardMs: number
  /** Nonces it had before, newest last: one that comes back belongs to another node with the same key. */
  formerNonces: string[]
  twinSeenMs: number | undefined
  /** Hellos it may still say at once, and since when that counts. */
  allowance: number
  allowanceAtMs: number
  /** As others see it; made anew when its hello changes. */
  view: Member
}

/** Silence for so many of its periods is the end of a member. */
const periodsToExpiry = 3
/** Hellos of one node that are taken at once, and how often one is added to that. */
export const allowance = 20
const allowanceEveryMs = 1_000

/** Whether it was silent for too long. */
export function isExpired({ lastSeenMs, hello }: MemberEntry, nowMs: number): boolean {
  return nowMs - lastSeenMs > periodsToExpiry * hello.periodMs
}

/** Counts one more hello of it, unless it says too many. */
export function isWithinAllowance(entry: MemberEntry, nowMs: number): boolean {
  const earned = (nowMs - entry.allowanceAtMs) / allowanceEveryMs
  entry.allowance = Math.min(allowance, entry.allowance + earned)
  entry.allowanceAtMs = nowMs
  if (entry.allowance < 1) return false
  entry.allowance -= 1
  return true
}

/** The port's view of an entry, with what moves fast read live. */
export function viewOf(
  entry: MemberEntry,
  needs: { readonly protocols: ProtocolRange; readonly skewMs: (anchorMs: number) => number },
): Member {
  const { hello } = entry
  const { highest } = hello.protocols
  return {
    id: hello.id,
    name: hello.name,
    zone: hello.zone,
    platforms: hello.platforms,
    peerAddresses: preferSeen(hello.peerAddresses, entry.seenAt),
    meshAddresses: preferSeen(hello.meshAddresses, entry.seenAt),
    version: hello.version,
    protocol: meet(hello.protocols, needs.protocols)
      ? Math.min(highest, needs.protocols.highest)
      : highest,
    get state() {
      return entry.state
    },
    get lastSeenMs() {
      return entry.lastSeenMs
    },
    ledgerRoot: hello.ledgerRoot,
    upstreams: hello.upstreams,
    get clockSkewMs() {
      return entry.anchorMs === undefined ? undefined : Math.round(needs.skewMs(entry.anchorMs))
    },
    clockVerified: hello.clock.source !== undefined,
    get roundTripMs() {
      return entry.roundTripMs
    },
    get isNeighbour() {
      return entry.isNeighbour
    },
    keyId: hello.keyId,
    roomBytes: hello.roomBytes,
  }
}

/** Where it was met is known to work: those addresses first. One it was dialled at and does not know itself is tried last. */
function preferSeen(
  addresses: readonly string[],
  seenAt: MemberEntry['seenAt'],
): readonly string[] {
  if (seenAt === undefined) return addresses
  const there = addresses.filter(address => hostOf(address) === seenAt.host)
  if (there.length > 0) return [...there, ...addresses.filter(a => hostOf(a) !== seenAt.host)]
  const [first] = addresses
  if (first === undefined || !seenAt.isDialled) return addresses
  return [...addresses, `${seenAt.host}:${first.slice(first.lastIndexOf(':') + 1)}`]
}

/** `10.0.0.1:5053` → `10.0.0.1`, `[fd00::1]:5053` → `[fd00::1]` */
export function hostOf(address: string): string {
  return address.slice(0, Math.max(address.lastIndexOf(':'), 0))
}
