import type { KeyObject } from 'node:crypto'
import { kindNumbers } from '../../ledger/encode-record.ts'
import { operatorRecord } from '../../ledger/own-record.ts'
import { isOperatorKind, type LedgerRecord, type SignedRecord } from '../../ledger/record.ts'
import { leafOf } from '../../ledger/register.ts'
import { stampAfter } from '../../ledger/stamp.ts'
import type { Log } from '../../ports/log.ts'
import type { RecordOutcome } from '../../ports/record-store.ts'
import { type AgeOutTime, createAgeOut } from './age-out.ts'
import {
  type ApplyTime,
  type CheckedRecord,
  checkRecord,
  createRecordApplier,
  usesFirst,
} from './apply-records.ts'
import { createCorrectTime } from './correct-time.ts'
import { type Connection, isCorruption, isUnwritable } from './database.ts'
import { createExclusions } from './exclusions.ts'
import { packRecords } from './pack-records.ts'
import type { PinJournal } from './pin-journal.ts'
import { wordKinds } from './words.ts'
import { createKeyWriter } from './write-key.ts'
import { createLocalWriter } from './write-local.ts'
import { createRecordWriter } from './write-record.ts'
import type { Committed, Job, JobResult, OperatorWord } from './writer-protocol.ts'

/** What became of one job of a batch that was committed: its result, or the fault of its own that undid it alone. */
export type Outcome = JobResult | Error

/** A job whose records, if any, were parsed and verified. */
export type PreparedJob =
  | Exclude<Job, { readonly type: 'apply' }>
  | {
      readonly type: 'apply'
      readonly checked: readonly CheckedRecord[]
      readonly time: ApplyTime
    }

/** Writes jobs to one open database. */
export interface JobWriter {
  /** Writes all in one transaction. Throws, with nothing written, when the database cannot be written. */
  write(jobs: readonly PreparedJob[]): {
    readonly outcomes: readonly Outcome[]
    readonly committed: Committed
  }
  /** Takes in what the pin journal knows and the database does not, and the other way round. Returns how many records came back. */
  replayJournal(): number
}

/** Of a job that others need not hear of. */
export const nothing: JobResult = {
  changed: [],
  outcomes: [],
  exclusionsChanged: false,
  wordsChanged: [],
  beaten: [],
}

/** What records that were taken change for readers. */
function resultOf(taken: readonly LedgerRecord[]): JobResult {
  const read = taken.filter(({ kind }) => ['observation', 'pin', 'forget'].includes(kind))
  return {
    ...nothing,
    changed: [...new Set(read.map(record => record.key))],
    exclusionsChanged: taken.some(({ kind }) => kind === 'ban' || kind === 'block'),
    wordsChanged: wordKinds.filter(kind => taken.some(record => record.kind === kind)),
  }
}

/** Prepares all writing of one connection. */
export function createJobWriter(
  db: Connection,
  parts: {
    readonly journal: PinJournal
    readonly privateKey: KeyObject
    readonly origin: string
    readonly clusterId: string
    readonly log: Log
  },
): JobWriter {
  const { origin, clusterId, journal } = parts
  const exclusions = createExclusions(db)
  const records = createRecordWriter(db, parts)
  const keys = createKeyWriter(db, records, { origin, exclusions })
  const ageOut = createAgeOut(db)
  const applier = createRecordApplier(db, {
    records,
    keys,
    clusterId,
    horizonMs: ageOut.horizonMs,
  })
  const correctTime = createCorrectTime(db, { records, applier, origin, clusterId })
  const writeLocal = createLocalWriter(db)
  /** Leaves in which the running job forgot something. */
  const forgotten = new Set<number>()
  const newestStamp = db.prepare<[string, number], { wallMs: number; counter: number }>(
    `SELECT wall_ms AS wallMs, counter FROM record WHERE key = ? AND kind = ?
     ORDER BY wall_ms DESC, counter DESC LIMIT 1`,
  )
  const operatorBodies = db.prepare<[], { body: Buffer; signature: Buffer }>(
    'SELECT body, signature FROM record WHERE kind NOT IN (1, 4) AND kind NOT IN (10, 11)',
  )

  function writeWord(word: OperatorWord, atMs: number): JobResult {
    const { kind, key, target, removed, details } = word
    const stamp = stampAfter(atMs, newestStamp.get(key, kindNumbers[kind]))
    const record = operatorRecord(kind, key, target, origin, stamp, removed, details)
    records.put(records.sign(record))
    return resultOf([record])
  }

  function apply(checked: readonly CheckedRecord[], time: ApplyTime): JobResult {
    const outcomes: RecordOutcome[] = checked.map(() => 'known')
    const applied: LedgerRecord[] = []
    for (const i of usesFirst(checked)) {
      const record = checked[i]
      if (record === undefined) continue
      const outcome = applier.apply(record, time)
      outcomes[i] = outcome
      if (outcome === 'applied' && typeof record !== 'string') applied.push(record)
    }
    return { ...resultOf(applied), outcomes, beaten: applier.takeBeaten() }
  }

  function run(job: PreparedJob): JobResult {
    switch (job.type) {
      case 'key':
        keys.write(job.key, job.operation)
        return nothing
      case 'operator':
        return writeWord(job.word, job.atMs)
      case 'apply':
        return apply(job.checked, job.time)
      case 'release':
        return { ...resultOf(applier.release(job.time)), beaten: applier.takeBeaten() }
      case 'correct':
        return resultOf(correctTime(job.correction))
      case 'age-out':
        return forget(job.time)
      default:
        writeLocal(job)
        return nothing
    }
  }

  function forget(time: AgeOutTime): JobResult {
    const { keys, words } = ageOut.run(time)
    for (const key of [...keys, ...words]) forgotten.add(leafOf(key))
    return { ...nothing, changed: keys, wordsChanged: words.length > 0 ? ['share', 'running'] : [] }
  }

  /** What the job before this one left when it was undone. */
  function forgetUndone(): void {
    records.takeWritten()
    applier.takeBeaten()
    forgotten.clear()
  }

  const isOfDatabase = (error: unknown): boolean =>
    isCorruption(error) || isUnwritable(error) || !db.inTransaction

  const runAlone = db.transaction(run)

  /** A job that fails by itself is undone alone; what SQLite cannot write fails the batch. */
  function attempt(
    job: PreparedJob,
    written: { own: SignedRecord[]; leaves: Set<number> },
  ): Outcome {
    forgetUndone()
    try {
      const result = runAlone(job)
      const { own, leaves } = records.takeWritten()
      written.own.push(...own)
      for (const leaf of [...leaves, ...forgotten]) written.leaves.add(leaf)
      if (result.exclusionsChanged) exclusions.reload()
      return result
    } catch (error) {
      if (isOfDatabase(error)) throw error
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  /** Journal before commit: an acknowledged pin is in both, and one that failed in neither. */
  function commitWithJournal(
    jobs: readonly PreparedJob[],
    isFull: boolean,
    run: () => readonly Outcome[],
  ): readonly Outcome[] {
    let takeBack = () => {}
    try {
      // Only outside a transaction does this take effect.
      db.pragma(`synchronous = ${isFull ? 'FULL' : 'NORMAL'}`)
      return db
        .transaction(() => {
          const outcomes = run()
          takeBack = writeJournal(jobs)
          return outcomes
        })
        .immediate()
    } catch (error) {
      takeBack()
      records.takeOperatorRecords()
      if (!isCorruption(error)) exclusions.reload()
      throw error
    }
  }

  /** Returns what takes it back. */
  function writeJournal(jobs: readonly PreparedJob[]): () => void {
    const words = records.takeOperatorRecords()
    if (words.length === 0) return () => {}
    if (!jobs.some(job => job.type === 'correct')) return journal.append(words)
    // What was put right must not come back from the journal: it looks newer.
    journal.rewrite(operatorBodies.all())
    return () => {}
  }

  return {
    write(jobs) {
      const written = { own: [] as SignedRecord[], leaves: new Set<number>() }
      const outcomes = commitWithJournal(jobs, jobs.some(needsFull), () =>
        jobs.map(job => attempt(job, written)),
      )
      return { outcomes, committed: { own: packRecords(written.own), leaves: [...written.leaves] } }
    },
    replayJournal() {
      const known = new Set(operatorBodies.all().map(row => row.signature.toString('hex')))
      const journaled = journal.read()
      const missing = journaled.filter(s => !known.has(Buffer.from(s.signature).toString('hex')))
      const time = { atMs: 0, believeUntilMs: Number.POSITIVE_INFINITY }
      let restored = 0
      db.transaction(() => {
        for (const signed of missing) {
          if (applier.apply(checkRecord(signed, clusterId), time) === 'applied') restored++
        }
        records.takeOperatorRecords()
      }).immediate()
      exclusions.reload()
      const inForce = operatorBodies.all()
      if (isWorthRewriting(journaled, inForce)) journal.rewrite(inForce)
      return restored
    },
  }
}

/** Overwritten pins outnumber those in force, or one is in the database alone. */
function isWorthRewriting(
  journaled: readonly { readonly signature: Uint8Array }[],
  inForce: readonly { readonly signature: Uint8Array }[],
): boolean {
  const hex = (s: { readonly signature: Uint8Array }) => Buffer.from(s.signature).toString('hex')
  const written = new Set(journaled.map(hex))
  return journaled.length > 2 * inForce.length + 100 || inForce.some(s => !written.has(hex(s)))
}

function needsFull(job: PreparedJob): boolean {
  switch (job.type) {
    case 'operator':
      return isOperatorKind(job.word.kind)
    case 'correct':
    case 'lease':
    case 'audit':
      return true
    case 'setting':
      return job.isDurable
    case 'members':
      return job.change.names.length > 0
    case 'key':
      return ['pin', 'unpin', 'forget'].includes(job.operation.type)
    case 'apply':
      return job.checked.some(record => typeof record !== 'string' && isOperatorKind(record.kind))
    default:
      return false
  }
}
