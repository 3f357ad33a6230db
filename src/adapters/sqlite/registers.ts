import { kinds } from '../../ledger/encode-record.ts'
import type { LedgerRecord } from '../../ledger/record.ts'
import { leafOfRegister, registerOf } from '../../ledger/register.ts'
import type { Connection } from './database.ts'

/** Rows filled in one transaction. */
const fillRows = 5_000

/** Registers of one leaf. */
const leafSpan = 2 ** 36

/** A record's register as its column holds it. */
export const registerNumber = ({ kind, key }: Pick<LedgerRecord, 'kind' | 'key'>): number =>
  Number.parseInt(registerOf(kind, key), 16)

/** The register as nodes tell each other. */
export const registerText = (register: number): string => register.toString(16).padStart(12, '0')

/** Registers of a leaf: from the first one up to, and without, the second. */
export const registersOf = (leaf: number): [number, number] => [
  leaf * leafSpan,
  (leaf + 1) * leafSpan,
]

/** The leaf of a register as its column holds it. */
export const leafOf = (register: number): number => leafOfRegister(registerText(register))

/** Fills the column where an earlier version, or the migration, left it empty. Returns the number of rows. */
export function fillRegisters(db: Connection): number {
  const empty = db.prepare<[], { id: number; key: string; kind: number }>(
    `SELECT id, key, kind FROM record WHERE register IS NULL LIMIT ${fillRows}`,
  )
  const fill = db.prepare('UPDATE record SET register = ? WHERE id = ?')
  const fillSome = db.transaction(() => {
    const rows = empty.all()
    for (const { id, key, kind } of rows) {
      const name = kinds.get(kind)
      // A kind of a later version is never compared: this one does not know its rules.
      fill.run(name === undefined ? -1 : registerNumber({ kind: name, key }), id)
    }
    return rows.length
  })
  let filled = 0
  for (;;) {
    const rows = empty.all().length === 0 ? 0 : fillSome.immediate()
    if (rows === 0) return filled
    filled += rows
  }
}

/** A record as it is relayed, with what tells it from others. */
export interface StoredRecord {
  readonly origin: string
  readonly wall_ms: number
  readonly body: Buffer
  readonly signature: Buffer
}

const prepared = new WeakMap<Connection, ReturnType<typeof prepareLeaves>>()

/** Reads of a leaf; `undefined` for the database of an earlier version that could not be brought up to date. */
export function leafStatements(db: Connection): ReturnType<typeof prepareLeaves> {
  if (!prepared.has(db)) prepared.set(db, prepareLeaves(db))
  return prepared.get(db)
}

function prepareLeaves(db: Connection) {
  const columns = db.prepare<[], string>("SELECT name FROM pragma_table_info('record')").pluck()
  if (!columns.all().includes('register')) return undefined
  const within = 'FROM record WHERE register >= ? AND register < ?'
  return {
    rows: db
      .prepare<[number, number], [number, number, number, string, Buffer]>(
        `SELECT register, wall_ms, counter, origin, signature ${within}`,
      )
      .raw(),
    records: db.prepare<[number, number], StoredRecord>(
      `SELECT origin, wall_ms, body, signature ${within} ORDER BY register, wall_ms, counter, origin`,
    ),
  }
}
