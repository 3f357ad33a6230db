import t from 'tap'
import type { OfflineReport, ReportedImage, Verdict } from '../../src/keep/offline-report.ts'
import { startReportWatch } from '../../src/keep/watch-report.ts'
import { keepLog } from '../http/support.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

const minute = 60_000

const image = (verdict: Verdict, ...held: readonly number[]): ReportedImage => ({
  wanted: {
    key: { registry: 'reg.test', repository: 'lab/app', tag: 'a' },
    why: 'keep',
    isPinned: false,
    digests: [],
    confirmedAtMs: undefined,
  },
  verdict,
  standings: new Map(),
  copies: held.map((count, i) => ({ platform: `linux/${i}`, held: count, wanted: 2 })),
  gaps: [],
  holders: [],
  noRoom: new Map(),
  older: undefined,
  referrers: [],
  moreReferrers: 0,
})

function open(everyMs = 10 * minute) {
  const clock = createMovableClock(Date.UTC(2026, 10, 29))
  const timers = createMovableTimers(clock)
  const { log, lines } = keepLog()
  const state = { images: [image('ready', 2)] as ReportedImage[], fails: false, made: 0 }
  const watch = startReportWatch(
    {
      async make(): Promise<OfflineReport> {
        state.made += 1
        if (state.fails) throw new Error('no report')
        return { verdict: 'ready', nodes: [], images: state.images }
      },
      keepSet: async () => [],
      clock,
      timers,
      log,
    },
    { everyMs },
  )
  return { timers, clock, lines, state, watch }
}

t.test('a minute after the start and then every so often the keep set is judged', async t => {
  const { timers, clock, state, watch } = open()
  t.equal(watch.last(), undefined)
  await timers.pass(minute)
  t.same(watch.last()?.verdicts, { ready: 1, 'at-risk': 0, 'not-ready': 0 })
  state.images = [image('at-risk', 1), image('not-ready', 0), image('ready', 2)]
  await timers.pass(9 * minute)
  t.equal(state.made, 1)
  await timers.pass(minute)
  t.same(watch.last()?.verdicts, { ready: 1, 'at-risk': 1, 'not-ready': 1 })
  t.equal(watch.last()?.atMs, clock.monotonicMs())
  await watch.close()
  await timers.pass(60 * minute)
  t.equal(state.made, 2, 'and not after it was closed')
})

t.test('copies are those of the platform with the fewest', async t => {
  const { timers, state, watch } = open()
  state.images = [
    image('ready', 3, 5),
    image('at-risk', 7, 1),
    image('not-ready'),
    image('ready', 2),
  ]
  await timers.pass(minute)
  t.same(watch.last()?.copies, [1, 1, 1, 1], 'none, one, two, and three or more')
  await watch.close()
})

t.test('what could not be judged is not told by an old verdict', async t => {
  const { timers, lines, state, watch } = open()
  await timers.pass(minute)
  t.ok(watch.last())
  state.fails = true
  await timers.pass(10 * minute)
  t.equal(watch.last(), undefined)
  t.match(lines, [{ level: 'warn', message: /no report was made/ }])
  state.fails = false
  await timers.pass(10 * minute)
  t.ok(watch.last(), 'and it goes on')
  await watch.close()
})

t.test('a setting of nothing does not make it run all the time', async t => {
  const { timers, state, watch } = open(0)
  await timers.pass(10_000)
  t.equal(state.made, 10)
  await watch.close()
})
