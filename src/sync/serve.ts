import type { SignedRecord } from '../ledger/record.ts'
import { leafOf, registerOf } from '../ledger/register.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerAnswer } from '../ports/peer-port.ts'
import type { LeafRecords, RecordStore } from '../ports/record-store.ts'
import { createTurns } from '../ports/turns.ts'
import { compareLeaf, type LeafSide } from './compare-rows.ts'
import { differences, type HashTree, leavesOf, treeOf } from './hash-tree.ts'
import type { Intake } from './intake.ts'
import { encodeRows, type LeafRows, wireRow } from './row-bytes.ts'
import { createStoreAnswer, storeSubject } from './store-copies.ts'
import {
  busyAnswer,
  bytesOf,
  decodeLeafRecords,
  decodeLeaves,
  decodeRoot,
  decodeTree,
  decodeWord,
  encodeNodes,
  encodeRecords,
  encodeRoot,
  encodeRowsWord,
  encodeWord,
  fit,
  type RootWord,
} from './wire.ts'

/** Questions that take time, at once; who comes then is told so and asks somebody else. */
const maxServed = 2

/** Records in an answer, bytes; the rest comes in the next round. */
const maxAnswerBytes = 512 * 1024

/** Leaves looked at in one answer. */
const maxLeaves = 256

/** Tells what this node holds. */
export interface SyncServer {
  readonly answers: ReadonlyMap<string, PeerAnswer>
}

/** Answers the others' side of a catch-up. */
export function createSyncServer(parts: {
  readonly store: RecordStore
  readonly intake: Intake
  /** What another node said of all it holds. */
  readonly onRoot: (root: RootWord, from: NodeId) => void
}): SyncServer {
  const { store, intake } = parts
  let served = 0

  /** What cannot be read is answered like what cannot be served now: there is nothing to say to it. */
  function bounded(
    answer: (question: Uint8Array, from: NodeId) => Promise<Uint8Array | undefined>,
  ): PeerAnswer {
    return async (question, from) => {
      if (served >= maxServed) return busyAnswer
      served++
      try {
        return (await answer(question, from)) ?? busyAnswer
      } finally {
        served--
      }
    }
  }

  const tree = async (): Promise<HashTree> => treeOf(await store.fingerprint())

  async function answerRoot(question: Uint8Array, from: NodeId): Promise<Uint8Array> {
    const theirs = decodeRoot(question)
    if (theirs !== undefined) parts.onRoot(theirs, from)
    const { root } = await tree()
    return encodeRoot({ root, horizonMs: store.horizonMs(), count: store.count() })
  }

  async function answerNodes(question: Uint8Array): Promise<Uint8Array | undefined> {
    const theirs = decodeTree(question)
    if (theirs === undefined) return undefined
    const mine = await tree()
    const differing = differences(mine.nodes, theirs)
    return encodeNodes({ differing, leaves: leavesOf(mine, differing) })
  }

  async function answerLeaves(question: Uint8Array, from: NodeId): Promise<Uint8Array | undefined> {
    const theirs = decodeLeaves(question)
    if (theirs === undefined || theirs.size > maxLeaves) return undefined
    const records: LeafRecords[] = []
    const wants: LeafRows[] = []
    let bytes = 0
    let isCut = false
    const turns = createTurns()
    for (const [leaf, side] of theirs) {
      await turns.take()
      const { offered, wanted } = compare(leaf, side, from)
      if (wanted !== undefined) wants.push(wanted)
      const fitting = fit(offered, maxAnswerBytes - bytes)
      records.push({ leaf, records: fitting })
      bytes += bytesOf(fitting)
      isCut ||= fitting.length < offered.length
    }
    return encodeRowsWord({ records: records.filter(hasRecords), wants, isCut })
  }

  function compare(
    leaf: number,
    theirs: LeafSide,
    from: NodeId,
  ): { readonly offered: readonly SignedRecord[]; readonly wanted: LeafRows | undefined } {
    const rows = store.rows(leaf)
    const mine = { rows: rows.map(wireRow), refused: intake.refusals.of(leaf, from) }
    const { offer, want } = compareLeaf(mine, theirs)
    const offered = new Set(offer.map(({ text }) => text))
    const found = rows.filter(row => offered.has(wireRow(row).text))
    return {
      offered: found.length === 0 ? [] : store.records(leaf, found),
      wanted: want.length === 0 ? undefined : { leaf, bytes: encodeRows(want) },
    }
  }

  async function answerPush(question: Uint8Array, from: NodeId): Promise<Uint8Array | undefined> {
    const pushed = decodeLeafRecords(question)
    if (pushed === undefined || pushed === 'busy') return undefined
    return encodeWord(await intake.take(pushed, from))
  }

  async function answerKey(question: Uint8Array): Promise<Uint8Array | undefined> {
    const key = decodeWord(question)
    if (typeof key !== 'string' || key.length > 1024) return undefined
    const leaf = leafOf(key)
    const registers = (['observation', 'pin', 'use', 'forget'] as const).map(kind =>
      registerOf(kind, key),
    )
    const rows = store.rows(leaf).filter(({ register }) => registers.includes(register))
    return encodeRecords(store.records(leaf, rows))
  }

  return {
    answers: new Map([
      ['sync/root', answerRoot],
      ['sync/nodes', bounded(answerNodes)],
      ['sync/leaves', bounded(answerLeaves)],
      ['sync/push', bounded(answerPush)],
      ['sync/key', bounded(answerKey)],
      [storeSubject, createStoreAnswer(parts)],
    ]),
  }
}

const hasRecords = ({ records }: LeafRecords): boolean => records.length > 0
