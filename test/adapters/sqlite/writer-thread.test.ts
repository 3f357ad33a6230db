import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openReader, openWriter } from '../../../src/adapters/sqlite/database.ts'
import type { Job } from '../../../src/adapters/sqlite/writer-protocol.ts'
import { startWriter } from '../../../src/adapters/sqlite/writer-thread.ts'
import { createHeardLog, makeDirectory, messages } from './support.ts'

async function start(t: Test) {
  const dataDir = await makeDirectory(t)
  const log = createHeardLog()
  let opened = 0
  const { privateKey } = generateKeyPairSync('ed25519')
  const { writer, recovered } = await startWriter(
    {
      file: join(dataDir, 'ledger.db'),
      journalFile: join(dataDir, 'pins.journal'),
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      origin: '00'.repeat(32),
      clusterId: '',
      maxPages: undefined,
    },
    { log, onOpened: () => opened++ },
  )
  t.teardown(() => writer.close())
  t.equal(recovered, 'fresh')
  return { writer, log, opened: () => opened, file: join(dataDir, 'ledger.db') }
}

const setting = (value: unknown): Job =>
  ({ type: 'setting', name: 'x', value, isDurable: false }) as Job

t.test('a job is done when its commit is acknowledged', async t => {
  const { writer, opened } = await start(t)
  await writer.submit(setting('1'))
  t.equal(writer.isWritable(), true)
  t.equal(opened(), 0)
})

t.test('a job that is at fault itself fails alone', async t => {
  const { writer, log } = await start(t)
  const jobs = [setting('1'), setting({ not: 'a text' }), setting(null), setting('2')]
  const outcomes = await Promise.allSettled(jobs.map(job => writer.submit(job)))
  t.strictSame(
    outcomes.map(outcome => outcome.status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  t.equal(writer.isWritable(), true)
  t.strictSame(messages(log.lines, 'error'), [])
})

t.test('a writer that dies is started anew, and who waits is told', async t => {
  const { writer, log, opened } = await start(t)
  await writer.submit(setting('1'))
  const poison = writer.submit(null as unknown as Job)
  const behind = writer.submit(setting('2'))
  await t.rejects(poison, { code: 'ledger-unusable' })
  await t.rejects(behind, { code: 'ledger-unusable' })
  t.equal(writer.isWritable(), false)
  t.match(messages(log.lines, 'error'), ['ledger writer failed'])
  await t.rejects(writer.submit(setting('while it is away')), { code: 'ledger-unusable' })
  await log.heard('ledger takes writes again')
  t.equal(opened(), 1)
  await writer.submit(setting('3'))
})

t.test('a job that meets damage is done in the database that takes the place', async t => {
  const { writer, log, opened, file } = await start(t)
  await writer.submit(setting('x'.repeat(100_000)))
  await writer.submit({ type: 'snapshot' })
  await writer.submit(setting('after the snapshot'))
  damage(file)
  await writer.submit({ ...setting('y'), name: 'y' } as Job)
  t.equal(opened(), 1)
  t.match(messages(log.lines, 'error'), [/moved aside/, /restored from a snapshot/])
  const db = openReader(file)
  t.teardown(() => db.close())
  const values = db.prepare('SELECT name, length(value) FROM setting').raw().all()
  t.strictSame(values, [
    ['x', 100_000],
    ['y', 1],
  ])
})

/** Overwrites all pages but the first, and makes sure that nobody relies on those he holds in memory. */
function damage(file: string): void {
  const db = openWriter(file)
  db.pragma('wal_checkpoint(TRUNCATE)')
  const fd = openSync(file, 'r+')
  const pages = fstatSync(fd).size / 4096
  for (let page = 1; page < pages; page++) writeSync(fd, randomBytes(4096), 0, 4096, page * 4096)
  closeSync(fd)
  db.pragma(`user_version = ${db.pragma('user_version', { simple: true })}`)
  db.close()
}

t.test('what was submitted before the close is written, what comes after is refused', async t => {
  const { writer } = await start(t)
  const before = writer.submit(setting('1'))
  const closed = writer.close()
  const after = t.rejects(writer.submit(setting('2')), { code: 'ledger-unusable' })
  await before
  await after
  await closed
  await writer.close()
})
