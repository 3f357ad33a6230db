import fc from 'fast-check'
import t from 'tap'
import { createByteWindow } from '../../src/pull/byte-window.ts'

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
function model(base: number) {
  const all = Array<number>(base).fill(0)
  let lowest = base
  return {
    push: (chunk: Uint8Array) => void all.push(...chunk),
    trim(position: number) {
      lowest = Math.max(lowest, Math.min(position, all.length))
    },
    read: (position: number, length: number) =>
      position < lowest ? [] : all.slice(position, position + length),
    state: () => ({ base: lowest, end: all.length, rest: all.slice(lowest) }),
  }
}

function agree(base: number, steps: readonly Step[]): void {
  const window = createByteWindow(base)
  const expected = model(base)
  for (const each of steps) {
    if ('push' in each) {
      window.push(each.push)
      expected.push(each.push)
    } else if ('trim' in each) {
      window.trim(each.trim)
      expected.trim(each.trim)
    } else {
      const into = new Uint8Array(each.length)
      const count = window.read(into, each.read)
      same([...into.subarray(0, count)], expected.read(each.read, each.length))
    }
    const rest = window.from(window.base).flatMap(part => [...part])
    same({ base: window.base, end: window.end, rest }, expected.state())
  }
}

function same(found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`found ${a}, wanted ${b}`)
}

t.test('a window reads what was pushed and not trimmed, however it came', async t => {
  const steps = fc.array(step, { maxLength: 40 })
  t.doesNotThrow(() => fc.assert(fc.property(fc.nat(20), steps, agree)))
})
