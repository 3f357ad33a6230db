import t from 'tap'
import { pause } from '../../src/ports/pause.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

t.test('a pause ends with its time, or with the signal, whichever is first', async t => {
  const timers = createMovableTimers(createMovableClock(0))
  const ending = new AbortController()
  const ended: string[] = []
  const short = pause(100, timers, ending.signal).then(() => ended.push('short'))
  const long = pause(1_000, timers, ending.signal).then(() => ended.push('long'))
  await timers.pass(99)
  t.strictSame(ended, [])
  await timers.pass(1)
  await short
  t.strictSame(ended, ['short'])
  ending.abort()
  await long
  t.strictSame(ended, ['short', 'long'])
  await pause(1_000, timers, ending.signal)
})
