import type { Clock } from '../ports/clock.ts'
import type { ClusterTime } from '../ports/cluster-time.ts'
import type { Log, LogFields } from '../ports/log.ts'
import type { NodeSignature } from '../ports/node-signature.ts'
import { encodeBye } from './bye.ts'
import { encodeHello, type Hello, type ProtocolRange, type SignedHello } from './hello.ts'
import type { ToldHello } from './mesh-message.ts'

/** What this node says of itself, read anew for each hello. */
export type OwnFacts = Pick<
  Hello,
  | 'name'
  | 'zone'
  | 'platforms'
  | 'peerAddresses'
  | 'meshAddresses'
  | 'ledgerRoot'
  | 'records'
  | 'upstreams'
  | 'roomBytes'
  | 'keyId'
  | 'acceptedKeyIds'
>

/** This node's own word. */
export interface OwnHello {
  /** The latest; a new one when there is none of the last seconds. */
  current(): ToldHello
  /** A new one, with what is so now. */
  renew(): ToldHello
  /** The last word. */
  bye(): SignedHello
  /** Another hello by this node's key was heard: of an earlier start, or of another node that has its key. */
  meetOwn(hello: Hello): void
  /** Another node has this node's key: it was met where this one dialled, or dialled this one. */
  meetTwin(address: string | undefined): void
  /** Another node has this node's key: when that was last certain, monotonic ms. */
  twinSeenMs(): number | undefined
}

/** A hello this fresh is told again as it is. */
const freshMs = 5_000

/** Makes it. `onOutdated` is called when what was said last would lose against an older word. */
export function createOwnHello(
  parts: {
    readonly signature: NodeSignature
    readonly clock: Clock
    readonly time: ClusterTime
    readonly log: Log
    readonly facts: () => OwnFacts
    readonly periodMs: () => number
    readonly onOutdated: (incarnation: number) => void
  },
  options: {
    readonly version: string
    readonly protocols: ProtocolRange
    readonly nonce: string
    readonly incarnation: number
  },
): OwnHello {
  const { signature, clock, time, log } = parts
  const { version, protocols, nonce } = options
  const { self: id } = signature
  let { incarnation } = options
  let sequence = 0
  let twin: string | undefined
  let twinSeenMs: number | undefined
  let latest: { readonly signed: SignedHello; readonly atMs: number } | undefined

  function renew(): ToldHello {
    sequence += 1
    const body = encodeHello({
      ...parts.facts(),
      id,
      version,
      protocols,
      incarnation,
      sequence,
      nonce,
      twin,
      clock: { trustedMs: Math.max(0, Math.round(time.nowMs())), source: time.source() },
      periodMs: Math.round(parts.periodMs()),
    })
    const signed = { body, signature: signature.sign('hello', body) }
    latest = { signed, atMs: clock.monotonicMs() }
    return { ...signed, ageMs: 0 }
  }

  function noteTwin(where: LogFields): void {
    if (twinSeenMs === undefined) {
      log.error(
        { id, ...where },
        'another node uses the key of this one: remove node.key from the one that is the copy',
      )
    }
    twinSeenMs = clock.monotonicMs()
  }

  return {
    renew,
    current() {
      const ageMs = clock.monotonicMs() - (latest?.atMs ?? Number.NEGATIVE_INFINITY)
      return latest === undefined || ageMs > freshMs ? renew() : { ...latest.signed, ageMs }
    },
    bye() {
      sequence += 1
      const body = encodeBye({ id, incarnation, nonce, sequence })
      return { body, signature: signature.sign('bye', body) }
    },
    meetOwn(hello) {
      if (hello.nonce === nonce) return
      // An earlier start of this node cannot know how this one calls itself.
      if (hello.twin === nonce) {
        noteTwin({ name: hello.name, addresses: hello.meshAddresses })
      }
      if (hello.incarnation < incarnation) return
      incarnation = hello.incarnation + 1
      twin = hello.nonce
      latest = undefined
      parts.onOutdated(incarnation)
    },
    meetTwin: address => noteTwin(address === undefined ? {} : { addresses: [address] }),
    twinSeenMs: () => twinSeenMs,
  }
}
