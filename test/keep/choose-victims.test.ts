import t from 'tap'
import { type Candidate, chooseVictims } from '../../src/keep/choose-victims.ts'
import { contentOf } from './support.ts'

const candidate = (name: string, lastUsedMs: number, size = 10): Candidate => ({
  digest: contentOf(name, 10).digest,
  size,
  kind: name.startsWith('partial') ? 'partial' : 'blob',
  lastUsedMs,
})
const never = { bytes: 0, blobsBeforeMs: undefined, partialsBeforeMs: 0 }
const a = candidate('a', 100)
const b = candidate('b', 200)
const c = candidate('c', 300)
const partial = candidate('partial', 250)

t.test('nothing is dropped without need', async t => {
  t.strictSame(chooseVictims([a, b, c, partial], never), [])
})

t.test(
  'the least recently used go first, interrupted downloads among them, until it is enough',
  async t => {
    const victims = chooseVictims([c, partial, b, a], { ...never, bytes: 25 })
    t.strictSame(
      victims,
      [a, b, partial].map(victim => ({ ...victim, reason: 'room' })),
    )
  },
)

t.test('of one tree the largest part goes first', async t => {
  const small = candidate('manifest', 100, 1)
  const large = candidate('layer', 100, 1000)
  t.match(chooseVictims([small, large], { ...never, bytes: 500 }), [{ digest: large.digest }])
})

t.test('what expired goes in any case, and counts', async t => {
  const goal = { bytes: 10, blobsBeforeMs: 150, partialsBeforeMs: 0 }
  t.strictSame(chooseVictims([a, b, c], goal), [{ ...a, reason: 'unused' }])
  t.strictSame(chooseVictims([a, b, c], { ...goal, bytes: 11 }), [
    { ...a, reason: 'unused' },
    { ...b, reason: 'room' },
  ])
})

t.test('interrupted downloads and blobs expire each at their own time', async t => {
  const goal = { bytes: 0, blobsBeforeMs: undefined, partialsBeforeMs: 251 }
  t.strictSame(chooseVictims([a, b, c, partial], goal), [{ ...partial, reason: 'unused' }])
})
