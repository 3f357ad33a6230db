import t from 'tap'
import type { WarmJob } from '../../../src/keep/warm-job.ts'
import type { WarmJobs } from '../../../src/keep/warm-jobs.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { nowMs, startAdmin } from './support.ts'

const jobOf = (id: string, change: Partial<WarmJob> = {}): WarmJob => ({
  id,
  images: ['reg.lab/lab/app:v1'],
  platforms: undefined,
  scope: { type: 'all' },
  concurrency: 3,
  referrers: false,
  createdAtMs: nowMs,
  note: undefined,
  author: 'a',
  cancelledAtMs: undefined,
  ...change,
})

const counts = { done: 0, unfit: 0, failed: 0, wanted: 1, bytes: 0, totalBytes: 0 }
const view = (job: WarmJob) => ({
  ...counts,
  job,
  state: 'running' as const,
  waitsFor: undefined,
  nodes: [],
})

const nothing = () => Promise.reject(new Error('nothing is changed'))
const madeUp: WarmJobs = {
  list: () => [],
  find: () => undefined,
  put: nothing,
  cancel: nothing,
  tidy: nothing,
}

t.test('jobs are told page by page, also while they come and go', async t => {
  let jobs = [
    jobOf('e', { createdAtMs: nowMs + 2 }),
    ...['a', 'b', 'c'].map(id => jobOf(id, { createdAtMs: nowMs + 1 })),
    jobOf('d'),
  ]
  const { ask } = await startAdmin(t, {
    warmJobs: { ...madeUp, list: () => jobs },
    warmViews: { view, ask: async job => view(job) },
  })
  const page = async (after?: string) => {
    const more = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
    const { body } = await ask(`/api/v1/jobs?limit=2${more}`)
    const { items, next } = body as { items: { id: string }[]; next?: string }
    return { ids: items.map(({ id }) => id), next }
  }
  const first = await page()
  t.strictSame(first.ids, ['e', 'a'])
  jobs = [jobOf('f', { createdAtMs: nowMs + 3 }), ...jobs.filter(({ id }) => id !== 'a')]
  const second = await page(first.next)
  t.strictSame(second.ids, ['b', 'c'], 'although the last one of the page before is gone')
  t.strictSame(await page(second.next), { ids: ['d'], next: undefined })
  t.match(await ask('/api/v1/jobs?after=a'), { status: 400, body: { detail: /"a" is no `next`/ } })
})

t.test('the audit log names a few images, and of more tells the number', async t => {
  const noted: AuditEntry[] = []
  const images = Array.from({ length: 200 }, (_, i) => `reg.lab/lab/${'x'.repeat(200)}-${i}:v1`)
  const stored = { nodes: 1, members: 1, away: 0 }
  const few = jobOf('few')
  const many = jobOf('many', { images })
  const { ask } = await startAdmin(t, {
    warmJobs: {
      ...madeUp,
      find: () => many,
      put: async id => ({ before: undefined, after: id === 'few' ? few : many, stored }),
      cancel: async () => ({ before: many, after: { ...many, cancelledAtMs: nowMs }, stored }),
    },
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  for (const id of ['few', 'many']) {
    const body = { images: ['reg.lab/lab/app:v1'] }
    t.equal((await ask(`/api/v1/jobs/${id}`, { method: 'PUT', body })).status, 200)
  }
  t.equal((await ask('/api/v1/jobs/many', { method: 'DELETE' })).status, 200)
  t.match(noted, [
    { subject: 'few', after: { images: few.images, scope: 'all' } },
    { subject: 'many', after: { id: 'many', images: 200 } },
    { before: { images: 200 }, after: { images: 200, cancelledAt: '2026-11-21T12:00:00.000Z' } },
  ])
  for (const entry of noted) t.ok(JSON.stringify(entry).length < 1_000)
})

t.test('a change of a job tells whether it was one', async t => {
  const stored = { nodes: 1, members: 1, away: 0 }
  const job = jobOf('one')
  const { ask } = await startAdmin(t, {
    warmJobs: {
      ...madeUp,
      find: () => job,
      put: async id => ({ before: id === 'one' ? job : undefined, after: { ...job }, stored }),
      cancel: async () => ({ before: job, after: { ...job, cancelledAtMs: nowMs }, stored }),
    },
  })
  const put = { method: 'PUT', body: { images: ['reg.lab/lab/app:v1'] } }
  t.match((await ask('/api/v1/jobs/new', put)).body, { changed: true, removed: false })
  t.match((await ask('/api/v1/jobs/one', put)).body, { changed: false })
  const cancelled = await ask('/api/v1/jobs/one', { method: 'DELETE' })
  t.match(cancelled.body, { changed: true, removed: false })
})
