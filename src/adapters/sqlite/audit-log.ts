import type { AuditEntry, AuditFilter, AuditLog } from '../../ports/audit-log.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { WriterThread } from './writer-thread.ts'

/** What was refused: nothing was changed. Of 500 and more nobody knows that. */
const refused = 'status BETWEEN 400 AND 499'

/** What a restore did, entry by entry, and at the end its sum: thousands at once. */
const restored = "operation = 'restore'"

/** Entries kept of each kind: none takes anything from the others, however many there are. */
const kept = [
  { where: `NOT ${restored} AND NOT ${refused}`, entries: 10_000 },
  { where: `${restored} AND NOT ${refused}`, entries: 10_000 },
  { where: `NOT ${restored} AND ${refused}`, entries: 1_000 },
  { where: `${restored} AND ${refused}`, entries: 1_000 },
] as const

/** Looked for what is to go with each so manieth entry: every one is read for it. */
const trimEvery = 100

interface Row {
  readonly id: number
  readonly atMs: number
  readonly caller: string
  readonly operation: string
  readonly subject: string
  readonly status: number
  readonly before: string | null
  readonly after: string | null
}

/** The audit log in the node's database. */
export function createAuditLog({
  reader,
  writer,
}: {
  readonly reader: Reader
  readonly writer: WriterThread
}): AuditLog {
  return {
    async note(entry) {
      await writer.submit({ type: 'audit', entry })
    },
    find: filter => reader.read(({ db }) => select(db, filter), []),
  }
}

function select(db: Connection, filter: AuditFilter): ReturnType<AuditLog['find']> {
  const { subject = null, caller = null, sinceMs = null, untilMs = null, limit } = filter
  const before = filter.before ?? Number.MAX_SAFE_INTEGER
  return db
    .prepare<unknown[], Row>(
      `SELECT id, at_ms AS atMs, caller, operation, subject, status, before, after FROM audit
       WHERE id < @before AND (@subject IS NULL OR subject = @subject)
         AND (@caller IS NULL OR caller = @caller OR substr(caller, 1, length(@caller) + 4) = @caller || ' on ')
         AND (@sinceMs IS NULL OR at_ms >= @sinceMs) AND (@untilMs IS NULL OR at_ms <= @untilMs)
       ORDER BY id DESC LIMIT @limit`,
    )
    .all({ subject, caller, sinceMs, untilMs, before, limit })
    .map(row => ({ ...row, before: parse(row.before), after: parse(row.after) }))
}

const parse = (text: string | null): unknown => (text === null ? undefined : JSON.parse(text))

/** Writes entries; call inside a transaction. */
export function createAuditWriter(db: Connection): (entry: AuditEntry) => void {
  const put = db.prepare(
    'INSERT INTO audit (at_ms, caller, operation, subject, status, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const trims = kept.map(({ where, entries }) =>
    db.prepare(
      `DELETE FROM audit WHERE ${where}
         AND id <= (SELECT id FROM audit WHERE ${where} ORDER BY id DESC LIMIT 1 OFFSET ${entries})`,
    ),
  )
  const format = (value: unknown) => (value === undefined ? null : JSON.stringify(value))
  return ({ atMs, caller, operation, subject, status, before, after }) => {
    const values = [caller, operation, subject, status, format(before), format(after)]
    const { lastInsertRowid } = put.run(Math.round(atMs), ...values)
    if (Number(lastInsertRowid) % trimEvery === 0) for (const trim of trims) trim.run()
  }
}
