import pTimeout from 'p-timeout'
import type { SignedRecord } from '../ledger/record.ts'
import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import { type PeerAnswer, PeerFailure } from '../ports/peer-port.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { AskUpstream } from './ask-upstream.ts'
import { decodeTagQuestion, encodeWord, type PeerWord } from './peer-word.ts'
import type { ReachOf } from './reach-of.ts'

interface Parts {
  readonly askUpstream: AskUpstream
  /** With the mode counted in. */
  readonly reachOf: ReachOf
  readonly ledger: Pick<TagLedger, 'live' | 'trustedNowMs'>
  /** The signed record that the ledger answers a tag with, as it would be sent to others. */
  readonly signedObservation: (key: TagReference) => SignedRecord | undefined
  /** Told of every digest that another node is answered with. */
  readonly onAnswer: (digest: Digest) => void
}

/** Questions of other nodes under way at the same time. */
const maxAnswering = 64

/**
 * Answers other nodes' questions for tags: asks the registry, and nobody else, in the flight that this node's own clients share. How the
 * registry refused is told; that it cannot be reached is no answer. The rest of the image is left to the node that asks.
 */
export function createTagAnswer(parts: Parts, settings: { readonly maxMs: number }): PeerAnswer {
  const { ledger } = parts
  let answering = 0

  async function answer(key: TagReference, deadlineMs: number): Promise<PeerWord> {
    if (parts.reachOf(key).state !== 'reachable') {
      throw new PeerFailure('absent', `${key.registry} cannot be asked from here`)
    }
    // Who asks fetches it where that is wanted: a warm job that was called off there must not go on here.
    const flight = await parts.askUpstream(key, { leavesRest: true })
    const confirmed = await pTimeout(flight.answer, {
      milliseconds: Math.max(Math.min(deadlineMs, settings.maxMs), 1),
      message: new PeerFailure('busy', `${key.registry} is late`),
    })
    const signed = parts.signedObservation(key)
    if (signed === undefined || ledger.live(key)?.digest !== confirmed.digest) {
      throw new PeerFailure('absent', 'the ledger answers with something else')
    }
    parts.onAnswer(confirmed.digest)
    const ageMs = ledger.trustedNowMs() - confirmed.confirmedAtMs
    return { kind: 'observation', signed, ageMs: Math.max(0, ageMs) }
  }

  function refused(error: unknown): PeerWord {
    if (!(error instanceof UpstreamFailure)) throw error
    const { code, message } = error
    if (code !== 'denied' && code !== 'not-found') throw new PeerFailure('absent', message)
    return { kind: 'failed', failure: code, reason: message }
  }

  return async question => {
    const asked = decodeTagQuestion(question)
    if (asked === undefined) throw new PeerFailure('protocol', 'no question for a tag')
    if (answering >= maxAnswering) throw new PeerFailure('busy', 'too many questions')
    answering += 1
    try {
      return encodeWord(await answer(asked.key, asked.deadlineMs).catch(refused))
    } finally {
      answering -= 1
    }
  }
}
