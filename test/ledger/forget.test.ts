import t from 'tap'
import type { KeyOperation } from '../../src/ledger/key-operation.ts'
import {
  applyChange,
  type Exclusions,
  emptyKeyState,
  historyOf,
  type KeyState,
  liveTarget,
} from '../../src/ledger/key-state.ts'
import { beatenConfirmation } from '../../src/ledger/observe.ts'
import { decide } from '../../src/ledger/operation.ts'
import { image, minute, today } from '../ports/tag-ledger.support.ts'

const [a, b] = ['aa'.repeat(32), 'bb'.repeat(32)] as [string, string]
const key = 'docker.io/library/nginx:latest'
const believeAll: Exclusions = { isBanned: () => false, isBlocked: () => false }
const believeUntilMs = today + 1_000 * minute

/** The key after one more operation of a node. */
function after(
  state: KeyState,
  operation: KeyOperation,
  origin = a,
  exclusions = believeAll,
): KeyState {
  const change = decide(state, key, operation, { origin, exclusions })
  return change === undefined ? state : applyChange(state, change)
}

const forget = (atMs: number): KeyOperation => ({
  type: 'forget',
  author: 'u',
  note: undefined,
  atMs,
  believeUntilMs,
})
const said = (
  name: string,
  atMs: number,
  asked: Extract<KeyOperation, { type: 'upstream' }>['asked'] = undefined,
): KeyOperation => ({
  type: 'upstream',
  target: image(name),
  asked,
  isLate: false,
  wallMs: atMs,
  atMs,
  believeUntilMs,
})
const local = (name: string, source: 'import' | 'containerd', atMs: number): KeyOperation => ({
  type: 'local',
  target: image(name),
  source,
  atMs,
  believeUntilMs,
})

const liveOf = (state: KeyState, exclusions = believeAll) => liveTarget(state, exclusions)?.digest

t.test('what was observed is gone, with its history and what clients hold', async t => {
  const known = [
    said('a', today),
    said('b', today + minute),
    { type: 'held', target: image('b'), atMs: today } as const,
  ].reduce((state, operation) => after(state, operation), emptyKeyState)
  t.equal(historyOf(known, believeAll).length, 2)
  const forgotten = after(known, forget(today + 2 * minute))
  t.equal(liveOf(forgotten), undefined)
  t.strictSame(historyOf(forgotten, believeAll), [])
  t.equal(forgotten.held, undefined)
  t.equal(
    after(forgotten, forget(today + 3 * minute)),
    forgotten,
    'there is nothing more to forget',
  )
  t.equal(after(emptyKeyState, forget(today)), emptyKeyState)
})

t.test('it is newer than all that is known, whatever the clocks say', async t => {
  const ahead = after(emptyKeyState, said('a', today + 10 * minute), b)
  t.equal(liveOf(after(ahead, forget(today))), undefined)
  const confirmed = after(after(emptyKeyState, said('a', today)), said('a', today + 10 * minute))
  const forgotten = after(confirmed, forget(today + minute))
  t.equal(liveOf(forgotten), undefined)
  t.equal(beatenConfirmation(forgotten, { origin: a, exclusions: believeAll }), undefined)
})

t.test('a registry that says it anew brings it back, one that said it before does not', async t => {
  const known = after(emptyKeyState, said('a', today))
  const [before] = known.observations
  const forgotten = after(known, forget(today + minute))
  const [word] = forgotten.forgets
  const late = after(forgotten, said('a', today + minute - 500, before?.stamp))
  t.equal(liveOf(late), undefined, 'the answer to a question that was sent before')
  // A Date has no finer grain than a second: it may be of the same one.
  const anew = after(forgotten, said('a', today + minute - 500, word?.stamp))
  t.equal(liveOf(anew), image('a').digest)
  t.strictSame(
    historyOf(after(forgotten, said('b', today + 2 * minute, word?.stamp)), believeAll).map(
      ({ digest }) => digest,
    ),
    [image('b').digest],
    'and nothing of what was before',
  )
})

t.test('an import brings it back, an image found in containerd does not', async t => {
  const forgotten = after(after(emptyKeyState, said('a', today)), forget(today + minute))
  t.equal(liveOf(after(forgotten, local('a', 'containerd', today + 2 * minute))), undefined)
  t.equal(liveOf(after(forgotten, local('b', 'import', today))), image('b').digest)
})

t.test('records merge to the same whatever order they come in', async t => {
  const known = after(emptyKeyState, said('a', today), b)
  const change = decide(known, key, forget(today + minute), { origin: a, exclusions: believeAll })
  const records = [...known.observations, ...(change?.records ?? [])]
  for (const order of [records, records.toReversed(), [...records, ...records]]) {
    const merged = order.reduce(
      (state, record) => applyChange(state, { records: [record] }),
      emptyKeyState,
    )
    t.equal(liveOf(merged), undefined)
    t.equal(merged.observations.length, 1, 'what is forgotten is kept')
  }
})

t.test('a ban of who had it forgotten brings it back', async t => {
  const forgotten = after(after(emptyKeyState, said('a', today), b), forget(today + minute))
  const banned = { ...believeAll, isBanned: (origin: string) => origin === a }
  t.equal(liveOf(forgotten, banned), image('a').digest)
})

t.test('who heard it of the registry later says it again', async t => {
  // On the other side of a partition: confirmed after it was forgotten, and too lately to be stamped anew.
  const other = after(after(emptyKeyState, said('a', today)), said('a', today + 5 * minute))
  const word = decide(other, key, forget(today + minute), { origin: b, exclusions: believeAll })
  const decider = { origin: a, exclusions: believeAll }
  const early = { ...(word?.records ?? [])[0], stamp: { wallMs: today + minute, counter: 0 } }
  const met = applyChange(other, { records: [early as (typeof other.forgets)[number]] })
  t.equal(liveOf(met), undefined)
  t.match(beatenConfirmation(met, decider), { target: image('a') })
  const again = after(met, { type: 'reaffirm', atMs: today + 6 * minute, believeUntilMs })
  t.equal(liveOf(again), image('a').digest)
})
