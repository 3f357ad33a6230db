import t from 'tap'
import { correctState } from '../../src/ledger/correct.ts'
import type { KeyOperation } from '../../src/ledger/key-operation.ts'
import {
  applyChange,
  type Exclusions,
  emptyKeyState,
  type KeyState,
  liveTarget,
} from '../../src/ledger/key-state.ts'
import { restampAfterMs, useEveryMs } from '../../src/ledger/observe.ts'
import { decide } from '../../src/ledger/operation.ts'
import type { Stamp } from '../../src/ledger/stamp.ts'
import { image, key, observation, originOf } from './support.ts'

const own = originOf(1)
const other = originOf(2)
const now = Date.UTC(2026, 5, 1)
const exclusions: Exclusions = { isBanned: () => false, isBlocked: () => false }

function carryOut(state: KeyState, operation: KeyOperation): KeyState {
  const change = decide(state, key, operation, { origin: own, exclusions })
  return change === undefined ? state : applyChange(state, change)
}

function upstream(
  name: string,
  wallMs: number,
  asked: Stamp | undefined,
  details: { readonly isLate?: boolean; readonly believeUntilMs?: number } = {},
): KeyOperation {
  return {
    type: 'upstream',
    target: image(name),
    asked,
    isLate: details.isLate ?? false,
    wallMs,
    atMs: wallMs,
    believeUntilMs: details.believeUntilMs ?? Number.MAX_SAFE_INTEGER,
  }
}

const heard = (...records: ReturnType<typeof observation>[]): KeyState =>
  applyChange(emptyKeyState, { records })

const live = (state: KeyState) => liveTarget(state, exclusions)

t.test(
  "a record is not stamped after another node's that came while its question was open",
  async t => {
    const asked = { wallMs: now, counter: 0 }
    const before = heard(observation(now, 0, other, 'a'))
    const meanwhile = applyChange(before, { records: [observation(now + 9_000, 0, other, 'b')] })
    t.match(
      live(carryOut(meanwhile, upstream('c', now + 5_000, asked))),
      image('b'),
      'older by Date',
    )
    t.match(
      live(carryOut(meanwhile, upstream('c', now + 9_001, asked))),
      image('c'),
      'newer by Date',
    )
  },
)

t.test("another node's record of the same digest is confirmed, not signed again", async t => {
  const before = heard(observation(now, 0, other, 'a'))
  const after = carryOut(before, upstream('a', now + 1_000, { wallMs: now, counter: 0 }))
  t.strictSame(after.observations, before.observations)
  t.match(live(after), { origin: other, confirmedAtMs: now + 1_000 })
})

t.test('a confirmation after six hours is signed, one before is not', async t => {
  const asked = { wallMs: now, counter: 0 }
  const before = heard(observation(now, 0, other, 'a'))
  t.equal(carryOut(before, upstream('a', now + restampAfterMs, asked)).observations.length, 1)
  const after = carryOut(before, upstream('a', now + restampAfterMs + 1, asked))
  t.match(live(after), { origin: own, stamp: { wallMs: now + restampAfterMs + 1 } })
})

t.test('confirmations of one second are one', async t => {
  const first = carryOut(emptyKeyState, upstream('a', now, undefined))
  const decider = { origin: own, exclusions }
  const again = upstream('a', now, live(first)?.stamp)
  t.equal(decide(first, key, again, decider), undefined)
  t.ok(decide(first, key, { ...again, atMs: now + 1_000 }, decider))
})

t.test('a late answer that confirms is a confirmation', async t => {
  const before = carryOut(emptyKeyState, upstream('a', now, undefined))
  const after = carryOut(before, upstream('a', now + 5_000, undefined, { isLate: true }))
  t.match(live(after), { stamp: { wallMs: now }, confirmedAtMs: now + 5_000 })
})

t.test('a stamp that trusted time does not believe is not built upon', async t => {
  const poison = { wallMs: now + 1e12, counter: 0 }
  const before = heard(observation(poison.wallMs, 0, other, 'a'))
  const after = carryOut(before, upstream('b', now, poison, { believeUntilMs: now + 300_000 }))
  const own = after.observations.find(record => record.target?.digest === image('b').digest)
  t.strictSame(own?.stamp, { wallMs: now, counter: 0 })
})

t.test('one origin never uses a stamp twice', async t => {
  const pushed = carryOut(emptyKeyState, {
    type: 'local',
    source: 'push',
    target: image('pushed'),
    atMs: now,
    believeUntilMs: Number.MAX_SAFE_INTEGER,
  })
  const after = carryOut(pushed, upstream('b', now, undefined))
  t.match(live(after), { ...image('b'), stamp: { wallMs: now, counter: 1 } })
})

t.test('a push of what is live already is not signed again', async t => {
  const push = (atMs: number): KeyOperation => ({
    type: 'local',
    source: 'push',
    target: image('a'),
    atMs,
    believeUntilMs: Number.MAX_SAFE_INTEGER,
  })
  const first = carryOut(emptyKeyState, push(now))
  t.strictSame(carryOut(first, push(now + 1_000)).observations, first.observations)
  t.match(live(carryOut(first, push(now + restampAfterMs + 1))), {
    stamp: { wallMs: now + restampAfterMs + 1 },
  })
})

t.test('a use is written once a week, with the day alone', async t => {
  const first = carryOut(emptyKeyState, { type: 'use', atMs: now + 12_345 })
  t.strictSame(first.uses[0]?.stamp, { wallMs: now, counter: 0 })
  t.equal(carryOut(first, { type: 'use', atMs: now + useEveryMs - 1 }), first)
  const later = carryOut(first, { type: 'use', atMs: now + useEveryMs })
  t.strictSame(later.uses[0]?.stamp, { wallMs: now + useEveryMs, counter: 0 })
})

t.test('a pin set over one of a wrong clock ends it, and does not take its time over', async t => {
  const details = { note: undefined, author: undefined, expiresAtMs: undefined }
  const ahead = { ...details, atMs: now + 1e11, believeUntilMs: Number.MAX_SAFE_INTEGER }
  const wrong = carryOut(emptyKeyState, { type: 'pin', target: image('a'), ...ahead })
  const [pin] = wrong.pins
  if (pin === undefined) throw new Error('no pin')
  const held = applyChange(emptyKeyState, { records: [{ ...pin, origin: other }] })
  const right = { ...details, atMs: now, believeUntilMs: now + 300_000 }
  const after = carryOut(held, { type: 'pin', target: image('b'), ...right })
  t.equal(after.pins.length, 1)
  t.match(after.pins[0], {
    target: image('b'),
    stamp: { wallMs: now },
    details: { over: { wallMs: now + 1e11 } },
  })
  const removed = carryOut(held, { type: 'unpin', ...right })
  t.match(removed.pins, [{ removed: true, stamp: { wallMs: now } }])
})

t.test('what the owner confirmed later than the record that stands is said again', async t => {
  const upstream = {
    type: 'upstream',
    asked: undefined,
    isLate: false,
    believeUntilMs: Number.MAX_SAFE_INTEGER,
  } as const
  const seen = carryOut(emptyKeyState, { ...upstream, target: image('a'), wallMs: now, atMs: now })
  const later = now + 60_000
  const confirmed = carryOut(seen, {
    ...upstream,
    asked: seen.observations[0]?.stamp,
    target: image('a'),
    wallMs: later,
    atMs: later,
  })
  const reaffirm = { type: 'reaffirm', atMs: later, believeUntilMs: later } as const
  t.equal(carryOut(confirmed, reaffirm), confirmed, 'nothing beats it')
  const older = applyChange(confirmed, { records: [observation(later - 1, 0, other, 'b')] })
  t.match(carryOut(older, reaffirm).observations[0], {
    target: image('a'),
    origin: own,
    stamp: { wallMs: later, counter: 0 },
  })
  const newer = applyChange(confirmed, { records: [observation(later + 1, 0, other, 'b')] })
  t.equal(carryOut(newer, reaffirm), newer, 'the other knows better')
})

t.test('a pin names the newest word of somebody else that it was set over', async t => {
  const believeUntilMs = Number.MAX_SAFE_INTEGER
  const details = { note: undefined, author: undefined, expiresAtMs: undefined, believeUntilMs }
  const first = carryOut(emptyKeyState, { type: 'pin', target: image('a'), ...details, atMs: now })
  const [pin] = first.pins
  if (pin === undefined) throw new Error('no pin')
  t.equal(pin.details.over, undefined)
  const theirs = applyChange(emptyKeyState, { records: [{ ...pin, origin: other }] })
  const ours = carryOut(theirs, { type: 'pin', target: image('b'), ...details, atMs: now + 1 })
  t.match(ours.pins[0]?.details, { over: { wallMs: now, counter: 0 } })
  const removed = carryOut(ours, {
    type: 'unpin',
    author: 'bob',
    atMs: now - 5_000,
    believeUntilMs,
  })
  t.match(removed.pins[0], {
    removed: true,
    stamp: { wallMs: now + 1, counter: 1 },
    details: { author: 'bob', over: { wallMs: now, counter: 0 } },
  })
})

t.test("a corrected clock moves own records, sets others' aside and leaves their pins", async t => {
  const errorMs = 1e11
  const by = { nowMs: now, errorMs, sinceMs: now + errorMs, believeUntilMs: now + 300_000 }
  const believeUntilMs = Number.MAX_SAFE_INTEGER
  const details = { note: undefined, author: undefined, expiresAtMs: undefined, believeUntilMs }
  const at = now + errorMs - 60_000
  const pinned = carryOut(emptyKeyState, { type: 'pin', target: image('p'), ...details, atMs: at })
  const pushed = carryOut(pinned, {
    type: 'local',
    source: 'push',
    target: image('a'),
    atMs: at,
    believeUntilMs: Number.MAX_SAFE_INTEGER,
  })
  const [pin] = pinned.pins
  if (pin === undefined) throw new Error('no pin')
  const mixed = applyChange(pushed, {
    records: [observation(at, 5, other, 'b'), { ...pin, origin: other }],
  })
  const after = correctState(mixed, { ...by, sinceMs: at }, own)
  t.strictSame(
    after.observations.map(record => [record.origin, record.stamp.wallMs]),
    [[own, now - 60_000]],
  )
  t.strictSame(
    after.pins.map(record => [record.origin, record.stamp.wallMs]),
    [
      [other, at],
      [own, now - 60_000],
    ],
  )
  t.match(live(after), { firstSeenMs: now - 60_000, confirmedAtMs: now - 60_000 })
})
