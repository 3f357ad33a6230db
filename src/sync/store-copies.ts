import { markOf } from '../ledger/leaf.ts'
import type { RecordKind } from '../ledger/record.ts'
import { leafOf, registerOf } from '../ledger/register.ts'
import type { Log } from '../ports/log.ts'
import type { Member, Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { pause } from '../ports/pause.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import type { LeafRecords, RecordStore } from '../ports/record-store.ts'
import type { Timers } from '../ports/timers.ts'
import type { Intake } from './intake.ts'
import { busyAnswer, decodeLeafRecords, decodeWord, encodeLeafRecords, encodeWord } from './wire.ts'

/** Subject on the peer port: store this and say whether you did. */
export const storeSubject = 'sync/store'

/** Members asked when none is wanted in particular: the bus reaches the others. */
const maxAsked = 16

/** How long a member may take to store it, ms: longer than a slow card needs for a commit. */
const eachMs = 3_000

/** Who waits for no copy in particular hears of those that are stored by then, ms. */
const lookMs = 500

/** How long it is tried to have as many copies as are wanted, ms. */
const insistMs = 10_000

/** Who was busy or on its way may answer the next time, ms. */
const againMs = 250

/** Records of one question: those of one key. */
const maxRecords = 4

/**
 * Has other members store what an operator said on this node of a pin, a ban or the like, or what it found said already, and counts who did, this node among them.
 * `members`: all that are not forgotten, `away` of which are gone. Never rejects but for `signal`.
 */
export type StoreCopies = (
  kind: RecordKind,
  key: string,
  copies: number,
  signal: AbortSignal,
) => Promise<{ readonly nodes: number; readonly members: number; readonly away: number }>

/** Records that are to be stored, and how many they are. */
interface Question {
  readonly question: Uint8Array
  readonly count: number
}

/** Asks over the peer port, whoever is alive. */
export function createStoreCopies(parts: {
  readonly store: Pick<RecordStore, 'rows' | 'records'>
  readonly peers: Pick<PeerClient, 'call'>
  readonly members: Pick<Members, 'self' | 'alive' | 'all'>
  readonly timers: Timers
  readonly log: Log
}): StoreCopies {
  const { store, members, timers } = parts

  /** What this node said and all that was said after it: one of them stands. Where it said nothing, what others did. */
  function wordOf(kind: RecordKind, key: string): LeafRecords {
    const leaf = leafOf(key)
    const register = registerOf(kind, key)
    const rows = store.rows(leaf).filter(row => row.register === register)
    const own = rows.findIndex(row => row.origin === members.self)
    return { leaf, records: store.records(leaf, rows.slice(Math.max(own, 0)).slice(-maxRecords)) }
  }

  async function ask(
    id: NodeId,
    { question, count }: Question,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      const options = { signal, timeoutMs: eachMs, maxBytes: 16 }
      const answer = await parts.peers.call(id, storeSubject, question, options)
      return decodeWord(answer) === count
    } catch (err) {
      if (signal.aborted && !(err instanceof PeerFailure)) return false
      parts.log.debug({ peer: id, err }, 'a member did not store what an operator said')
      return false
    }
  }

  /** One turn: those who have not stored it yet are asked once. */
  async function spread(
    question: Question,
    { stored, copies, signal }: { stored: Set<NodeId>; copies: number; signal: AbortSignal },
  ): Promise<void> {
    const asked = members.alive().filter(({ id }) => !stored.has(id))
    const asking = asked.slice(0, Math.max(maxAsked, copies)).map(async ({ id }) => {
      if (await ask(id, question, signal)) stored.add(id)
    })
    await Promise.all(asking)
  }

  return async (kind, key, copies, signal) => {
    const word = wordOf(kind, key)
    const stored = new Set<NodeId>([members.self])
    const count = word.records.length
    if (count > 0) {
      const question = { question: encodeLeafRecords([word]), count }
      const bound = AbortSignal.any([signal, AbortSignal.timeout(copies > 1 ? insistMs : lookMs)])
      const turn = { stored, copies, signal: bound }
      await spread(question, turn)
      while (stored.size < copies && !bound.aborted) {
        await pause(againMs, timers, bound)
        await spread(question, turn)
      }
    }
    const others = members.all()
    const isAway = ({ id, state }: Member): boolean => state === 'gone' && !stored.has(id)
    return {
      nodes: stored.size,
      members: Math.max(others.length + 1, stored.size),
      away: others.filter(isAway).length,
    }
  }
}

/** Answers the others' side with how many of the records are durable here now, each as the newest that its node said. */
export function createStoreAnswer(parts: {
  readonly store: Pick<RecordStore, 'rows'>
  readonly intake: Intake
}): PeerAnswer {
  return async (question, from) => {
    const leaves = decodeLeafRecords(question)
    if (leaves === undefined || leaves === 'busy') return busyAnswer
    const count = leaves.reduce((sum, { records }) => sum + records.length, 0)
    if (count > maxRecords) return busyAnswer
    await parts.intake.take(leaves, from)
    const held = leaves.flatMap(({ leaf, records }) => {
      const marks = new Set(parts.store.rows(leaf).map(({ mark }) => mark))
      return records.filter(record => marks.has(markOf(record)))
    })
    return encodeWord(held.length)
  }
}
