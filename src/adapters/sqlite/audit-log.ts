import type { AuditEntry, AuditLog } from '../../ports/audit-log.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { WriterThread } from './writer-thread.ts'

/** Entries kept. */
const keptEntries = 10_000

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

function select(
  db: Connection,
  { subject, before, limit }: Parameters<AuditLog['find']>[0],
): ReturnType<AuditLog['find']> {
  return db
    .prepare<unknown[], Row>(
      `SELECT id, at_ms AS atMs, caller, operation, subject, status, before, after FROM audit
       WHERE id < ? AND (? IS NULL OR subject = ?) ORDER BY id DESC LIMIT ?`,
    )
    .all(before ?? Number.MAX_SAFE_INTEGER, subject ?? null, subject ?? null, limit)
    .map(row => ({ ...row, before: parse(row.before), after: parse(row.after) }))
}

const parse = (text: string | null): unknown => (text === null ? undefined : JSON.parse(text))

/** Writes entries; call inside a transaction. */
export function createAuditWriter(db: Connection): (entry: AuditEntry) => void {
  const put = db.prepare(
    'INSERT INTO audit (at_ms, caller, operation, subject, status, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const trim = db.prepare(
    `DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ${keptEntries}`,
  )
  const format = (value: unknown) => (value === undefined ? null : JSON.stringify(value))
  return ({ atMs, caller, operation, subject, status, before, after }) => {
    put.run(Math.round(atMs), caller, operation, subject, status, format(before), format(after))
    trim.run()
  }
}
