import t from 'tap'
import { isRecurrenceFault, parseRecurrence } from '../../src/config/recurrence.ts'
import { type Dealt, startSchedules } from '../../src/keep/run-schedules.ts'
import type { Schedule } from '../../src/keep/schedule.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

const start = Date.parse('2026-11-21T12:00:00Z')
const hour = 3_600_000
const day = 24 * hour

function nightly(change: Partial<Schedule> = {}): Schedule {
  const times = parseRecurrence('0 3 * * *')
  if (isRecurrenceFault(times)) throw new Error(times.problem)
  return { name: 'nightly', times, jitterMs: 0, sinceMs: start, ...change }
}

/** A node with a memory that outlives its runners, and a clock that may be set. */
function open(schedules: readonly Schedule[] = [nightly()]) {
  const clock = createMovableClock(start)
  const timers = createMovableTimers(clock)
  const began: string[] = []
  const written: ReadonlyMap<string, Dealt>[] = []
  const listeners = new Set<() => void>()
  const node = {
    clock,
    timers,
    /** When each was due. */
    began,
    schedules,
    isOnline: true,
    isAtWork: false,
    fault: undefined as Error | undefined,
    /** Added to the clock by who sets it. */
    offMs: 0,
    remembered: () => written.at(-1) ?? new Map<string, Dealt>(),
    tell() {
      for (const listener of listeners) listener()
    },
    run() {
      const runner = startSchedules({
        schedules: () => node.schedules,
        onChange: listener => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
        isOnline: () => node.isOnline,
        onHope: () => () => {},
        isAtWork: () => node.isAtWork,
        onRuns() {
          for (const [name, runMs] of runner.runs()) {
            const run = `${name} ${new Date(runMs).toISOString().slice(0, 16)}`
            if (began.at(-1) !== run) began.push(run)
          }
        },
        memory: {
          read: node.remembered,
          async write(times) {
            if (node.fault !== undefined) throw node.fault
            written.push(new Map(times))
          },
        },
        self: 'ab'.repeat(32),
        nowMs: () => clock.wallMs() + node.offMs,
        timers,
        log: silentLog,
      })
      return runner
    },
  }
  return node
}

t.test('what recurs is begun each time it is due, and not at the start', async t => {
  const node = open()
  const runner = node.run()
  await node.timers.pass(hour)
  t.strictSame(node.began, [])
  t.equal(runner.nextMs('nightly'), Date.parse('2026-11-22T03:00:00Z'))
  t.equal(runner.nextMs('weekly'), undefined)
  await node.timers.pass(3 * day)
  const nights = ['22', '23', '24'].map(date => `nightly 2026-11-${date}T03:00`)
  t.strictSame(node.began, nights)
  await runner.close()
  await node.timers.pass(day)
  t.equal(node.began.length, 3, 'and no more once it is closed')
})

t.test('while offline nothing is begun, and on return the newest, once', async t => {
  const node = open()
  const runner = node.run()
  t.teardown(() => runner.close())
  await node.timers.pass(hour)
  node.isOnline = false
  await node.timers.pass(5 * day)
  t.strictSame(node.began, [])
  node.isOnline = true
  await node.timers.pass(hour)
  t.strictSame(node.began, ['nightly 2026-11-26T03:00'])
  await node.timers.pass(day)
  t.strictSame(node.began.slice(1), ['nightly 2026-11-27T03:00'])
})

t.test('a run that lasts holds the next one up, and only that', async t => {
  const node = open([nightly()])
  const runner = node.run()
  t.teardown(() => runner.close())
  await node.timers.pass(day)
  node.isAtWork = true
  await node.timers.pass(2 * day)
  t.equal(node.began.length, 1)
  node.isAtWork = false
  await node.timers.pass(hour)
  t.strictSame(node.began.slice(1), ['nightly 2026-11-24T03:00'])
})

t.test('what was due while the node was off is begun when it is back, once', async t => {
  const node = open()
  const before = node.run()
  await node.timers.pass(day)
  await before.close()
  node.clock.pass(6 * day)
  const after = node.run()
  t.teardown(() => after.close())
  await node.timers.pass(hour)
  t.strictSame(node.began, ['nightly 2026-11-22T03:00', 'nightly 2026-11-28T03:00'])
})

t.test('a node that learns of it later joins in the newest time since it was set', async t => {
  const node = open([nightly({ sinceMs: start - 3 * day })])
  const runner = node.run()
  await node.timers.pass(hour)
  t.strictSame(node.began, ['nightly 2026-11-21T03:00'])
  await runner.close()
  const late = open([nightly({ sinceMs: start - hour })])
  const other = late.run()
  await late.timers.pass(hour)
  t.strictSame(late.began, [], 'none was due since')
  await other.close()
})

t.test('what could not be begun is tried again', async t => {
  const node = open()
  node.fault = new Error('no disk')
  const runner = node.run()
  t.teardown(() => runner.close())
  await node.timers.pass(day)
  t.strictSame(node.began, [])
  node.fault = undefined
  await node.timers.pass(60_000)
  t.strictSame(node.began, ['nightly 2026-11-22T03:00'])
})

t.test(
  'a clock that jumps by years begins one, and set right again it does not stop for years',
  async t => {
    const node = open()
    const runner = node.run()
    t.teardown(() => runner.close())
    await node.timers.pass(hour)
    node.offMs = 5 * 365 * day
    await node.timers.pass(hour)
    t.equal(node.began.length, 1)
    t.match(node.began[0], /^nightly 2031-11-20T03:00/)
    node.offMs = 0
    await node.timers.pass(2 * day)
    t.strictSame(node.began.slice(1), ['nightly 2026-11-22T03:00', 'nightly 2026-11-23T03:00'])
  },
)

t.test('at 1970 nothing is begun that was set in our days', async t => {
  const node = open([nightly({ sinceMs: start - day })])
  node.offMs = -start
  const runner = node.run()
  t.teardown(() => runner.close())
  await node.timers.pass(3 * day)
  t.strictSame(node.began, [])
  node.offMs = 0
  await node.timers.pass(60_000)
  t.strictSame(node.began, ['nightly 2026-11-24T03:00'])
})

t.test('a schedule that is gone is forgotten, and begins anew when it is set anew', async t => {
  const node = open()
  const runner = node.run()
  t.teardown(() => runner.close())
  await node.timers.pass(day)
  t.strictSame([...node.remembered().keys()], ['nightly'])
  node.schedules = []
  node.tell()
  await node.timers.pass(2 * day)
  t.strictSame([...node.remembered().keys()], [])
  node.schedules = [nightly({ sinceMs: node.clock.wallMs() })]
  node.tell()
  await node.timers.pass(day)
  t.strictSame(node.began.slice(1), ['nightly 2026-11-25T03:00'])
})

t.test('with jitter each node begins at its own moment', async t => {
  const node = open([nightly({ jitterMs: hour })])
  const runner = node.run()
  t.teardown(() => runner.close())
  const next = runner.nextMs('nightly') ?? 0
  const due = Date.parse('2026-11-22T03:00:00Z')
  t.ok(next > due && next < due + hour, new Date(next).toISOString())
  await node.timers.pass(next - 1 - node.clock.wallMs())
  t.strictSame(node.began, [])
  await node.timers.pass(1)
  t.strictSame(node.began, ['nightly 2026-11-22T03:00'])
})
