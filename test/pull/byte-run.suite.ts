import fc from 'fast-check'
import type { ByteRun } from '../../src/pull/byte-run.ts'

type Step =
  | { readonly push: Uint8Array }
  | { readonly trim: number }
  | { readonly read: number; readonly length: number }

/** Where, from the first byte of the run on. */
const distance = fc.integer({ min: -5, max: 40 })

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ push: fc.uint8Array({ maxLength: 20 }) }),
  fc.record({ trim: distance }),
  fc.record({ read: distance, length: fc.nat(30) }),
)

/** A run, and what it takes of a push. */
export interface Pushed {
  readonly run: ByteRun
  push(bytes: Uint8Array): Uint8Array
}

/** Throws where a run, whatever is done to it, reads otherwise than one array that is never shortened would. */
export function assertReads(create: (base: number, capacity: number) => Pushed): void {
  const steps = fc.array(step, { maxLength: 40 })
  const capacity = fc.integer({ min: 1, max: 30 })
  fc.assert(
    fc.property(fc.nat(20), capacity, steps, (base, room, each) =>
      agree(base, create(base, room), each),
    ),
    { numRuns: 1_000 },
  )
}

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

function agree(base: number, { run, push }: Pushed, steps: readonly Step[]): void {
  const expected = model(base)
  for (const each of steps) {
    if ('push' in each) {
      expected.push(push(each.push))
    } else if ('trim' in each) {
      const position = run.base + each.trim
      run.trim(position)
      expected.trim(position)
    } else {
      const position = run.base + each.read
      const into = new Uint8Array(each.length)
      const count = run.read(into, position)
      same([...into.subarray(0, count)], expected.read(position, each.length))
    }
    const rest = run.from(run.base).flatMap(part => [...part])
    same({ base: run.base, end: run.end, rest }, expected.state())
  }
}

/** Throws unless both are the same. */
export function same(found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`found ${a}, wanted ${b}`)
}
