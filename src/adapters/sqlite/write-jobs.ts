import type { KeyObject } from 'node:crypto'
import { kindNumbers } from '../../ledger/encode-record.ts'
import { operatorRecord } from '../../ledger/operation.ts'
import { stampAfter } from '../../ledger/stamp.ts'
import type { Log } from '../../ports/log.ts'
import { createAgeOut } from './age-out.ts'
import { type CheckedRecord, checkRecord, createRecordApplier, usesFirst } from './apply-records.ts'
import { createCorrectTime } from './correct-time.ts'
import { type Connection, isCorruption, isUnwritable } from './database.ts'
import { createExclusions } from './exclusions.ts'
import type { PinJournal } from './pin-journal.ts'
import { createContentWriter } from './write-content.ts'
import { createKeyWriter } from './write-key.ts'
import { createRecordWriter, isOperatorKind } from './write-record.ts'
import type { Job, JobResult, OperatorWord } from './writer-protocol.ts'

/** What became of one job of a batch that was committed: its result, or the fault of its own that undid it alone. */
export type Outcome = JobResult | Error

/** Writes jobs to one open database. */
export interface JobWriter {
  /** Writes all in one transaction. Throws, with nothing written, when the database cannot be written. */
  write(jobs: readonly Job[]): readonly Outcome[]
  /** Takes in what the pin journal knows and the database does not, and the other way round. Returns how many records came back. */
  replayJournal(): number
}

const nothing: JobResult = { changed: [], outcomes: [], exclusionsChanged: false }

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
  const { origin, clusterId, journal, log } = parts
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
  const content = createContentWriter(db)
  const newestStamp = db.prepare<[string, number], { wallMs: number; counter: number }>(
    `SELECT wall_ms AS wallMs, counter FROM record WHERE key = ? AND kind = ?
     ORDER BY wall_ms DESC, counter DESC LIMIT 1`,
  )
  const operatorBodies = db.prepare<[], { body: Buffer; signature: Buffer }>(
    'SELECT body, signature FROM record WHERE kind NOT IN (1, 4)',
  )

  function writeWord(word: OperatorWord, atMs: number): JobResult {
    const { kind, key, target, removed, details } = word
    const stamp = stampAfter(atMs, newestStamp.get(key, kindNumbers[kind]))
    records.put(records.sign(operatorRecord(kind, key, target, origin, stamp, removed, details)))
    return { ...nothing, exclusionsChanged: kind === 'ban' || kind === 'block' }
  }

  function apply(checked: readonly CheckedRecord[], job: Job & { type: 'apply' }): JobResult {
    const outcomes = checked.map(() => 'known' as JobResult['outcomes'][number])
    const changed = new Set<string>()
    let exclusionsChanged = false
    for (const i of usesFirst(checked)) {
      const record = checked[i]
      if (record === undefined) continue
      const outcome = applier.apply(record, job.time)
      outcomes[i] = outcome
      if (outcome !== 'applied' || typeof record === 'string') continue
      changed.add(record.key)
      exclusionsChanged ||= record.kind === 'ban' || record.kind === 'block'
    }
    return { changed: [...changed], outcomes, exclusionsChanged }
  }

  function run(job: Job, checked: readonly CheckedRecord[]): JobResult {
    switch (job.type) {
      case 'key':
        keys.write(job.key, job.operation)
        return nothing
      case 'operator':
        return writeWord(job.word, job.atMs)
      case 'apply':
        return apply(checked, job)
      case 'release':
        return { ...nothing, changed: applier.release(job.time), exclusionsChanged: true }
      case 'correct':
        return { ...nothing, changed: correctTime(job.correction) }
      case 'age-out':
        return { ...nothing, changed: ageOut.run(job.time) }
      case 'setting':
        content.writeSetting(job.name, job.value)
        return nothing
      case 'catalog':
        content.writeCatalog(job.batch)
        return nothing
      case 'resolutions':
        content.writeResolutions(job.lines)
        return nothing
      case 'snapshot':
        return nothing
    }
  }

  const runAlone = db.transaction(run)

  /** A job that fails by itself is undone alone; what SQLite cannot write fails the batch. */
  function attempt(job: Job, checked: readonly CheckedRecord[]): Outcome {
    try {
      const result = runAlone(job, checked)
      if (result.exclusionsChanged) exclusions.reload()
      return result
    } catch (error) {
      if (isCorruption(error) || isUnwritable(error) || !db.inTransaction) throw error
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  /** Journal before commit: an acknowledged pin is in both, and one that failed in neither. */
  function commitWithJournal(run: () => readonly Outcome[], isFull: boolean): readonly Outcome[] {
    let takeBack = () => {}
    try {
      // Only outside a transaction does this take effect.
      db.pragma(`synchronous = ${isFull ? 'FULL' : 'NORMAL'}`)
      return db
        .transaction(() => {
          const outcomes = run()
          const words = records.takeOperatorRecords()
          if (words.length > 0) takeBack = journal.append(words)
          return outcomes
        })
        .immediate()
    } catch (error) {
      takeBack()
      records.takeOperatorRecords()
      reloadExclusions()
      throw error
    }
  }

  function reloadExclusions(): void {
    try {
      exclusions.reload()
    } catch (err) {
      log.error({ err }, 'bans and blocks not read')
    }
  }

  return {
    write(jobs) {
      const checked = jobs.map(job =>
        job.type === 'apply' ? job.records.map(signed => checkRecord(signed, clusterId)) : [],
      )
      const isFull = jobs.some((job, i) => needsFull(job, checked[i] ?? []))
      return commitWithJournal(() => jobs.map((job, i) => attempt(job, checked[i] ?? [])), isFull)
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

function needsFull(job: Job, checked: readonly CheckedRecord[]): boolean {
  switch (job.type) {
    case 'operator':
    case 'correct':
      return true
    case 'setting':
      return job.isDurable
    case 'key':
      return job.operation.type === 'pin' || job.operation.type === 'unpin'
    case 'apply':
      return checked.some(record => typeof record !== 'string' && isOperatorKind(record.kind))
    default:
      return false
  }
}
