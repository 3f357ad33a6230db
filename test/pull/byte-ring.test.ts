import fc from 'fast-check'
import t from 'tap'
import { createByteRing } from '../../src/pull/byte-ring.ts'

type Step =
  | { readonly push: Uint8Array }
  | { readonly trim: number }
  | { readonly read: number; readonly length: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ push: fc.uint8Array({ maxLength: 20 }) }),
  fc.record({ trim: fc.nat(100) }),
  fc.record({ read: fc.nat(100), length: fc.nat(30) }),
)

/** The same, of one array that is never shortened. */
function model(base: number, capacity: number) {
  const all = Array<number>(base).fill(0)
  let lowest = base
  return {
    room: () => capacity - (all.length - lowest),
    push: (chunk: Uint8Array) => void all.push(...chunk),
    trim(position: number) {
      lowest = Math.max(lowest, Math.min(position, all.length))
    },
    read: (position: number, length: number) =>
      position < lowest ? [] : all.slice(position, position + length),
    state: () => ({ base: lowest, end: all.length, rest: all.slice(lowest) }),
  }
}

function agree(base: number, capacity: number, steps: readonly Step[]): void {
  const ring = createByteRing(base, capacity)
  const expected = model(base, capacity)
  for (const each of steps) {
    if ('push' in each) {
      const piece = ring.push(each.push)
      same([...piece], [...each.push.subarray(0, piece.byteLength)])
      same(piece.byteLength === 0, each.push.byteLength === 0 || expected.room() === 0)
      expected.push(piece)
    } else if ('trim' in each) {
      ring.trim(each.trim)
      expected.trim(each.trim)
    } else {
      const into = new Uint8Array(each.length)
      const count = ring.read(into, each.read)
      same([...into.subarray(0, count)], expected.read(each.read, each.length))
    }
    const rest = ring.from(ring.base).flatMap(part => [...part])
    same({ base: ring.base, end: ring.end, rest }, expected.state())
  }
}

function same(found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`found ${a}, wanted ${b}`)
}

t.test('a ring reads what was pushed and not trimmed, however it came', async t => {
  const steps = fc.array(step, { maxLength: 40 })
  const property = fc.property(fc.nat(20), fc.integer({ min: 1, max: 30 }), steps, agree)
  t.doesNotThrow(() => fc.assert(property))
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
