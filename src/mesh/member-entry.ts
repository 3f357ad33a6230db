import type { Member } from '../ports/members.ts'
import { type Hello, meet, type ProtocolRange, type SignedHello } from './hello.ts'

/** What the table holds of one node; only the table changes it. */
export interface MemberEntry {
  signed: SignedHello
  hello: Hello
  state: Member['state']
  /** When it came into the table. Monotonic, as all times here, ms. */
  readonly knownSinceMs: number
  /** When it was heard last, by its own word, an answer or what others say. */
  lastSeenMs: number
  /** Its trusted time less our monotonic clock; `undefined` when its hello is too old to tell. */
  anchorMs: number | undefined
  /** It did not answer our probes from then on. */
  downSinceMs: number | undefined
  /** When one that is down is probed next. */
  nextProbeMs: number
  saidBye: boolean
  /** The log knows of it. */
  wasTold: boolean
  /** This node met it: it answered or was connected, under its own key. Of others there is only their word. */
  wasMet: boolean
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
const allowance = 20
const allowanceEveryMs = 1_000

/** Makes the entry of a node that is just known of; whoever makes it says whether it is there. */
export function createEntry(
  { hello, signed, seenAt }: Pick<MemberEntry, 'hello' | 'signed' | 'seenAt'>,
  times: { readonly nowMs: number; readonly lastSeenMs: number },
  viewNeeds: ViewNeeds,
): MemberEntry {
  const draft: Omit<MemberEntry, 'view'> = {
    signed,
    hello,
    state: 'gone',
    knownSinceMs: times.nowMs,
    lastSeenMs: times.lastSeenMs,
    anchorMs: undefined,
    downSinceMs: undefined,
    nextProbeMs: 0,
    saidBye: false,
    wasTold: false,
    wasMet: seenAt !== undefined,
    isNeighbour: seenAt !== undefined,
    seenAt,
    roundTripMs: undefined,
    unheardMs: 0,
    formerNonces: [],
    twinSeenMs: undefined,
    allowance,
    allowanceAtMs: times.nowMs,
  }
  const entry = draft as MemberEntry
  entry.view = viewOf(entry, viewNeeds)
  return entry
}

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

/** What a view of an entry is made with. */
export interface ViewNeeds {
  readonly protocols: ProtocolRange
  /** What a clock is ahead of ours now, by its anchor, ms. */
  readonly skewMs: (anchorMs: number) => number
}

/** The port's view of an entry, with what moves fast read live. */
export function viewOf(entry: MemberEntry, needs: ViewNeeds): Member {
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
    get isUnanswered() {
      return entry.downSinceMs !== undefined
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
