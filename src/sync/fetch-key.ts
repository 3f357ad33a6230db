import { leafOf } from '../ledger/register.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerClient } from '../ports/peer-port.ts'
import type { Intake } from './intake.ts'
import { decodeRecords, encodeWord } from './wire.ts'

/** Members asked for one key. */
const maxAsked = 3

/** Keys asked for at once. */
const maxKeys = 64

/** A register holds three records of each kind. */
const maxAnswerBytes = 128 * 1024

/**
 * Fetches what members know of one key (`registry/repository:tag`), for a node that has not caught up yet and is asked for it. Settles
 * as soon as anything new was taken (`true`), else when all who were asked have answered or `timeoutMs` has passed. Never rejects.
 */
export type FetchKey = (key: string, signal: AbortSignal) => Promise<boolean>

/** One flight per key. */
export function createFetchKey(
  parts: {
    readonly intake: Intake
    readonly peers: Pick<PeerClient, 'call'>
    readonly members: Pick<Members, 'alive'>
    readonly random: () => number
    readonly log: Log
  },
  settings: { readonly timeoutMs: number },
): FetchKey {
  const flights = new Map<string, Promise<boolean>>()

  async function askOne(id: NodeId, key: string, signal: AbortSignal): Promise<void> {
    const options = { signal, timeoutMs: settings.timeoutMs, maxBytes: maxAnswerBytes }
    const answer = await parts.peers.call(id, 'sync/key', encodeWord(key), options)
    const records = decodeRecords(answer)
    const taken =
      records === undefined ? 0 : await parts.intake.take([{ leaf: leafOf(key), records }], id)
    if (taken === 0) throw new Error(`${id} knows nothing new of ${key}`)
  }

  async function ask(key: string, signal: AbortSignal): Promise<boolean> {
    const members = [...parts.members.alive()].sort(
      (a, b) => (a.roundTripMs ?? 50) - (b.roundTripMs ?? 50) + (parts.random() - 0.5) * 20,
    )
    const asked = members.slice(0, maxAsked).map(({ id }) => askOne(id, key, signal))
    try {
      await Promise.any(asked)
      return true
    } catch (err) {
      parts.log.debug({ ref: key, err }, 'no member knows more of the tag')
      return false
    }
  }

  return (key, signal) => {
    const running = flights.get(key)
    if (running !== undefined) return running
    if (flights.size >= maxKeys) return Promise.resolve(false)
    const flight = ask(key, signal).finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  }
}
