import t from 'tap'
import { parseRecurrence } from '../../src/config/recurrence.ts'
import { dismissedRuns, withRuns } from '../../src/keep/dismissed-runs.ts'
import { decodeJob, type WarmJob } from '../../src/keep/warm-job.ts'
import { createWarmJobs } from '../../src/keep/warm-jobs.ts'
import { decodeSchedule, encodeSchedule, jobOf, scheduleKey } from '../../src/keep/warm-schedule.ts'
import type { SaidWord } from '../../src/ports/word-book.ts'

const dayMs = 24 * 3_600_000
const terms = { copies: 1, signal: new AbortController().signal }
const details = { note: undefined, author: 'a' }
const task = {
  images: ['docker.io/library/nginx:1.27'],
  platforms: undefined,
  scope: { type: 'all' },
  concurrency: 3,
  referrers: false,
} as const
const monthly = { every: '0 3 1 * *', timeZone: 'UTC', jitterMs: 0 }
const dueMs = Date.parse('2026-11-01T03:00:00Z')
const setMs = dueMs - dayMs

/** A node that has begun a monthly run. */
function open({ hasSchedule = true, isOver = false } = {}) {
  const words = new Map<string, SaidWord>()
  const list = () => [...words.values()]
  const scheduleWord: SaidWord = {
    key: scheduleKey('monthly'),
    atMs: setMs,
    origin: 'ab',
    note: undefined,
    author: 'a',
    value: encodeSchedule(task, monthly),
  }
  const schedule = decodeSchedule(scheduleWord, parseRecurrence)
  const run = schedule && jobOf(schedule, dueMs)
  if (run === undefined) throw new Error('no run')
  const state = { nowMs: dueMs + 60_000, isOver, hasSchedule, isNewest: true }
  const said = () => list().flatMap(word => decodeJob(word) ?? [])
  const jobs = createWarmJobs({
    jobs: () => withRuns(said(), state.hasSchedule ? [run] : [], dismissedRuns(list())),
    said,
    words: {
      async set(key, { note, author, value }) {
        await Promise.resolve()
        words.set(key, { key, atMs: state.nowMs, origin: 'ab', note, author, value })
      },
      async lift(key) {
        await Promise.resolve()
        words.delete(key)
      },
    },
    dismissed: () => dismissedRuns(list()),
    schedules: {
      isRun: id => state.hasSchedule && id === run.id,
      isNewest: () => state.isNewest,
    },
    isOver: () => state.isOver,
    isOperator: () => true,
    storeOnOthers: async (_, { copies }) => ({ nodes: copies, members: 1, away: 0 }),
    nowMs: () => state.nowMs,
  })
  return { jobs, state, words, run: run.id }
}

const isOff = (job: WarmJob | undefined): boolean =>
  job === undefined || job.cancelledAtMs !== undefined

t.test('a run that was called off stays so, however often it is said', async t => {
  const { jobs, run } = open()
  t.equal(jobs.find(run)?.cancelledAtMs, undefined)
  const off = await jobs.cancel(run, 'a', terms)
  t.ok(off.after?.cancelledAtMs)
  const gone = await jobs.cancel(run, 'a', terms)
  t.equal(gone.after, undefined, 'it is no longer listed')
  t.ok(isOff(jobs.find(run)))
  t.strictSame(jobs.list(), [])
  await t.rejects(jobs.cancel(run, 'a', terms), { code: 'nothing' })
})

t.test('a run that is over is no longer listed', async t => {
  const { jobs, run } = open({ isOver: true })
  t.match(await jobs.cancel(run, 'a', terms), { before: { id: run }, after: undefined })
  t.strictSame(jobs.list(), [])
})

t.test('old jobs are let go of, and no run comes back by that', async t => {
  const { jobs, state, words, run } = open()
  await jobs.cancel(run, 'a', terms)
  state.isOver = true
  for (const days of [8, 31, 200]) {
    state.nowMs = dueMs + days * dayMs
    await jobs.tidy()
    t.ok(isOff(jobs.find(run)), `after ${days} days`)
  }
  state.isNewest = false
  await jobs.tidy()
  t.notOk(words.has(run), 'once later ones took its place nothing is said of it')
})

t.test('what is said of runs goes with their schedule', async t => {
  const { jobs, state, words, run } = open({ isOver: true })
  await jobs.cancel(run, 'a', terms)
  state.hasSchedule = false
  await jobs.tidy()
  t.notOk(words.has(run))
})

t.test('room for a job is not made by a run that comes back', async t => {
  const { jobs, state, run } = open()
  await jobs.cancel(run, 'a', terms)
  state.isOver = true
  for (let i = 0; i < 100; i += 1) await jobs.put(`job-${i}`, task, details, terms)
  t.ok(isOff(jobs.find(run)))
  t.equal(jobs.list().length, 100)
  state.isOver = false
  await t.rejects(jobs.put('more', task, details, terms), { code: 'too-many' })
})

t.test('a job is called off, and then no longer listed', async t => {
  const { jobs } = open({ hasSchedule: false })
  await jobs.put('night', task, details, terms)
  t.match(await jobs.put('night', task, details, terms), { before: { id: 'night' } })
  await t.rejects(jobs.put('night', { ...task, referrers: true }, details, terms), {
    code: 'taken',
  })
  t.ok((await jobs.cancel('night', 'a', terms)).after?.cancelledAtMs)
  t.equal((await jobs.cancel('night', 'a', terms)).after, undefined)
  t.strictSame(jobs.list(), [])
})

t.test('of jobs that are made at once under one id one is made', async t => {
  const { jobs } = open({ hasSchedule: false })
  const tasks = ['a', 'b', 'c', 'd'].map(name => ({ ...task, images: [`reg.lab/${name}:v1`] }))
  const done = await Promise.allSettled(tasks.map(one => jobs.put('race', one, details, terms)))
  t.match(done, [
    { status: 'fulfilled', value: { after: { images: ['reg.lab/a:v1'] } } },
    ...tasks.slice(1).map(() => ({ status: 'rejected', reason: { code: 'taken' } })),
  ])
  t.strictSame(jobs.find('race')?.images, ['reg.lab/a:v1'])
})

t.test(
  'no more jobs are made at once than one after another, and none at the same time',
  async t => {
    const { jobs } = open({ hasSchedule: false })
    const ids = Array.from({ length: 130 }, (_, i) => `job-${i}`)
    const done = await Promise.allSettled(ids.map(id => jobs.put(id, task, details, terms)))
    t.equal(done.filter(({ status }) => status === 'fulfilled').length, 100)
    t.equal(new Set(jobs.list().map(({ createdAtMs }) => createdAtMs)).size, 100)
  },
)
