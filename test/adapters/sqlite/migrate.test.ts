import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { openReader, openWriter } from '../../../src/adapters/sqlite/database.ts'
import { type Migration, migrate, readMigrations } from '../../../src/adapters/sqlite/migrate.ts'
import { openDatabase } from '../../../src/adapters/sqlite/recover.ts'
import { createHeardLog, makeDirectory, messages, openIn } from './support.ts'

const shipped = readMigrations()
const ours = shipped.at(-1)?.number ?? 0

/** Migrations after the shipped ones. */
const next = (minReader: number, sql: string): readonly Migration[] => [
  ...shipped,
  { number: ours + 1, minReader, sql },
]

async function openShipped(t: Test) {
  const file = join(await makeDirectory(t), 'ledger.db')
  const db = openWriter(file)
  t.teardown(() => db.close())
  migrate(db, shipped, () => t.fail('nothing to copy in a new database'))
  return { db, file }
}

const versionOf = (db: Database.Database) => db.pragma('user_version', { simple: true })

t.test('a new database is brought to the newest version', async t => {
  const { db } = await openShipped(t)
  t.equal(versionOf(db), ours)
  t.equal(db.prepare("SELECT value FROM meta WHERE name = 'min_reader'").pluck().get(), '1')
  migrate(db, shipped, () => t.fail('nothing is due'))
})

t.test('every table is strict and every column typed', async t => {
  const { db } = await openShipped(t)
  const tables = db.prepare<[], { name: string; strict: number }>('PRAGMA table_list').all()
  const own = tables.filter(table => !table.name.startsWith('sqlite_'))
  t.ok(own.length > 8)
  t.strictSame(
    own.filter(table => table.strict === 0),
    [],
  )
})

t.test('migrations that are due are all applied or none', async t => {
  const { db } = await openShipped(t)
  const broken = [
    ...next(1, 'CREATE TABLE more (x INTEGER) STRICT'),
    { number: ours + 2, minReader: 1, sql: 'CREATE TABLE more (x INTEGER) STRICT' },
  ]
  t.throws(() => migrate(db, broken, () => {}))
  t.equal(versionOf(db), ours)
  t.equal(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").pluck().get(), 0)
})

t.test('an additive migration makes no copy, and the version before still reads', async t => {
  const { db } = await openShipped(t)
  migrate(db, next(1, 'ALTER TABLE manifest ADD COLUMN more TEXT'), () => t.fail('no copy'))
  t.equal(versionOf(db), ours + 1)
  migrate(db, shipped, () => t.fail('nothing is due'))
  t.equal(versionOf(db), ours + 1, 'a rollback leaves it as it is')
})

t.test('a migration that shuts older versions out copies the file first', async t => {
  const { db, file } = await openShipped(t)
  db.prepare("INSERT INTO setting (name, value) VALUES ('mode', 'offline')").run()
  db.close()
  const log = createHeardLog()
  const migrations = next(ours + 1, 'DROP TABLE setting')
  const opened = openDatabase({ file, migrations, log, nowMs: Date.now })
  t.teardown(() => opened.db.close())
  t.equal(opened.recovered, 'ok')
  const copy = openReader(`${file}.v${ours}`)
  t.teardown(() => copy.close())
  t.equal(copy.prepare('SELECT value FROM setting').pluck().get(), 'offline')
  t.equal(versionOf(copy), ours)
  t.match(messages(log.lines, 'warn'), [/copied before a migration/])
  t.throws(() => migrate(opened.db, shipped, () => {}), { code: 'ledger-newer' })
})

t.test('a database that wants a newer reader is refused, untouched, with the cure', async t => {
  const dataDir = await makeDirectory(t)
  const { close } = await openIn(t, dataDir)
  await close()
  const file = join(dataDir, 'ledger.db')
  const db = new Database(file)
  migrate(db, next(ours + 1, 'CREATE TABLE more (x INTEGER) STRICT'), () => {})
  db.close()
  await t.rejects(openIn(t, dataDir), {
    name: 'HoldfastError',
    code: 'ledger-newer',
    message: new RegExp(
      `at version ${ours + 1} and wants a reader of at least ${ours + 1}; this Holdfast reads up to ${ours}\\. Start the newer`,
    ),
  })
  const after = new Database(file, { readonly: true })
  t.teardown(() => after.close())
  t.equal(versionOf(after), ours + 1)
})

t.test('a migration file that does not say its reader is an error', async t => {
  const directory = join(await makeDirectory(t), 'migrations')
  await mkdir(directory)
  const url = pathToFileURL(`${directory}/`)
  t.strictSame(readMigrations(url), [])
  for (const [name, sql] of [
    ['001-x.sql', 'SELECT 1;'],
    ['1-x.sql', '-- min_reader: 1\nSELECT 1;'],
    ['001-x.sql', '-- min_reader: 2\nSELECT 1;'],
  ] as const) {
    const file = join(directory, name)
    await writeFile(file, sql)
    t.throws(() => readMigrations(url), { message: /wants NNN-\*\.sql/ }, name + sql)
    await rm(file)
  }
  await writeFile(join(directory, '001-x.sql'), '-- min_reader: 1\nSELECT 1;')
  t.match(readMigrations(url), [{ number: 1, minReader: 1 }])
  for (const name of ['001-y.sql', '003-y.sql']) {
    await writeFile(join(directory, name), '-- min_reader: 1\nSELECT 1;')
    t.throws(() => readMigrations(url), { message: /the number that comes next is 2/ }, name)
    await rm(join(directory, name))
  }
})
