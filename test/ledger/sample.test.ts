import t from 'tap'
import { sample } from '../../src/ledger/sample.ts'
import { seededRandom } from '../mesh/support.ts'

t.test('as many as are wanted, each once', async t => {
  const items = [1, 2, 3, 4, 5]
  const random = seededRandom(1)
  for (const most of [0, 1, 3, 5, 9]) {
    const some = sample(items, most, random)
    t.equal(some.length, Math.min(most, 5))
    t.equal(new Set(some).size, some.length)
    t.ok(some.every(item => items.includes(item)))
  }
  t.strictSame(items, [1, 2, 3, 4, 5], 'what is chosen from stays as it is')
})

t.test('all have the same chance', async t => {
  const random = seededRandom(2)
  const counts = new Map<number, number>()
  for (let at = 0; at < 5_000; at += 1) {
    for (const item of sample([1, 2, 3, 4, 5], 2, random)) {
      counts.set(item, (counts.get(item) ?? 0) + 1)
    }
  }
  for (const count of counts.values()) t.ok(Math.abs(count - 2_000) < 200, `${count} of 5000`)
  t.equal(counts.size, 5)
})
