import { createPrivateKey } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { HoldfastError } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import { checkRecords } from './apply-records.ts'
import { type Connection, findDamage, isCorruption, isUnwritable, openReader } from './database.ts'
import { readMigrations } from './migrate.ts'
import { createPinJournal } from './pin-journal.ts'
import { openDatabase } from './recover.ts'
import { takeSnapshot } from './snapshot.ts'
import { createJobWriter, type JobWriter, nothing, type PreparedJob } from './write-jobs.ts'
import type { JobResult, Reply, Request, WriterOptions } from './writer-protocol.ts'

/** How long writes rest after one failed for want of space, ms: a full disk is not hammered. */
const restMs = 1_000

/** Room a trial write asks for: a disk that is full to the last page must fail it. */
const trialBytes = 64 * 1024

const port = parentPort
const options = workerData as WriterOptions
const reply = (message: Reply): void => port?.postMessage(message)

const log: Log = {
  debug: (fields, message) => relay('debug', fields, message),
  info: (fields, message) => relay('info', fields, message),
  warn: (fields, message) => relay('warn', fields, message),
  error: (fields, message) => relay('error', fields, message),
}

function relay(
  level: 'debug' | 'info' | 'warn' | 'error',
  fields: Readonly<Record<string, unknown>>,
  message: string,
): void {
  reply({ type: 'log', level, fields, message })
}

const journal = createPinJournal(options.journalFile, log)
const migrations = readMigrations()

/** The database in use; absent while it cannot be opened. */
let current: { readonly db: Connection; readonly writer: JobWriter } | undefined
/** It is tried every second, and told once. */
let isToldUnusable = false
/** Set while writes rest. */
let trial: NodeJS.Timeout | undefined

function open(damage?: unknown): void {
  const { file } = options
  const { db, ...opened } = openDatabase({ file, migrations, log, nowMs: Date.now }, damage)
  let { recovered } = opened
  try {
    const privateKey = createPrivateKey(options.privateKey)
    const writer = createJobWriter(db, { ...options, journal, privateKey, log })
    const restored = writer.replayJournal()
    if (restored > 0) {
      log.warn({ restored }, 'pins taken back from the pin journal')
      if (recovered === 'fresh') recovered = 'rebuilt'
    }
    if (options.maxPages !== undefined) db.pragma(`max_page_count = ${options.maxPages}`)
    current = { db, writer }
  } catch (error) {
    db.close()
    throw error
  }
  isToldUnusable = false
  reply({ type: 'opened', recovered })
}

/** Opens, or says why not and tries again; a database that is too new ends it. */
function openOrRest(damage?: unknown): void {
  try {
    open(damage)
  } catch (error) {
    if (error instanceof HoldfastError) {
      reply({ type: 'refused', code: error.code, message: error.message })
      return
    }
    const level = isToldUnusable ? 'debug' : 'error'
    log[level]({ file: options.file, err: error }, 'ledger database cannot be opened for writing')
    isToldUnusable = true
    reply({ type: 'unusable', message: messageOf(error) })
    rest()
  }
}

/** Lets writes rest, then tries one. */
function rest(): void {
  trial ??= setTimeout(() => {
    trial = undefined
    if (current === undefined) openOrRest()
    else if (isWritableAgain(current.db)) reply({ type: 'writable' })
    else rest()
  }, restMs)
}

function isWritableAgain(db: Connection): boolean {
  try {
    db.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('trial', hex(zeroblob(?)))").run(
      trialBytes / 2,
    )
    db.prepare("DELETE FROM meta WHERE name = 'trial'").run()
    return true
  } catch {
    return false
  }
}

interface Entry {
  readonly id: number
  readonly job: PreparedJob
}

function write(entries: readonly Entry[], isSecondTry = false): void {
  const ids = entries.map(entry => entry.id)
  if (trial !== undefined || current === undefined) {
    reply({ type: 'failed', ids, message: 'the database takes no writes', isUnusable: true })
    return
  }
  try {
    settle(entries, current.writer.write(entries.map(entry => entry.job)))
  } catch (error) {
    if (!isSecondTry && isCorruption(error) && recover(error)) write(entries, true)
    else fail(ids, error)
  }
}

function settle(
  entries: readonly Entry[],
  { outcomes, committed }: ReturnType<JobWriter['write']>,
): void {
  const results: { id: number; result: JobResult }[] = []
  for (const [i, { id }] of entries.entries()) {
    const outcome = outcomes[i]
    if (outcome instanceof Error) {
      reply({ type: 'failed', ids: [id], message: outcome.message, isUnusable: false })
    } else if (outcome !== undefined) results.push({ id, result: outcome })
  }
  if (results.length > 0) reply({ type: 'done', results, committed })
}

function fail(ids: readonly number[], error: unknown): void {
  log.error({ err: error, writes: ids.length }, 'ledger write failed')
  reply({ type: 'failed', ids, message: messageOf(error), isUnusable: true })
  if (isUnwritable(error)) rest()
}

/** Closes a damaged database and opens what recovery puts in its place; `false` when even that failed. */
function recover(cause: unknown): boolean {
  const damaged = current
  current = undefined
  try {
    damaged?.db.close()
  } catch (err) {
    log.warn({ err }, 'damaged database not closed cleanly')
  }
  openOrRest(cause)
  return current !== undefined
}

async function snapshot(id: number): Promise<void> {
  try {
    if (current === undefined) throw new Error('the database is not open')
    await takeSnapshot(current.db, options.file)
    reply({ type: 'done', results: [{ id, result: nothing }], committed: { own: [], leaves: [] } })
  } catch (error) {
    log.error({ err: error }, 'no snapshot taken')
    reply({ type: 'failed', ids: [id], message: messageOf(error), isUnusable: false })
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Jobs that came while the last batch was written make the next one: the busier, the larger. */
let queue: Entry[] = []
let snapshots: Promise<void> = Promise.resolve()
/** Signatures that are being checked. */
const checks = new Set<Promise<void>>()

function flush(): void {
  const entries = queue
  queue = []
  if (entries.length > 0) write(entries)
}

/** Others' records are verified before they queue up: what this node says itself does not wait for that. */
function enqueue({ id, job }: (Request & { type: 'jobs' })['jobs'][number]): void {
  if (job.type === 'snapshot') snapshots = snapshots.then(() => snapshot(id))
  else if (job.type === 'apply') {
    const check = checkRecords(job.records, options.clusterId).then(checked => {
      checks.delete(check)
      add({ id, job: { type: 'apply', checked, time: job.time } })
    })
    checks.add(check)
  } else add({ id, job })
}

function add(entry: Entry): void {
  if (queue.length === 0) setImmediate(flush)
  queue.push(entry)
}

function receive(request: Request): void {
  switch (request.type) {
    case 'jobs':
      for (const entry of request.jobs) enqueue(entry)
      return
    case 'damaged':
      flush()
      recoverIfDamaged()
      return
    case 'close':
      void Promise.all(checks).then(() => {
        flush()
        void snapshots.finally(close)
      })
  }
}

/** A reader's alarm is checked: one bad read is no reason to give up a sound database. */
function recoverIfDamaged(): void {
  if (current === undefined || isSound(options.file)) return
  recover(new Error('a reader met damage'))
}

/** Looks with a connection of its own: ours may hold good pages in memory that are bad on disk. */
function isSound(file: string): boolean {
  let db: Connection | undefined
  try {
    db = openReader(file)
    return findDamage(db) === undefined
  } catch (error) {
    return !isCorruption(error)
  } finally {
    db?.close()
  }
}

function close(): void {
  clearTimeout(trial)
  try {
    current?.db.close()
  } catch (err) {
    log.warn({ err }, 'database not closed cleanly')
  }
  port?.close()
}

port?.on('message', receive)
openOrRest()
