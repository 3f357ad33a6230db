import type { SignedRecord } from '../ledger/record.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerClient } from '../ports/peer-port.ts'
import type { LeafRecords, RecordStore } from '../ports/record-store.ts'
import type { Timers } from '../ports/timers.ts'
import { createTurns } from '../ports/turns.ts'
import { differences, type HashTree, hashBytes, leavesPerNode, treeOf } from './hash-tree.ts'
import type { Intake } from './intake.ts'
import { inOneTurn } from './one-turn.ts'
import { encodeMarks } from './refusals.ts'
import { encodeRows, type LeafRows, rowBytes, type WireRow, wireRow } from './row-bytes.ts'
import {
  type Answer,
  bytesOf,
  decodeNodes,
  decodeRoot,
  decodeRowsWord,
  decodeWord,
  encodeLeafRecords,
  encodeLeaves,
  encodeRoot,
  encodeTree,
  fit,
  type RootWord,
} from './wire.ts'

/** One call, ms. */
const callMs = 15_000

/** Rows sent in one question. */
const maxQuestionRows = 2_400

/** Leaves asked of in one question. */
const maxQuestionLeaves = 128

/** Records sent in one push, bytes. */
const maxPushBytes = 256 * 1024

/** What became of comparing this node with another. */
export interface Round {
  readonly with: NodeId
  /**
   * `equal`: nothing differed; `done`: what differed was exchanged; `more`: some of it; `snapshot`: the other holds so much more that
   * all of it is to be fetched; `left`: this node holds so much more that the other will fetch all of it; `busy`: it has too much to do;
   * `failed`: it did not answer, or not sensibly.
   */
  readonly result: 'equal' | 'done' | 'more' | 'snapshot' | 'left' | 'busy' | 'failed'
  /** Leaves that differed. */
  readonly leaves: number
  /** Records that were news to this node. */
  readonly received: number
  /** Records sent, whether they were news or not. */
  readonly sent: number
  /** Of questions and answers. */
  readonly bytesOut: number
  readonly bytesIn: number
}

/** Compares this node's records with another's and exchanges what either lacks. Rejects only when `signal` is aborted. */
export type CatchUp = (id: NodeId, signal: AbortSignal) => Promise<Round>

/** Another node said something that no node says. */
class Nonsense extends Error {}

/** It has too much to do. */
class Busy extends Error {}

/** Over one peer client. */
export function createCatchUp(parts: {
  readonly store: RecordStore
  readonly intake: Intake
  readonly peers: Pick<PeerClient, 'call'>
  readonly timers: Timers
  /** What another node said of all it holds. */
  readonly onRoot: (root: RootWord) => void
  /** Whether so much is missing, by the number of records there and here, that it is fetched as a whole. */
  readonly wantsSnapshot: (theirs: number, ours: number) => boolean
  /** Whether the other would say so. */
  readonly leavesSnapshot: (theirs: number, ours: number) => boolean
  /** A node said something no node says. */
  readonly onNonsense: (id: NodeId) => void
  readonly onFailure: (id: NodeId, err: unknown) => void
}): CatchUp {
  const { store, intake, peers } = parts

  return (id, given) => inOneTurn(parts.timers, given, signal => round(id, given, signal))

  async function round(id: NodeId, given: AbortSignal, signal: AbortSignal): Promise<Round> {
    const told = { leaves: 0, received: 0, sent: 0, bytesOut: 0, bytesIn: 0 }
    const end = (result: Round['result']): Round => ({ with: id, result, ...told })
    try {
      return end(await compare())
    } catch (err) {
      given.throwIfAborted()
      if (err instanceof Busy) return end('busy')
      if (err instanceof Nonsense) parts.onNonsense(id)
      parts.onFailure(id, err)
      return end('failed')
    }

    async function ask<T>(
      subject: string,
      question: Uint8Array,
      decode: (answer: Uint8Array) => Answer<T> | undefined,
    ): Promise<T> {
      told.bytesOut += question.length
      const answer = await peers.call(id, subject, question, { signal, timeoutMs: callMs })
      told.bytesIn += answer.length
      const decoded = decode(answer)
      if (decoded === undefined) throw new Nonsense(`${id} answered ${subject} with nonsense`)
      if (decoded === 'busy') throw new Busy()
      return decoded as T
    }

    async function compare(): Promise<Round['result']> {
      const mine = treeOf(await store.fingerprint())
      const count = store.count()
      const own = encodeRoot({ root: mine.root, horizonMs: store.horizonMs(), count })
      const theirs = await ask('sync/root', own, decodeRoot)
      parts.onRoot(theirs)
      if (Buffer.compare(theirs.root, mine.root) === 0) return 'equal'
      if (parts.wantsSnapshot(theirs.count, count)) return 'snapshot'
      if (parts.leavesSnapshot(theirs.count, count)) return 'left'
      const leaves = await differingLeaves(mine)
      told.leaves = leaves.length
      return exchangeAll(leaves)
    }

    async function exchangeAll(leaves: readonly number[]): Promise<Round['result']> {
      let isCut = false
      for (let rest = leaves; rest.length > 0; ) {
        const question = await gather(rest)
        rest = rest.slice(question.rows.length)
        isCut = (await exchange(question)) || isCut
      }
      return isCut ? 'more' : 'done'
    }

    async function differingLeaves(mine: HashTree): Promise<readonly number[]> {
      const { differing, leaves } = await ask('sync/nodes', encodeTree(mine), decodeNodes)
      const length = leavesPerNode * hashBytes
      return differing.flatMap((node, i) =>
        differences(
          mine.leaves.subarray(node * length, (node + 1) * length),
          leaves.subarray(i * length, (i + 1) * length),
        ).map(leaf => node * leavesPerNode + leaf),
      )
    }

    /** What this node holds of the first leaves, as many as fit into a question. */
    async function gather(
      leaves: readonly number[],
    ): Promise<{ readonly rows: readonly LeafRows[]; readonly refused: readonly LeafRows[] }> {
      const turns = createTurns()
      const rows: LeafRows[] = []
      const refused: LeafRows[] = []
      let bytes = 0
      for (const leaf of leaves.slice(0, maxQuestionLeaves)) {
        if (bytes > maxQuestionRows * rowBytes) break
        await turns.take()
        const packed = encodeRows(store.rows(leaf).map(wireRow))
        rows.push({ leaf, bytes: packed })
        bytes += packed.length
        const marks = intake.refusals.of(leaf, id)
        if (marks.size > 0) refused.push({ leaf, bytes: encodeMarks(marks) })
      }
      return { rows, refused }
    }

    /** Sends rows, takes what comes for them, sends what is wanted. Says whether there is more. */
    async function exchange(question: Awaited<ReturnType<typeof gather>>): Promise<boolean> {
      const word = await ask('sync/leaves', encodeLeaves(question), decodeRowsWord)
      const taken = intake.take(word.records, id)
      const [received] = await Promise.all([taken, push(word.wants)])
      told.received += received
      return word.isCut
    }

    async function push(wants: ReadonlyMap<number, readonly WireRow[]>): Promise<void> {
      let batch: LeafRecords[] = []
      let bytes = 0
      for (const [leaf, rows] of wants) {
        const records = fit(recordsOf(leaf, rows), maxPushBytes)
        bytes += bytesOf(records)
        if (bytes > maxPushBytes) {
          await send(batch)
          batch = []
          bytes = bytesOf(records)
        }
        batch.push({ leaf, records })
      }
      await send(batch)
    }

    function recordsOf(leaf: number, rows: readonly WireRow[]): readonly SignedRecord[] {
      const texts = new Set(rows.map(({ text }) => text))
      const held = store.rows(leaf).filter(row => texts.has(wireRow(row).text))
      return store.records(leaf, held)
    }

    async function send(leaves: readonly LeafRecords[]): Promise<void> {
      const records = leaves.reduce((sum, leaf) => sum + leaf.records.length, 0)
      if (records === 0) return
      // A later version may answer more than a number; what it took does not matter here.
      await ask('sync/push', encodeLeafRecords(leaves), decodeWord)
      told.sent += records
    }
  }
}
