import t from 'tap'
import { parseRecurrence } from '../../src/config/recurrence.ts'
import { decodeSchedule, type WarmSchedule } from '../../src/keep/warm-schedule.ts'
import { createWarmSchedules } from '../../src/keep/warm-schedules.ts'

const terms = { copies: 2, signal: new AbortController().signal }
const details = { note: 'n', author: 'a' }
const what = {
  images: ['docker.io/library/nginx:1.27'],
  platforms: undefined,
  scope: { type: 'all' },
  concurrency: 3,
  referrers: false,
  every: '0 3 * * *',
  timeZone: 'UTC',
  jitterMs: 0,
} as const

function open({ isOperator = true, configured = [] as readonly WarmSchedule[] } = {}) {
  const read = new Map<string, WarmSchedule | undefined>()
  const writes: string[] = []
  let nowMs = 0
  const schedules = createWarmSchedules({
    schedules: () => [...configured, ...[...read.values()].flatMap(schedule => schedule ?? [])],
    words: {
      async set(key, { note, author, value }) {
        await Promise.resolve()
        writes.push(`set ${key}`)
        nowMs += 1
        const word = { key, atMs: nowMs, origin: 'ab', note, author, value }
        read.set(key, decodeSchedule(word, parseRecurrence))
      },
      async lift(key) {
        writes.push(`lift ${key}`)
        read.delete(key)
      },
    },
    parse: parseRecurrence,
    isOperator: () => isOperator,
    storeOnOthers: async (_, { copies }) => ({ nodes: copies, members: 3, away: 0 }),
  })
  return { schedules, writes }
}

t.test('it is set, changed and removed, and said again without a change', async t => {
  const { schedules, writes } = open()
  const set = await schedules.put('nightly', what, details, terms)
  t.match(set, {
    before: undefined,
    after: { name: 'nightly' },
    stored: { nodes: 2, members: 3, away: 0 },
  })
  await schedules.put('nightly', what, details, terms)
  t.strictSame(writes, ['set schedule/nightly'])
  const changed = await schedules.put('nightly', { ...what, jitterMs: 1_000 }, details, terms)
  t.match(changed, { before: { jitterMs: 0 }, after: { jitterMs: 1_000 } })
  const { before, after } = await schedules.remove('nightly', 'a', terms)
  t.match({ before, after }, { before: { name: 'nightly' }, after: undefined })
  t.strictSame(schedules.list(), [])
  const writesBefore = writes.length
  t.match(await schedules.remove('nightly', 'a', terms), {
    before: undefined,
    after: undefined,
    stored: { nodes: 2 },
  })
  t.equal(writes.length, writesBefore, 'nothing is written where nothing is')
})

t.test('it is said anew where the note or the author is another one alone', async t => {
  const { schedules, writes } = open()
  await schedules.put('nightly', what, details, terms)
  for (const other of [{ author: 'b' }, { note: 'm' }, { note: undefined }]) {
    const { before, after } = await schedules.put('nightly', what, { ...details, ...other }, terms)
    t.match(after, { ...details, ...other })
    t.equal(after?.sinceMs, before?.sinceMs, 'its run goes on')
  }
  t.equal(writes.length, 4)
})

t.test('what is none is refused, with what to write', async t => {
  const { schedules, writes } = open()
  const put = (name: string, change: object = {}) =>
    schedules.put(name, { ...what, ...change }, details, terms)
  await t.rejects(put('Nightly'), { code: 'no-id' })
  await t.rejects(put('n', { every: 'nightly' }), {
    code: 'no-times',
    message: /"nightly" is no cron expression; write minute/,
  })
  await t.rejects(put('n', { timeZone: 'Mars/Olympus' }), { code: 'no-times' })
  const images = Array.from({ length: 300 }, (_, i) => `reg.lab/${'x'.repeat(200)}/${i}:latest`)
  await t.rejects(put('n', { images }), { code: 'too-long' })
  await t.rejects(open({ isOperator: false }).schedules.put('n', what, details, terms), {
    code: 'no-operator',
  })
  t.strictSame(writes, [])
})

t.test('what would be refused is told without saying it', async t => {
  const { schedules, writes } = open()
  schedules.tryOut('nightly', what)
  t.throws(() => schedules.tryOut('a b', what), { code: 'no-id' })
  t.throws(() => schedules.tryOut('nightly', { ...what, every: 'nonsense' }), { code: 'no-times' })
  t.throws(() => open({ isOperator: false }).schedules.tryOut('n', what), { code: 'no-operator' })
  t.strictSame(writes, [])
  for (let i = 0; i < 50; i += 1) await schedules.put(`s${i}`, what, details, terms)
  t.throws(() => schedules.tryOut('more', what), { code: 'too-many' })
  schedules.tryOut('s7', { ...what, every: '@hourly' })
})

t.test('there are fifty at the most, and one of the configuration is not removed here', async t => {
  const { schedules } = open()
  for (let i = 0; i < 50; i += 1) await schedules.put(`s${i}`, what, details, terms)
  await t.rejects(schedules.put('more', what, details, terms), { code: 'too-many' })
  await schedules.put('s7', { ...what, every: '@hourly' }, details, terms)
  const [own] = schedules.list()
  if (own === undefined) throw new Error('no schedule')
  const other = open({ configured: [{ ...own, name: 'own-1', isConfigured: true }] })
  await t.rejects(other.schedules.remove('own-1', 'a', terms), {
    code: 'nothing',
    message: /configuration/,
  })
})

t.test('its runs stay its own until what is fetched when, or for whom, changes', async t => {
  const { schedules } = open()
  const sinceOf = async (change: object, note = 'n') => {
    const put = await schedules.put('nightly', { ...what, ...change }, { note, author: 'a' }, terms)
    return put.after?.sinceMs
  }
  t.equal(await sinceOf({}), 1)
  t.equal(await sinceOf({}, 'another note'), 1)
  t.equal(await sinceOf({ jitterMs: 1_000, concurrency: 1 }, 'and another'), 1)
  t.equal(await sinceOf({ every: '0 4 * * *' }), 4)
  t.equal(await sinceOf({ every: '0 4 * * *', images: ['docker.io/library/redis:7'] }), 5)
  t.equal(await sinceOf({ scope: { type: 'copies', copies: 2 } }), 6)
  await schedules.remove('nightly', 'a', terms)
  t.equal(await sinceOf({}), 7, 'one that is set anew is another one')
})

t.test('no more schedules are set at once than one after another', async t => {
  const { schedules } = open()
  const names = Array.from({ length: 70 }, (_, i) => `s${i}`)
  const done = await Promise.allSettled(
    names.map(name => schedules.put(name, what, details, terms)),
  )
  t.equal(done.filter(({ status }) => status === 'fulfilled').length, 50)
  t.equal(schedules.list().length, 50)
})
