import t from 'tap'
import { createBudget } from '../../../src/adapters/libp2p/budget.ts'
import { createMovableClock } from '../../support/movable-clock.ts'

function taken(take: (bytes: number) => boolean, bytes: number): number {
  let count = 0
  while (count < 100_000 && take(bytes)) count += 1
  return count
}

t.test('2000 messages come at once, and 300 a second after them', async t => {
  const clock = createMovableClock(0)
  const { take } = createBudget(clock)
  t.equal(taken(take, 10), 2_000)
  clock.pass(1_000)
  t.equal(taken(take, 10), 300)
  clock.pass(3_600_000)
  t.equal(taken(take, 10), 2_000)
})

t.test('16 MiB come at once, and 4 MiB a second after them', async t => {
  const clock = createMovableClock(0)
  const { take } = createBudget(clock)
  t.equal(taken(take, 65_536), 256)
  t.ok(take(0), 'a short one still finds room')
  clock.pass(1_000)
  t.equal(taken(take, 65_536), 64)
})
