import fc from 'fast-check'
import t from 'tap'
import type { KeyOperation } from '../../src/ledger/key-operation.ts'
import { applyChange, emptyKeyState, type KeyState } from '../../src/ledger/key-state.ts'
import { isEquivocation, maxOrigins, mergeRecords } from '../../src/ledger/merge.ts'
import { decide } from '../../src/ledger/operation.ts'
import { compareRecords, type LedgerRecord } from '../../src/ledger/record.ts'
import { image, key, meetingRecords, observation, originOf } from './support.ts'

const registers = fc.array(meetingRecords, { maxLength: 12 })

t.test('merging is commutative', async t => {
  fc.assert(
    fc.property(registers, registers, (a, b) => {
      t.strictSame(mergeRecords(a, b), mergeRecords(b, a))
    }),
  )
})

t.test('merging is associative', async t => {
  fc.assert(
    fc.property(registers, registers, registers, (a, b, c) => {
      t.strictSame(mergeRecords(mergeRecords(a, b), c), mergeRecords(a, mergeRecords(b, c)))
    }),
  )
})

t.test('merging is idempotent', async t => {
  fc.assert(
    fc.property(registers, registers, (a, b) => {
      const once = mergeRecords(a, b)
      t.strictSame(mergeRecords(once, b), once)
      t.strictSame(mergeRecords(once, once), once)
    }),
  )
})

t.test('replicas that heard the same records in any order and number agree', async t => {
  const deliveries = registers.chain(records =>
    fc.record({
      records: fc.constant(records),
      orders: fc.array(
        fc
          .shuffledSubarray([...records, ...records], { minLength: records.length * 2 })
          .chain(order => fc.record({ order: fc.constant(order), at: fc.nat(order.length) })),
        { minLength: 3, maxLength: 3 },
      ),
    }),
  )
  fc.assert(
    fc.property(deliveries, ({ records, orders }) => {
      const expected = mergeRecords([], records)
      for (const { order, at } of orders) {
        const oneByOne = order.reduce<readonly LedgerRecord[]>((r, x) => mergeRecords(r, [x]), [])
        t.strictSame(oneByOne, expected)
        const first = mergeRecords([], order.slice(0, at))
        t.strictSame(mergeRecords(first, mergeRecords([], order.slice(at))), expected)
      }
    }),
  )
})

t.test('a register holds one record an origin, three origins, newest first', async t => {
  fc.assert(
    fc.property(registers, records => {
      const merged = mergeRecords(records, [])
      const origins = new Set(records.map(record => record.origin))
      t.equal(merged.length, Math.min(maxOrigins, origins.size))
      t.equal(new Set(merged.map(record => record.origin)).size, merged.length)
      t.strictSame(
        [...merged].sort((a, b) => compareRecords(b, a)),
        merged,
      )
      const [newest] = [...records].sort((a, b) => compareRecords(b, a))
      t.strictSame(merged[0], newest)
    }),
  )
})

t.test('nodes with skewed clocks that exchange what they hold agree in the end', async t => {
  const nodes = 4
  const skews = fc.array(fc.constantFrom(0, -(2 ** 40), 4_000, 10 * 365 * 86_400_000), {
    minLength: nodes,
    maxLength: nodes,
  })
  const events = fc.array(
    fc.record({
      node: fc.nat(nodes - 1),
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      type: fc.constantFrom('upstream' as const, 'push' as const, 'pin' as const, 'tell' as const),
      to: fc.nat(nodes - 1),
    }),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(skews, events, (skews, events) => {
      const states = play(skews, events)
      const all = states.reduce(hear)
      for (const state of states) {
        const healed = hear(state, all)
        t.strictSame(healed.observations, all.observations)
        t.strictSame(healed.pins, all.pins)
      }
    }),
    { numRuns: 60 },
  )
})

interface Event {
  readonly node: number
  readonly name: string
  readonly type: 'upstream' | 'push' | 'pin' | 'tell'
  readonly to: number
}

/** The nodes' states after these events, half a second apart. */
function play(skews: readonly number[], events: readonly Event[]): readonly KeyState[] {
  const states: KeyState[] = skews.map(() => emptyKeyState)
  const stateOf = (node: number): KeyState => states[node] ?? emptyKeyState
  for (const [i, { node, name, type, to }] of events.entries()) {
    if (type === 'tell') {
      states[to] = hear(stateOf(to), stateOf(node))
      continue
    }
    const registryMs = 2 ** 41 + i * 500
    const atMs = registryMs + (skews[node] ?? 0)
    const operation = operationOf(type, name, atMs, registryMs, stateOf(node))
    const exclusions = { isBanned: () => false, isBlocked: () => false }
    const change = decide(stateOf(node), key, operation, { origin: originOf(node), exclusions })
    if (change !== undefined) states[node] = applyChange(stateOf(node), change)
  }
  return states
}

function hear(state: KeyState, other: KeyState): KeyState {
  return applyChange(state, { records: [...other.observations, ...other.pins] })
}

function operationOf(
  type: 'upstream' | 'push' | 'pin',
  name: string,
  atMs: number,
  registryMs: number,
  state: KeyState,
): KeyOperation {
  const target = image(name)
  const believeUntilMs = Number.MAX_SAFE_INTEGER
  switch (type) {
    case 'upstream': {
      const asked = state.observations[0]?.stamp
      return { type, target, asked, isLate: false, wallMs: registryMs, atMs, believeUntilMs }
    }
    case 'push':
      return { type: 'local', source: 'push', target, atMs, believeUntilMs }
    case 'pin': {
      const details = { note: undefined, author: undefined, expiresAtMs: undefined }
      return { type, target, ...details, atMs, believeUntilMs }
    }
  }
}

t.test('one origin and stamp with two digests is an equivocation', async t => {
  const a = observation(5, 1, originOf(1), 'a')
  t.ok(isEquivocation(a, observation(5, 1, originOf(1), 'b')))
  t.notOk(isEquivocation(a, a))
  t.notOk(isEquivocation(a, observation(5, 2, originOf(1), 'b')))
  t.notOk(isEquivocation(a, observation(5, 1, originOf(2), 'b')))
})
