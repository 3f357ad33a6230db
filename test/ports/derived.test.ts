import t from 'tap'
import { derived } from '../../src/ports/derived.ts'

t.test('it is made anew only when another value stands there', async t => {
  let value: readonly number[] | undefined = [1, 2]
  let made = 0
  const sum = derived(
    () => value,
    numbers => {
      made += 1
      return { sum: (numbers ?? []).reduce((a, b) => a + b, 0) }
    },
  )
  const first = sum()
  t.strictSame(first, { sum: 3 })
  t.equal(sum(), first)
  value = [1, 2]
  t.not(sum(), first, 'an equal one is another one')
  value = undefined
  t.strictSame(sum(), { sum: 0 })
  sum()
  t.equal(made, 3)
})

t.test('a source that has nothing at first is read once, too', async t => {
  let made = 0
  const count = derived(
    () => undefined,
    () => ++made,
  )
  t.equal(count(), 1)
  t.equal(count(), 1)
})
