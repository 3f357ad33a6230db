import t from 'tap'
import { Value } from 'typebox/value'
import { isRecurrenceFault, parseRecurrence } from '../../../src/config/recurrence.ts'
import { scheduleChangeAnswer, schedulesAnswer } from '../../../src/http/admin/schedule-contract.ts'
import type { WarmSchedule } from '../../../src/keep/warm-schedule.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { nowMs, startAdmin } from './support.ts'

const path = '/api/v1/schedules/nightly'
const stored = { nodes: 2, members: 3, away: 0 }
const terms = { concurrency: 3, referrers: false, note: undefined, author: 'a' } as const
const body = { images: ['nginx'], every: '0 3 * * *', timeZone: 'Europe/Berlin', copies: 2 }

function scheduleOf(change: Partial<WarmSchedule> = {}): WarmSchedule {
  const times = parseRecurrence(body.every)
  if (isRecurrenceFault(times)) throw new Error(times.problem)
  return {
    ...terms,
    name: 'nightly',
    images: ['docker.io/library/nginx:latest'],
    platforms: undefined,
    scope: { type: 'copies', copies: 2 },
    every: body.every,
    timeZone: body.timeZone,
    jitterMs: 600_000,
    times,
    sinceMs: nowMs,
    isConfigured: false,
    ...change,
  }
}

t.test('schedules are listed with when they are next and how the newest run is called', async t => {
  const { sinceMs } = scheduleOf()
  const own = scheduleOf({ name: 'own-1', isConfigured: true, scope: { type: 'all' }, sinceMs: 0 })
  const { ask } = await startAdmin(t, {
    warmSchedules: {
      list: () => [own, scheduleOf()],
      find: () => undefined,
      put: () => Promise.reject(new Error('nothing is put')),
      tryOut: () => {},
      remove: () => Promise.reject(new Error('nothing is removed')),
    },
    nextRunMs: name => (name === 'nightly' ? sinceMs + 5_000 : undefined),
    warmJobs: {
      list: () =>
        ['nightly-20261122t020000z', 'nightly-20261121t020000z'].map(id => ({ id }) as never),
      find: () => undefined,
      put: () => Promise.reject(new Error('nothing is put')),
      cancel: () => Promise.reject(new Error('nothing is cancelled')),
      tidy: async () => {},
    },
  })
  const { body: told } = await ask('/api/v1/schedules')
  t.ok(Value.Check(schedulesAnswer, told))
  t.match(told, {
    items: [
      { name: 'own-1', configured: true, scope: 'all' },
      {
        name: 'nightly',
        configured: false,
        every: '0 3 * * *',
        timeZone: 'Europe/Berlin',
        jitterSeconds: 600,
        scope: 'copies',
        scopeCopies: 2,
        setAt: '2026-11-21T12:00:00.000Z',
        nextAt: '2026-11-21T12:00:05.000Z',
        job: 'nightly-20261122t020000z',
      },
    ],
  })
  const [first = {}] = (told as { items: object[] }).items
  t.notOk('setAt' in first || 'nextAt' in first || 'job' in first)
})

t.test('a schedule is set and removed, and noted', async t => {
  const asked: unknown[] = []
  const noted: Omit<AuditEntry, 'atMs'>[] = []
  const { ask } = await startAdmin(t, {
    warmSchedules: {
      list: () => [],
      find: () => scheduleOf(),
      tryOut: () => {},
      async put(...args) {
        asked.push(args.slice(0, 3))
        return { before: undefined, after: scheduleOf(), stored }
      },
      async remove(...args) {
        asked.push(args.slice(0, 2))
        return { before: scheduleOf(), after: undefined, stored }
      },
    },
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const put = await ask(`${path}?copies=2`, { method: 'PUT', body })
  t.equal(put.status, 200)
  t.ok(Value.Check(scheduleChangeAnswer, put.body))
  t.match(put.body, { name: 'nightly', removed: false, storedOn: stored })
  t.match(asked[0], [
    'nightly',
    {
      images: ['docker.io/library/nginx:latest'],
      scope: { type: 'copies', copies: 2 },
      concurrency: 3,
      every: '0 3 * * *',
      timeZone: 'Europe/Berlin',
      jitterMs: 600_000,
    },
    { note: undefined, author: 'token 1' },
  ])
  t.match((await ask(path, { method: 'DELETE' })).body, {
    ...{ name: 'nightly', removed: true, changed: true, storedOn: stored },
  })
  t.strictSame(asked[1], ['nightly', 'token 1'])
  t.match(noted, [
    { operation: 'putSchedule', subject: 'nightly', after: { every: '0 3 * * *' } },
    { operation: 'deleteSchedule', subject: 'nightly', before: { every: '0 3 * * *' } },
  ])
})

t.test('the audit log names a few images of a schedule, and of more tells the number', async t => {
  const noted: Omit<AuditEntry, 'atMs'>[] = []
  const images = Array.from({ length: 200 }, (_, i) => `reg.lab/lab/app:v${i}`)
  const { ask } = await startAdmin(t, {
    warmSchedules: {
      list: () => [],
      find: () => scheduleOf(),
      put: async () => ({ before: scheduleOf(), after: scheduleOf({ images }), stored }),
      tryOut: () => {},
      remove: () => Promise.reject(new Error('nothing is removed')),
    },
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const was = { images: scheduleOf().images, every: '0 3 * * *' }
  t.match(await ask(path, { method: 'PUT', body }), { body: { images, before: was } })
  t.match(noted, [{ before: { images: scheduleOf().images }, after: { images: 200 } }])
})

t.test('one that is not there is removed, too, and it is told that nothing had to be', async t => {
  const { ask } = await startAdmin(t, {
    warmSchedules: {
      list: () => [],
      find: () => undefined,
      put: () => Promise.reject(new Error('nothing is put')),
      tryOut: () => {},
      remove: async () => ({ before: undefined, after: undefined, stored }),
    },
  })
  t.match(await ask(path, { method: 'DELETE' }), {
    status: 200,
    body: { name: 'nightly', removed: true, changed: false, storedOn: stored },
  })
})

t.test('what is wrong is told', async t => {
  const { ask } = await startAdmin(t)
  const { every: _, ...without } = body
  for (const wrong of [without, { ...body, from: 'keep' }, { ...body, jitterSeconds: -1 }]) {
    t.match(await ask(path, { method: 'PUT', body: wrong }), { status: 400 })
  }
})
