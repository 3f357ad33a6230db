import t from 'tap'
import { createBreaker } from '../../../src/adapters/registry/breaker.ts'
import { UpstreamFailure } from '../../../src/ports/errors.ts'
import { stopTime } from './support/stopped-time.ts'

const failure = new UpstreamFailure('unreachable', 'connect', 'nobody there')
const wallMs = Date.parse('2026-03-03T10:00:00Z')

function makeBreaker() {
  const time = stopTime(wallMs)
  const calls: string[] = []
  const breaker = createBreaker(
    { ...time, random: () => 0 },
    {
      onOpened: ({ reason }) => calls.push(`opened ${reason}`),
      onClosed: () => calls.push('closed'),
    },
  )
  const again = () => {
    calls.push('asked')
    return new Promise(() => {})
  }
  return { time, calls, breaker, again }
}

t.test('two failures in a row open it', async t => {
  const { breaker, calls, again } = makeBreaker()
  t.equal(breaker.lastFailure(), undefined)
  t.equal(breaker.lastFailureAtMs(), undefined)
  breaker.fail(failure, again)
  t.equal(breaker.state(), 'closed')
  t.equal(breaker.lastFailure(), failure)
  breaker.fail(failure, again)
  t.equal(breaker.state(), 'open')
  t.equal(breaker.sinceMs(), wallMs)
  t.strictSame(calls, ['opened connect'])
})

t.test('a success between two failures leaves it closed', async t => {
  const { breaker, calls, again } = makeBreaker()
  breaker.fail(failure, again)
  breaker.succeed()
  breaker.fail(failure, again)
  t.equal(breaker.isOpen(), false)
  t.strictSame(calls, [])
})

t.test('open, it asks in the background, and any success closes it', async t => {
  const { breaker, calls, again, time } = makeBreaker()
  breaker.open(failure, again)
  breaker.open(failure, again)
  time.advance(2_000)
  t.equal(breaker.state(), 'half-open')
  breaker.succeed()
  t.equal(breaker.state(), 'closed')
  breaker.succeed()
  t.strictSame(calls, ['opened connect', 'asked', 'closed'])
})

t.test('failures while it is open change nothing but the last one told', async t => {
  const { breaker, again, time } = makeBreaker()
  breaker.open(failure, again)
  time.advance(1_000)
  const later = new UpstreamFailure('unreachable', 'timeout', 'silent')
  breaker.fail(later, again)
  t.equal(breaker.sinceMs(), wallMs)
  t.equal(breaker.lastFailure(), later)
  t.equal(breaker.lastFailureAtMs(), wallMs + 1_000)
})

t.test('stopped, it is closed and says nothing', async t => {
  const { breaker, calls, again, time } = makeBreaker()
  breaker.open(failure, again)
  breaker.stop()
  time.advance(60_000)
  t.equal(breaker.isOpen(), false)
  t.strictSame(calls, ['opened connect'])
  t.strictSame(time.waiting(), [])
})
