import t from 'tap'
import { createBufferPool, lend } from '../../src/wire/buffer-pool.ts'

const sizes = { bufferBytes: 100, crowdedBytes: 10, keep: 2 }

t.test('a buffer that came back is lent again', async t => {
  const pool = createBufferPool(sizes)
  const first = pool.take()
  pool.give(first)
  t.equal(pool.take(), first)
})

t.test(
  'beyond those that are kept, smaller ones are lent, and dropped when they come back',
  async t => {
    const pool = createBufferPool(sizes)
    const lent = [pool.take(), pool.take(), pool.take(), pool.take()]
    t.strictSame(
      lent.map(buffer => buffer.length),
      [100, 100, 10, 10],
    )
    for (const buffer of lent) pool.give(buffer)
    const again = [pool.take(), pool.take()]
    t.strictSame(new Set(again), new Set(lent.slice(0, 2)))
  },
)

t.test('a buffer that is used is not given back before it rests', async t => {
  const pool = createBufferPool({ ...sizes, keep: 1 })
  const loan = lend(pool)
  loan.use()
  loan.end()
  t.not(pool.take(), loan.buffer)
  loan.rest()
  t.equal(pool.take(), loan.buffer)
})
