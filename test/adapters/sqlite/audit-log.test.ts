import t from 'tap'
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

t.test('the oldest give way', async t => {
  const { audit } = await openIn(t, await makeDirectory(t))
  await Promise.all(Array.from({ length: 10_005 }, (_, i) => audit.note(entry('a', i))))
  const all = audit.find({ limit: 20_000 })
  t.equal(all.length, 10_000)
  t.equal(all.at(-1)?.atMs, 5)
})
