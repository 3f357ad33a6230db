import type { SignedRecord } from '../ledger/record.ts'
import type { Verdict } from '../ports/bus.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Timers } from '../ports/timers.ts'
import type { OnTaken } from './intake.ts'
import type { Strikes } from './strikes.ts'
import { verdictOf } from './verdicts.ts'
import { decodeRecords, isLaterFormat, recordsMessageType } from './wire.ts'

/** A bus waits no longer than 100 ms for a verdict. What is not verified by then is not handed on, and taken all the same. */
const verdictMs = 80

/** Records in one message. */
const maxBatch = 256

/** Records on their way into the store, from one neighbour and altogether; the rest is left to the catch-up. */
const maxWaitingOfOne = 1_000
const maxWaiting = 4_000

/** Judges batches of records from the bus and takes them in. */
export interface Receiver {
  /** `from` is the neighbour that handed the message on: a sound one has verified it. */
  judge(message: Uint8Array, from: NodeId): Promise<Verdict>
}

/** Takes them into one store. */
export function createReceiver(parts: {
  readonly store: Pick<RecordStore, 'apply'>
  readonly strikes: Strikes
  readonly timers: Timers
  readonly log: Log
  readonly onTaken: OnTaken
}): Receiver {
  const { store, strikes, timers } = parts
  const waiting = new Map<NodeId, number>()
  let allWaiting = 0

  function count(from: NodeId, records: number): void {
    allWaiting += records
    const left = (waiting.get(from) ?? 0) + records
    if (left === 0) waiting.delete(from)
    else waiting.set(from, left)
  }

  async function take(records: readonly SignedRecord[], from: NodeId): Promise<Verdict> {
    count(from, records.length)
    try {
      const outcomes = await store.apply(records)
      parts.onTaken(outcomes, records)
      const verdict = verdictOf(outcomes)
      if (verdict === 'reject') strikes.add(from)
      return verdict
    } catch (err) {
      parts.log.debug({ err, records: records.length }, 'records from the bus not taken')
      return 'ignore'
    } finally {
      count(from, -records.length)
    }
  }

  const isFull = (from: NodeId): boolean =>
    allWaiting >= maxWaiting || (waiting.get(from) ?? 0) >= maxWaitingOfOne

  return {
    async judge(message, from) {
      const content = message.subarray(1)
      if (message[0] !== recordsMessageType || isLaterFormat(content)) return 'ignore'
      const records = decodeRecords(content) ?? []
      if (records.length === 0 || records.length > maxBatch) {
        strikes.add(from)
        return 'reject'
      }
      return isFull(from) ? 'ignore' : inTime(take(records, from))
    },
  }

  function inTime(verdict: Promise<Verdict>): Promise<Verdict> {
    return new Promise(resolve => {
      const cancel = timers.after(verdictMs, () => resolve('ignore'))
      void verdict.then(given => {
        cancel()
        resolve(given)
      })
    })
  }
}
