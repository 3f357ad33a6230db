import type { Clock } from '../ports/clock.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { NodeSignature } from '../ports/node-signature.ts'
import { decodeBye } from './bye.ts'
import { compareTurns, decodeHello, type Hello, type SignedHello } from './hello.ts'
import { isWithinAllowance, type MemberEntry } from './member-entry.ts'
import type { Oddities } from './member-oddities.ts'
import { newestUnmet, whoLeaves } from './member-places.ts'
import type { MemberStates } from './member-states.ts'
import type { ToldHello } from './mesh-message.ts'

/**
 * What became of a hello. `news`: of a node that was not here; `newer`: in place of an earlier one; `known`: nothing new, or older;
 * `own`: by this node's own key; `limited`: too many of one node, or too many nodes; `unreadable`: not as this version reads them;
 * `forged`: that node did not sign it.
 */
export type Admission = 'news' | 'newer' | 'known' | 'own' | 'limited' | 'unreadable' | 'forged'

/** How a hello came. */
export interface Arrival {
  /** Half a round trip, ms. */
  readonly delayMs?: number
}

/** Takes in what nodes say of themselves. */
export interface HelloAdmission {
  admit(told: ToldHello, arrival?: Arrival): Admission
  /** A node's last word: whether it is taken. */
  admitBye(signed: SignedHello): 'accept' | 'ignore' | 'reject'
}

/** Most nodes that are remembered: whoever holds the secret can make up any number of names. */
const defaultMaxMembers = 10_000
/** A clock's word this old says nothing any more. */
const maxSampleAgeMs = 10 * 60_000

/** When a node was heard, and what its clock said. */
type Seen = Pick<MemberEntry, 'anchorMs'> & { readonly seenMs: number }

/** Into a table. `onOwn` is handed hellos that this node's own key signed, and this start of it did not. */
export function createHelloAdmission(
  parts: {
    readonly table: ReadonlyMap<NodeId, MemberEntry>
    readonly states: MemberStates
    readonly oddities: Oddities
    readonly signature: NodeSignature
    readonly clock: Clock
    readonly onOwn: (hello: Hello) => void
    readonly isNeighbour: (id: NodeId) => boolean
    /** Puts a node into the table that is not there. */
    readonly put: (hello: Hello, signed: SignedHello, lastSeenMs: number) => MemberEntry
    /** Gives a known node's newer word to it. */
    readonly renew: (entry: MemberEntry, hello: Hello, signed: SignedHello) => void
    readonly forget: (entry: MemberEntry) => void
    readonly changed: () => void
  },
  options: {
    /** Of this node's own hellos. */
    readonly nonce: string
    readonly maxMembers?: number
  },
): HelloAdmission {
  const { table, states, oddities, signature, clock, forget, changed } = parts
  const { maxMembers = defaultMaxMembers } = options

  function anchorOf({ clock: word }: Hello, { ageMs }: ToldHello, delayMs: number) {
    if (ageMs > maxSampleAgeMs) return undefined
    return word.trustedMs + ageMs + delayMs - clock.monotonicMs()
  }

  function takeIn(hello: Hello, told: ToldHello, seen: Seen): Admission {
    const entry = table.get(hello.id)
    if (hello.nonce === options.nonce) return 'own'
    if (entry !== undefined && !isWithinAllowance(entry, clock.monotonicMs())) return 'limited'
    if (!signature.isSignedBy(hello.id, 'hello', told.body, told.signature)) return 'forged'
    if (hello.id === signature.self) {
      parts.onOwn(hello)
      return 'own'
    }
    // Copies: what came may be a piece of something larger.
    const signed = { body: Uint8Array.from(told.body), signature: Uint8Array.from(told.signature) }
    return entry === undefined ? add(hello, signed, seen) : replace(entry, hello, signed, seen)
  }

  function add(hello: Hello, signed: SignedHello, seen: Seen): Admission {
    if (table.size >= maxMembers && !makeRoom(parts.isNeighbour(hello.id))) return 'limited'
    const entry = parts.put(hello, signed, seen.seenMs)
    entry.anchorMs = seen.anchorMs
    states.revive(entry, seen.seenMs)
    oddities.tell(entry)
    changed()
    return entry.state === 'gone' ? 'known' : 'news'
  }

  function makeRoom(isNeighbour: boolean): boolean {
    const nowMs = clock.monotonicMs()
    const leaving = whoLeaves(table.values(), { isNeighbour }, nowMs)
    if (leaving !== undefined) forget(leaving)
    const doubtful = newestUnmet(table.values(), nowMs)
    if (doubtful !== undefined) states.lookFor(doubtful)
    return leaving !== undefined
  }

  function replace(entry: MemberEntry, hello: Hello, signed: SignedHello, seen: Seen): Admission {
    const wasGone = entry.state === 'gone'
    const before = entry.hello
    oddities.noticeTwin(entry, hello)
    parts.renew(entry, hello, signed)
    entry.anchorMs = seen.anchorMs
    entry.saidBye = false
    // A node that was started anew is another one to reach.
    if (hello.nonce !== before.nonce) entry.downSinceMs = undefined
    states.revive(entry, seen.seenMs)
    if (before.name !== hello.name || before.version !== hello.version) oddities.tell(entry)
    changed()
    return wasGone && entry.state !== 'gone' ? 'news' : 'newer'
  }

  return {
    admit(told, { delayMs = 0 } = {}) {
      const hello = decodeHello(told.body)
      if (hello === undefined) return 'unreadable'
      const entry = table.get(hello.id)
      const seenMs = clock.monotonicMs() - told.ageMs
      const order = entry === undefined ? 1 : compareTurns(hello, entry.hello)
      if (order > 0)
        return takeIn(hello, told, { seenMs, anchorMs: anchorOf(hello, told, delayMs) })
      if (entry !== undefined && order === 0 && seenMs > entry.lastSeenMs)
        states.revive(entry, seenMs)
      return 'known'
    },
    admitBye(signed) {
      const bye = decodeBye(signed.body)
      if (bye === undefined) return 'reject'
      const entry = table.get(bye.id)
      if (entry === undefined || entry.saidBye) return 'ignore'
      if (compareTurns(bye, entry.hello) <= 0) return 'ignore'
      if (!isWithinAllowance(entry, clock.monotonicMs())) return 'ignore'
      if (!signature.isSignedBy(bye.id, 'bye', signed.body, signed.signature)) return 'reject'
      entry.saidBye = true
      entry.downSinceMs = undefined
      states.set(entry, 'gone', 'said bye')
      return 'accept'
    },
  }
}
