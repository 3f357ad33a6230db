import { setImmediate as nextTurn } from 'node:timers/promises'
import { keyBytesOf } from '../../ledger/key-bytes.ts'
import { leafCount, markOf } from '../../ledger/leaf.ts'
import type { SignedRecord } from '../../ledger/record.ts'
import type { RecordOutcome, RecordStore } from '../../ports/record-store.ts'
import type { Connection } from './database.ts'
import { createFingerprint, readRows } from './fingerprint.ts'
import type { Reader } from './reader.ts'
import { leafStatements, registersOf, type StoredRecord } from './registers.ts'
import type { Committed } from './writer-protocol.ts'

/** Records written in one transaction, about: what this node learns itself waits for one to end. */
const batchRecords = 1_000

/** Batches on their way at once: one is verified while another is written. */
const batchesAtOnce = 3

/** Leaves read before others have their turn. */
const leavesPerTurn = 16

/** The record store of this database, and what keeps it informed. */
export interface SqliteRecordStore extends RecordStore {
  committed(committed: Committed): void
  /** Another database took the place of the first. */
  reopened(): void
  beaten(keys: readonly string[]): void
}

/** The registers in SQLite: read on this thread, written by the writer. */
export function createRecordStore(parts: {
  readonly reader: Reader
  /** Takes in one batch. */
  readonly apply: (records: readonly SignedRecord[]) => Promise<readonly RecordOutcome[]>
  readonly reaffirm: (key: string) => Promise<void>
}): SqliteRecordStore {
  const { reader } = parts
  const fingerprint = createFingerprint(reader)
  const recordListeners = new Set<Parameters<RecordStore['onRecords']>[0]>()
  const beatenListeners = new Set<(key: string) => void>()
  const running = new Set<Promise<void>>()
  let counted: number | undefined

  function tell(records: readonly SignedRecord[], by: 'self' | 'others'): void {
    if (records.length > 0) for (const listener of recordListeners) listener(records, by)
  }

  async function applyBatch(batch: readonly Placed[], outcomes: RecordOutcome[]): Promise<void> {
    const records = batch.map(({ signed }) => signed)
    const ofBatch = await parts.apply(records)
    for (const [i, { at }] of batch.entries()) outcomes[at] = ofBatch[i] ?? 'known'
    tell(
      records.filter((_, i) => ofBatch[i] === 'applied'),
      'others',
    )
  }

  /** Few records do not wait for many: they may be what somebody asks for. */
  async function inTurn(apply: () => Promise<void>): Promise<void> {
    while (running.size >= batchesAtOnce) await Promise.race(running)
    const applying = apply()
    const settle = (): void => void running.delete(settled)
    const settled: Promise<void> = applying.then(settle, settle)
    running.add(settled)
    await applying
  }

  return {
    async apply(records) {
      const outcomes: RecordOutcome[] = records.map(() => 'known')
      const batches = batchesByKey(records)
      const [only] = batches
      if (batches.length === 1 && only !== undefined) await applyBatch(only, outcomes)
      else await Promise.all(batches.map(batch => inTurn(() => applyBatch(batch, outcomes))))
      return outcomes
    },
    fingerprint: fingerprint.get,
    rows: leaf => reader.read(({ db }) => readRows(db, leaf), []),
    records(leaf, rows) {
      const wanted = new Set(rows.map(row => `${row.origin} ${row.wallMs} ${row.mark}`))
      return reader
        .read(({ db }) => readLeaf(db, leaf), [])
        .flatMap(row => {
          const { body, signature } = row
          return wanted.has(`${row.origin} ${row.wall_ms} ${markOf(row)}`)
            ? [{ body, signature }]
            : []
        })
    },
    async *all(from) {
      for (let leaf = from; leaf < leafCount; leaf++) {
        const rows = reader.read(({ db }) => readLeaf(db, leaf), [])
        if (rows.length > 0) {
          yield { leaf, records: rows.map(({ body, signature }) => ({ body, signature })) }
        }
        if (leaf % leavesPerTurn === 0) await nextTurn()
      }
    },
    count() {
      counted ??= reader.read(({ db }) => countRecords(db), 0)
      return counted
    },
    horizonMs: () => reader.read(({ db }) => readHorizon(db), 0),
    onRecords(listener) {
      recordListeners.add(listener)
      return () => void recordListeners.delete(listener)
    },
    onBeaten(listener) {
      beatenListeners.add(listener)
      return () => void beatenListeners.delete(listener)
    },
    reaffirm: parts.reaffirm,
    committed({ own, leaves }) {
      if (leaves.length > 0) counted = undefined
      fingerprint.touch(leaves)
      tell(own, 'self')
    },
    reopened() {
      counted = undefined
      fingerprint.touchAll()
    },
    beaten(keys) {
      for (const key of keys) for (const listener of beatenListeners) listener(key)
    },
  }
}

interface Placed {
  readonly signed: SignedRecord
  /** Where it stood. */
  readonly at: number
  readonly key: Uint8Array
}

/**
 * Batches in the order of their keys, so that a transaction changes few pages however the records came (nodes send them by a hash of
 * the key). A key is not divided: its use says whether its observation is too old.
 */
function batchesByKey(records: readonly SignedRecord[]): readonly (readonly Placed[])[] {
  const placed = records.map((signed, at) => ({ signed, at, key: keyBytesOf(signed.body) }))
  if (placed.length <= batchRecords) return [placed]
  placed.sort((a, b) => Buffer.compare(a.key, b.key))
  const batches: Placed[][] = []
  for (const one of placed) {
    const batch = batches.at(-1)
    const last = batch?.at(-1)
    const isFull = batch === undefined || batch.length >= batchRecords
    if (isFull && (last === undefined || Buffer.compare(last.key, one.key) !== 0))
      batches.push([one])
    else batch?.push(one)
  }
  return batches
}

const readLeaf = (db: Connection, leaf: number): readonly StoredRecord[] =>
  leafStatements(db)?.records.all(...registersOf(leaf)) ?? []

const countRecords = (db: Connection): number =>
  db.prepare<[], number>('SELECT count(*) FROM record').pluck().get() ?? 0

const readHorizon = (db: Connection): number =>
  Number(
    db.prepare<[], string>("SELECT value FROM meta WHERE name = 'horizon-ms'").pluck().get() ?? 0,
  )
