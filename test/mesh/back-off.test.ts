import t from 'tap'
import { createBackOff } from '../../src/mesh/back-off.ts'
import { createMovableClock } from '../support/movable-clock.ts'

/** How long until it is due again, to a tenth of a second. */
function wait(random: () => number, failures: number): number {
  const clock = createMovableClock(0)
  const backOff = createBackOff(clock, random)
  for (let i = 0; i < failures; i++) backOff.failed('a')
  let ms = 0
  for (; !backOff.isDue('a'); ms += 100) clock.pass(100)
  return ms
}

t.test('each failure doubles the wait, from a second to a minute, with jitter', async t => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 50].map(failures => wait(() => 0.999999, failures))
  t.strictSame(longest, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  t.equal(
    wait(() => 0, 50),
    30_000,
  )
})

t.test('an address that answered, and all on another network, are due at once', async t => {
  const backOff = createBackOff(createMovableClock(0), () => 0.5)
  for (const address of ['a', 'b', 'c']) backOff.failed(address)
  t.equal(backOff.isDue('a'), false)
  t.equal(backOff.isDue('never seen'), true)
  backOff.reset('a')
  t.equal(backOff.isDue('a'), true)
  t.equal(backOff.isDue('b'), false)
  backOff.resetAll()
  t.equal(backOff.isDue('b'), true)
})

t.test('it remembers a bounded number', async t => {
  const backOff = createBackOff(createMovableClock(0), () => 0.5)
  for (let i = 0; i < 10_000; i++) backOff.failed(`${i}`)
  t.equal(backOff.isDue('0'), true)
  t.equal(backOff.isDue('9999'), false)
})
