import t from 'tap'
import { isRecurrenceFault, parseRecurrence } from '../../src/config/recurrence.ts'
import { isJobId } from '../../src/keep/warm-job.ts'
import {
  decodeSchedule,
  encodeSchedule,
  isScheduleName,
  jobOf,
  readRunId,
  scheduleKey,
  type WarmSchedule,
} from '../../src/keep/warm-schedule.ts'
import type { SaidWord } from '../../src/ports/word-book.ts'

const atMs = Date.parse('2026-11-21T12:00:00Z')
const task = {
  images: ['docker.io/library/nginx:1.27'],
  platforms: ['linux/arm64'],
  scope: { type: 'copies', copies: 2 },
  concurrency: 3,
  referrers: true,
} as const
const nightly = { every: '0 3 * * *', timeZone: 'Europe/Berlin', jitterMs: 600_000 }

const wordOf = (value: string | undefined, key = scheduleKey('nightly')): SaidWord => ({
  key,
  atMs,
  origin: 'ab'.repeat(32),
  note: 'n',
  author: 'a',
  value,
})

function read(value: string | undefined = encodeSchedule(task, nightly)): WarmSchedule {
  const schedule = decodeSchedule(wordOf(value), parseRecurrence)
  if (schedule === undefined) throw new Error(`no schedule: ${value}`)
  return schedule
}

t.test('what an operator said of it comes back from its register', async t => {
  const { times, ...said } = read()
  t.strictSame(said, {
    name: 'nightly',
    ...task,
    ...nightly,
    sinceMs: atMs,
    note: 'n',
    author: 'a',
    isConfigured: false,
  })
  t.equal(times.after(atMs), Date.parse('2026-11-22T02:00:00Z'), 'in its own time zone')
})

t.test('what was due since it was first set is its own, whatever was said of it later', t => {
  t.equal(read(encodeSchedule(task, nightly, atMs - 7)).sinceMs, atMs - 7)
  const odd = JSON.parse(encodeSchedule(task, nightly) ?? '')
  t.equal(read(JSON.stringify({ ...odd, sinceMs: 'long ago' })).sinceMs, atMs)
  t.end()
})

t.test('what another node said that is no schedule is none', async t => {
  const fields = JSON.parse(encodeSchedule(task, nightly) ?? '')
  const broken = [
    { every: '0 0 30 2 *' },
    { every: 7 },
    { timeZone: 'Mars/Olympus' },
    { jitterMs: -1 },
    { jitterMs: 1e12 },
    { images: [] },
    { scope: { type: 'nobody' } },
  ].map(change => JSON.stringify({ ...fields, ...change }))
  for (const value of [undefined, '', '[]', 'null', '{}', ...broken]) {
    t.equal(decodeSchedule(wordOf(value), parseRecurrence), undefined, value ?? 'none')
  }
  const whole = JSON.stringify(fields)
  for (const key of ['nightly', 'schedule/', 'schedule/A', 'schedule/a/b']) {
    t.equal(decodeSchedule(wordOf(whole, key), parseRecurrence), undefined, key)
  }
  const images = Array.from({ length: 300 }, (_, i) => `reg.lab/${'x'.repeat(200)}/${i}:latest`)
  t.equal(encodeSchedule({ ...task, images }, nightly), undefined, 'too long for a register')
})

t.test('a run is the same job on every node, and its id tells which', async t => {
  const dueMs = Date.parse('2026-11-29T02:00:00Z')
  const job = jobOf(read(), dueMs)
  t.strictSame(job, {
    id: 'nightly-20261129t020000z',
    ...task,
    createdAtMs: dueMs,
    note: 'n',
    author: 'a',
    cancelledAtMs: undefined,
  })
  t.strictSame(readRunId(job?.id ?? ''), { name: 'nightly', dueMs })
  t.equal(jobOf(read(), atMs - 1), undefined, 'due before it was set')
  for (const id of ['nightly', 'nightly-20261399t020000z', '-20261129t020000z', '5e1f02']) {
    t.equal(readRunId(id), undefined, id)
  }
})

t.test('the longest name still gives an id of a job', async t => {
  const name = 'n'.repeat(40)
  t.ok(isScheduleName(name))
  t.notOk(isScheduleName(`${name}n`))
  const times = parseRecurrence('@daily')
  if (isRecurrenceFault(times)) throw new Error(times.problem)
  const job = jobOf({ ...read(), name, times }, atMs)
  t.ok(isJobId(job?.id ?? ''), job?.id ?? 'none')
})
