import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
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
  return { writer, log, opened: () => opened }
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
  await log.heard('ledger takes writes again')
  t.equal(opened(), 1)
  await writer.submit(setting('3'))
})

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
