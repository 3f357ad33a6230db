import t from 'tap'
import { backupOperations } from '../../../src/http/admin/backup-operations.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { makeDirectory, openIn } from './support.ts'

const entry = (subject: string, atMs: number): AuditEntry => ({
  atMs,
  caller: 'ship',
  operation: 'putPin',
  subject,
  status: 200,
  before: undefined,
  after: { digest: 'sha256:1' },
})

t.test(
  'what was done is found newest first, by page and by subject, also after a restart',
  async t => {
    const dataDir = await makeDirectory(t)
    const first = await openIn(t, dataDir)
    t.strictSame(first.audit.find({ limit: 10 }), [])
    for (const [i, subject] of ['a', 'b', 'a'].entries()) await first.audit.note(entry(subject, i))
    await first.close()

    const { audit } = await openIn(t, dataDir)
    t.strictSame(
      audit.find({ limit: 10 }).map(({ id, subject, atMs }) => [id, subject, atMs]),
      [
        [3, 'a', 2],
        [2, 'b', 1],
        [1, 'a', 0],
      ],
    )
    const { id, ...found } = audit.find({ limit: 1 })[0] ?? { id: 0 }
    t.strictSame(found, entry('a', 2))
    t.strictSame(
      audit.find({ before: id, limit: 1 }).map(({ subject }) => subject),
      ['b'],
    )
    t.strictSame(
      audit.find({ subject: 'a', limit: 10 }).map(({ atMs }) => atMs),
      [2, 0],
    )
  },
)

t.test('what was done is found by who did it, from wherever, and by when', async t => {
  const { audit } = await openIn(t, await makeDirectory(t))
  for (const [i, caller] of ['cook', 'cook on galley (ab)', 'cookie', 'captain'].entries()) {
    await audit.note({ ...entry('a', i * 10), caller })
  }
  const timesOf = (filter: object) => audit.find({ limit: 9, ...filter }).map(({ atMs }) => atMs)
  t.strictSame(timesOf({ caller: 'cook' }), [10, 0])
  t.strictSame(timesOf({ caller: 'captain' }), [30])
  t.strictSame(timesOf({ sinceMs: 10, untilMs: 20 }), [20, 10])
  t.strictSame(timesOf({ sinceMs: 10, caller: 'cook', subject: 'a' }), [10])
  t.strictSame(timesOf({ caller: "cook' --" }), [])
})

t.test('the oldest give way', async t => {
  const { audit } = await openIn(t, await makeDirectory(t))
  await Promise.all(Array.from({ length: 10_100 }, (_, i) => audit.note(entry('a', i))))
  const all = audit.find({ limit: 20_000 })
  t.equal(all.length, 10_000)
  t.equal(all.at(-1)?.atMs, 100)
})

t.test('what was refused gives way to what was refused, and to nothing else', async t => {
  const { audit } = await openIn(t, await makeDirectory(t))
  for (const [i, status] of [200, 404, 503].entries()) {
    await audit.note({ ...entry('first', i), status })
  }
  const refused = (i: number) => ({ ...entry('washed', i), caller: 'reader', status: 403 })
  await Promise.all(Array.from({ length: 11_997 }, (_, i) => audit.note(refused(i))))
  const all = audit.find({ limit: 20_000 })
  t.strictSame(
    all.filter(({ subject }) => subject === 'first').map(({ status }) => status),
    [503, 200],
  )
  t.equal(all.filter(({ subject }) => subject === 'washed').length, 1_000)
  t.equal(all[0]?.atMs, 11_996, 'the newest are kept')
})

t.test('a large restore takes nothing from what was done besides, and stays told', async t => {
  const { audit } = await openIn(t, await makeDirectory(t))
  const restore = { operation: backupOperations.restore.id }
  for (const [i, status] of [200, 404].entries()) {
    await audit.note({ ...entry('first', i), status })
  }
  await Promise.all(
    Array.from({ length: 12_397 }, (_, i) =>
      audit.note({ ...entry(`pin ${i}`, i), ...restore, ...(i % 6 === 0 && { status: 409 }) }),
    ),
  )
  await audit.note({ ...entry('backup of galley', 12_397), ...restore })
  const all = audit.find({ limit: 20_000 })
  t.strictSame(
    all.filter(({ subject }) => subject === 'first').map(({ status }) => status),
    [404, 200],
  )
  t.equal(all[0]?.subject, 'backup of galley')
  const restored = all.filter(({ operation }) => operation === restore.operation)
  const refused = restored.filter(({ status }) => status === 409)
  t.strictSame([restored.length - refused.length, refused.length], [10_000, 1_000])
})
