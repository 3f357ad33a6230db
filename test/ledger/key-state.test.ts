import t from 'tap'
import { sightingOf } from '../../src/ledger/history.ts'
import {
  applyChange,
  type Exclusions,
  emptyKeyState,
  historyOf,
  type KeyState,
  liveTarget,
} from '../../src/ledger/key-state.ts'
import type { LedgerRecord } from '../../src/ledger/record.ts'
import { image, observation, originOf } from './support.ts'

/** Believes all but these. */
function excluding(banned: readonly string[], blocked: readonly string[] = []): Exclusions {
  return {
    isBanned: origin => banned.includes(origin),
    isBlocked: digest => blocked.includes(digest),
  }
}

const all = excluding([])

/** A key at which these records arrived one after the other, each at its own time. */
function stateAfter(...records: readonly LedgerRecord[]): KeyState {
  return records.reduce<KeyState>((state, record) => {
    const { target, stamp } = record
    if (target === undefined) throw new Error('an observation has a target')
    const sighting = sightingOf(record, target, stamp.wallMs, undefined)
    return applyChange(state, { records: [record], sighting })
  }, emptyKeyState)
}

const digests = (seen: readonly { readonly digest: string }[]) => seen.map(s => s.digest)
const of = (...names: readonly string[]) => names.map(name => image(name).digest)

const [first, second, third] = [originOf(1), originOf(2), originOf(3)]
const state = stateAfter(
  observation(10, 0, first, 'a'),
  observation(20, 0, second, 'b'),
  observation(30, 0, third, 'c'),
)

t.test('the newest observation is live, the others are its history', async t => {
  t.match(liveTarget(state, all), { ...image('c'), origin: third, confirmedAtMs: 30 })
  t.strictSame(digests(historyOf(state, all)), of('c', 'b', 'a'))
})

t.test('a ban takes an origin away, and lifting it brings the record back', async t => {
  t.match(liveTarget(state, excluding([third])), { ...image('b'), origin: second })
  t.strictSame(digests(historyOf(state, excluding([third]))), of('b', 'a'))
  t.match(liveTarget(state, excluding([third, second])), image('a'))
  t.equal(liveTarget(state, excluding([first, second, third])), undefined)
  t.match(liveTarget(state, all), image('c'))
})

t.test('a block takes a digest away, whoever saw it', async t => {
  t.match(liveTarget(state, excluding([], of('c'))), image('b'))
  t.strictSame(digests(historyOf(state, excluding([], of('c', 'a')))), of('b'))
})

t.test("a banned origin's sighting leaves that of another", async t => {
  const both = stateAfter(
    observation(10, 0, first, 'a'),
    observation(20, 0, second, 'a'),
    observation(30, 0, first, 'b'),
  )
  t.match(historyOf(both, excluding([second]))[1], { ...image('a'), origin: first, lastSeenMs: 10 })
  t.match(historyOf(both, all)[1], { ...image('a'), origin: second, firstSeenMs: 10 })
})

t.test('a record without a sighting is as old as its stamp', async t => {
  const bare = applyChange(emptyKeyState, { records: [observation(10, 0, first, 'a')] })
  t.match(liveTarget(bare, all), { confirmedAtMs: 10, firstSeenMs: 10, lastSeenMs: 10 })
})

t.test('a confirmation counts for the digest, whoever signed the live record', async t => {
  const target = image('c')
  const confirmed = applyChange(state, {
    sighting: {
      ...sightingOf(observation(30, 0, first, 'c'), target, 40, 40),
      origin: first,
    },
  })
  t.match(liveTarget(confirmed, all), { origin: third, confirmedAtMs: 40, lastSeenMs: 40 })
})
