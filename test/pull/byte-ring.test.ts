import t from 'tap'
import { createByteRing } from '../../src/pull/byte-ring.ts'
import { assertReads, same } from './byte-run.suite.ts'

t.test('a ring reads what was pushed and not trimmed, however it came', async t => {
  const create = (base: number, capacity: number) => {
    const run = createByteRing(base, capacity)
    const push = (bytes: Uint8Array): Uint8Array => {
      const isFull = run.end - run.base === capacity
      const piece = run.push(bytes)
      same([...piece], [...bytes.subarray(0, piece.byteLength)])
      same(piece.byteLength === 0, bytes.byteLength === 0 || isFull)
      return piece
    }
    return { run, push }
  }
  t.doesNotThrow(() => assertReads(create))
})

t.test('what was pushed stays as it was until it is trimmed', async t => {
  const ring = createByteRing(0, 4)
  const first = ring.push(Buffer.from('abc'))
  const second = ring.push(Buffer.from('def'))
  t.equal(Buffer.from(second).toString(), 'd', 'only so far is one piece')
  t.equal(ring.push(Buffer.from('ef')).byteLength, 0, 'no room')
  t.equal(Buffer.from(first).toString(), 'abc')
  ring.trim(3)
  t.equal(Buffer.from(ring.push(Buffer.from('ef'))).toString(), 'ef')
  t.equal(Buffer.concat(ring.from(3)).toString(), 'def')
})
