import t from 'tap'
import { createUsageClock } from '../../src/keep/usage-clock.ts'

const dayMs = 86_400_000
const today = Date.UTC(2026, 5, 1)

/** A wall clock that can be set, and one that only passes. */
function createClocks(wallMs: number) {
  const state = { wallMs, monotonicMs: 5_000 }
  return {
    clock: { wallMs: () => state.wallMs, monotonicMs: () => state.monotonicMs },
    pass(ms: number) {
      state.wallMs += ms
      state.monotonicMs += ms
    },
    setWall(ms: number) {
      state.wallMs = ms
    },
  }
}

t.test('a node that runs all the time counts as the wall clock does', async t => {
  const { clock, pass } = createClocks(today)
  const nowMs = createUsageClock(clock, undefined)
  t.equal(nowMs(), today)
  pass(3 * dayMs)
  t.equal(nowMs(), today + 3 * dayMs)
})

t.test(
  'a node that was off for half a year has aged by nothing when it boots, and catches up at double pace',
  async t => {
    const { clock, pass } = createClocks(today)
    const lastUse = today - 180 * dayMs
    const nowMs = createUsageClock(clock, lastUse)
    t.equal(nowMs(), lastUse)
    pass(10 * dayMs)
    t.equal(nowMs(), lastUse + 20 * dayMs)
    pass(170 * dayMs)
    t.equal(nowMs(), today + 180 * dayMs, 'caught up')
    pass(dayMs)
    t.equal(nowMs(), today + 181 * dayMs, 'and no faster than the wall from then on')
  },
)

t.test('a wall clock that stands at 1970 does not turn it back', async t => {
  const { clock, pass, setWall } = createClocks(0)
  const nowMs = createUsageClock(clock, today)
  t.equal(nowMs(), today)
  pass(dayMs)
  t.equal(nowMs(), today + dayMs)
  setWall(today + 2 * dayMs)
  t.equal(nowMs(), today + 2 * dayMs, 'and takes up the right time when it comes')
})

t.test('a wall clock that jumps ten years ahead and back does nothing at once', async t => {
  const { clock, pass, setWall } = createClocks(today)
  const nowMs = createUsageClock(clock, today)
  setWall(today + 3650 * dayMs)
  t.equal(nowMs(), today)
  pass(dayMs)
  t.equal(nowMs(), today + 2 * dayMs)
  setWall(today + dayMs)
  t.equal(nowMs(), today + 2 * dayMs, 'it never goes back')
})
