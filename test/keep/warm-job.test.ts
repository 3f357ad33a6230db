import t from 'tap'
import {
  decodeJob,
  encodeJob,
  isJobId,
  isSameTask,
  maxWarmImages,
  takesPart,
  type WarmJob,
} from '../../src/keep/warm-job.ts'

const job: WarmJob = {
  id: 'night-1',
  images: ['docker.io/library/nginx:1', `a.lan/app@sha256:${'a'.repeat(64)}`],
  platforms: ['linux/amd64'],
  scope: { type: 'nodes', nodes: [{ id: 'b'.repeat(64), name: 'van' }] },
  concurrency: 3,
  referrers: true,
  createdAtMs: 7,
  note: 'voyage',
  author: 'ann',
  cancelledAtMs: undefined,
}

const wordOf = (one: WarmJob, value = encodeJob(one)) => ({
  key: one.id,
  value,
  note: one.note,
  author: one.author,
  atMs: 9,
  origin: 'c'.repeat(64),
})

t.test('a job is read as it was written', t => {
  const jobs: WarmJob[] = [
    job,
    { ...job, platforms: undefined, scope: { type: 'all' } },
    { ...job, scope: { type: 'copies', copies: 2 }, cancelledAtMs: 8 },
  ]
  for (const one of jobs) t.strictSame(decodeJob(wordOf(one)), one)
  t.end()
})

t.test('what is no job is none', t => {
  const bent: readonly Partial<Record<keyof WarmJob, unknown>>[] = [
    { images: [] },
    { images: ['nginx'] },
    { images: ['docker.io/library/nginx:1', 7] },
    { images: Array(maxWarmImages + 1).fill('docker.io/library/nginx:1') },
    { platforms: [] },
    { platforms: ['linux'] },
    { scope: undefined },
    { scope: { type: 'some' } },
    { scope: { type: 'copies', copies: 0 } },
    { scope: { type: 'nodes', nodes: [{ id: 'van', name: 'van' }] } },
    { concurrency: 0 },
    { concurrency: 1.5 },
    { referrers: 1 },
    { createdAtMs: -1 },
    { cancelledAtMs: 'now' },
  ]
  for (const change of bent) {
    const value = JSON.stringify({ ...job, ...change })
    t.equal(decodeJob(wordOf(job, value)), undefined, JSON.stringify(change).slice(0, 80))
  }
  for (const value of ['', 'null', '[]', '7']) t.equal(decodeJob(wordOf(job, value)), undefined)
  t.equal(decodeJob({ ...wordOf(job), key: 'a/b' }), undefined)
  t.end()
})

t.test('an id is a part of a path and of a key', t => {
  for (const id of ['a', 'night-1', '5e1f02', 'a.b_c', 'x'.repeat(64)]) t.ok(isJobId(id), id)
  for (const id of ['', '-a', 'a/', 'A', 'a b', 'x'.repeat(65)]) t.notOk(isJobId(id), id)
  t.end()
})

t.test('a list that no register can carry is none', t => {
  const images = Array.from({ length: maxWarmImages }, (_, i) => `a.lan/${'x'.repeat(200)}/${i}:1`)
  t.equal(encodeJob({ ...job, images }), undefined)
  t.end()
})

t.test('two tasks are the same when they ask for the same', t => {
  t.ok(isSameTask(job, { ...job, ...{ note: 'other' } }))
  t.notOk(isSameTask(job, { ...job, referrers: false }))
  t.notOk(isSameTask(job, { ...job, images: job.images.slice(1) }))
  t.end()
})

t.test('a node takes part where it is named, or none is', t => {
  t.ok(takesPart(job, 'b'.repeat(64)))
  t.notOk(takesPart(job, 'c'.repeat(64)))
  t.ok(takesPart({ scope: { type: 'all' } }, 'c'.repeat(64)))
  t.ok(takesPart({ scope: { type: 'copies', copies: 2 } }, 'c'.repeat(64)))
  t.end()
})
