import t from 'tap'
import {
  answerTime,
  createTrustedTime,
  earliestPlausibleMs,
} from '../../src/ledger/trusted-time.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const today = Date.UTC(2026, 5, 1)
const minute = 60_000
const day = 86_400_000

t.test('a sane clock is taken as it is until a registry says more', async t => {
  const clock = createMovableClock(today)
  const time = createTrustedTime(clock, undefined)
  t.equal(time.nowMs(), today)
  t.equal(time.isVerified(), false)
  clock.pass(minute)
  t.equal(time.nowMs(), today + minute)
  t.equal(time.learn(today + minute + 2_000), undefined, 'a small correction is none')
  t.equal(time.isVerified(), true)
  t.equal(time.nowMs(), today + minute + 2_000)
  t.equal(time.offsetMs(), 2_000)
})

t.test('a clock from before this was written is not believed', async t => {
  const clock = createMovableClock(0)
  const time = createTrustedTime(clock, undefined)
  t.equal(time.nowMs(), earliestPlausibleMs)
  clock.pass(minute)
  t.equal(time.nowMs(), earliestPlausibleMs + minute, 'but it runs on')
})

t.test('a large correction tells by how much and since when', async t => {
  const clock = createMovableClock(today + 3650 * day)
  const time = createTrustedTime(clock, undefined)
  clock.pass(minute)
  t.strictSame(time.learn(today), {
    errorMs: 3650 * day + minute,
    sinceMs: today + 3650 * day,
  })
  t.equal(time.nowMs(), today)
  t.equal(time.learn(today), undefined)
})

t.test('one wrong Date is outvoted, three of five are believed', async t => {
  const clock = createMovableClock(today)
  const time = createTrustedTime(clock, undefined)
  time.learn(today)
  time.learn(today + day)
  t.equal(time.nowMs(), today, 'a second voice alone changes nothing')
  time.learn(today)
  time.learn(today + day)
  time.learn(today)
  t.equal(time.nowMs(), today)
  time.learn(today + day)
  t.equal(time.nowMs(), today + day, 'the newest five have a majority for it')
})

t.test('Dates that cannot be are not counted', async t => {
  const time = createTrustedTime(createMovableClock(today), undefined)
  for (const dateMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1.5]) time.learn(dateMs)
  t.equal(time.isVerified(), false)
})

t.test('what was learned holds after a restart with the same wrong clock', async t => {
  for (const wallMs of [5 * day, today + 3650 * day]) {
    const clock = createMovableClock(wallMs)
    const before = createTrustedTime(clock, undefined)
    before.learn(today)
    clock.pass(day)
    const time = createTrustedTime(clock, before.known())
    t.equal(time.nowMs(), today + day)
    t.equal(time.isVerified(), false)
  }
})

t.test('a clock that was repaired while we were down is not corrected twice', async t => {
  const clock = createMovableClock(5 * day)
  const before = createTrustedTime(clock, undefined)
  before.learn(today)
  const known = before.known()
  clock.setWall(today + day)
  t.equal(createTrustedTime(clock, known).nowMs(), today + day)
})

t.test('time never falls behind the highest that was ever trusted', async t => {
  const clock = createMovableClock(5 * day)
  const before = createTrustedTime(clock, undefined)
  before.learn(today)
  const known = before.known()
  clock.setWall(0) // the battery was taken out
  const time = createTrustedTime(clock, known)
  t.equal(time.nowMs(), today)
  clock.pass(minute)
  t.equal(time.nowMs(), today + minute)
})

t.test('the time of an answer is its Date where that can be believed', async t => {
  const clock = createMovableClock(today)
  const time = createTrustedTime(clock, undefined)
  t.equal(answerTime(undefined, time), today)
  t.equal(answerTime(today + day, time), today + day, 'not verified: the Date is all there is')
  t.equal(answerTime(5 * day, time), today, 'unless it cannot be')
  time.learn(today)
  t.equal(answerTime(today + 5 * minute, time), today + 5 * minute)
  t.equal(answerTime(today - 5 * minute, time), today - 5 * minute)
  t.equal(answerTime(today + 5 * minute + 1, time), today)
  t.equal(answerTime(today - 5 * minute - 1, time), today)
})

const voices = (clock: { monotonicMs(): number }, ...ms: number[]) =>
  ms.map(nowMs => ({ anchorMs: nowMs - clock.monotonicMs(), isVerified: false }))

t.test('what three members agree on is the time, until a registry says more', async t => {
  const clock = createMovableClock(today + 3650 * day)
  const time = createTrustedTime(clock, undefined)
  t.equal(time.learnFromPeers(voices(clock, today, today)), undefined)
  t.equal(time.isVerified(), false, 'two cannot decide')
  t.equal(time.source(), undefined)
  t.strictSame(time.learnFromPeers(voices(clock, today, today, today)), {
    errorMs: 3650 * day,
    sinceMs: today + 3650 * day,
  })
  t.equal(time.nowMs(), today)
  t.equal(time.isVerified(), true)
  t.equal(time.source(), 'peers')
  clock.pass(minute)
  clock.setWall(0)
  t.equal(time.nowMs(), today + minute, 'a wall clock that is set changes nothing')
  t.equal(time.learn(today + 2 * minute), undefined)
  t.equal(time.source(), 'registry')
  t.equal(time.learnFromPeers(voices(clock, 1e13, 1e13, 1e13)), undefined)
  t.equal(time.nowMs(), today + 2 * minute, 'the registry has the last word')
})

t.test('members that confirm the clock as it is make it known and leave it alone', async t => {
  const clock = createMovableClock(today)
  const time = createTrustedTime(clock, undefined)
  t.equal(time.learnFromPeers(voices(clock, today - 10_000, today + 9_000)), undefined)
  t.equal(time.nowMs(), today)
  t.equal(time.source(), 'peers')
})

t.test(
  'what members agreed on holds after a restart, and binds nobody who knows better',
  async t => {
    const clock = createMovableClock(0)
    const before = createTrustedTime(clock, undefined)
    before.learnFromPeers(voices(clock, today, today, today))
    const known = before.known()
    t.equal(createTrustedTime(clock, known).nowMs(), today)
    t.equal(createTrustedTime(clock, known).isVerified(), false)

    const liedTo = createTrustedTime(createMovableClock(today), undefined)
    liedTo.learnFromPeers(voices(clock, 1e13, 1e13, 1e13))
    const again = createTrustedTime(createMovableClock(today), liedTo.known())
    t.equal(again.nowMs(), today, 'three that lie together do not bind it for good')
  },
)

t.test('members that live before this was written are not believed', async t => {
  const clock = createMovableClock(today)
  const time = createTrustedTime(clock, undefined)
  time.learnFromPeers(voices(clock, 0, 0, 0))
  t.equal(time.nowMs(), today)
  t.equal(time.isVerified(), false)
})

t.test('nodes that follow each other do not drift away together', async t => {
  const clock = createMovableClock(today)
  const time = createTrustedTime(clock, undefined)
  for (let i = 0; i < 1_000; i++) {
    clock.pass(1_000)
    // Each word is a second late.
    const late = time.nowMs() - 1_000
    time.learnFromPeers(voices(clock, late, late, late))
  }
  t.equal(time.nowMs(), today + 1_000_000)
})
