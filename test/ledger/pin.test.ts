import t from 'tap'
import { type Exclusions, emptyKeyState } from '../../src/ledger/key-state.ts'
import { isConcurrentPin, pinInForce } from '../../src/ledger/pin.ts'
import type { LedgerRecord } from '../../src/ledger/record.ts'
import type { Stamp } from '../../src/ledger/stamp.ts'
import { image, key, originOf } from './support.ts'

const believeAll: Exclusions = { isBanned: () => false, isBlocked: () => false }

function pin(wallMs: number, name: string | undefined, over?: Stamp, origin = 1): LedgerRecord {
  return {
    kind: 'pin',
    key,
    target: name === undefined ? undefined : image(name),
    stamp: { wallMs, counter: 0 },
    source: undefined,
    origin: originOf(origin),
    removed: name === undefined,
    details: { over },
    signed: undefined,
  }
}

const inForce = (pins: readonly LedgerRecord[], exclusions = believeAll) =>
  pinInForce({ ...emptyKeyState, pins }, exclusions, 100)?.digest

t.test('the newest pin is in force', async t => {
  t.equal(inForce([]), undefined)
  t.equal(inForce([pin(2, 'b'), pin(1, 'a', undefined, 2)]), image('b').digest)
})

t.test('behind a tombstone, an expiry or a block no older pin comes to life', async t => {
  const older = pin(1, 'a', undefined, 2)
  t.equal(inForce([pin(2, undefined), older]), undefined)
  const expired = { ...pin(2, 'b'), details: { expiresAtMs: 100 } }
  t.equal(inForce([expired, older]), undefined)
  const block = { ...believeAll, isBlocked: (digest: string) => digest === image('b').digest }
  t.equal(inForce([pin(2, 'b'), older], block), undefined)
})

t.test('a banned origin has no say', async t => {
  const ban = { ...believeAll, isBanned: (origin: string) => origin === originOf(1) }
  t.equal(inForce([pin(2, undefined), pin(1, 'a', undefined, 2)], ban), image('a').digest)
})

t.test('pins set one over the other are no conflict', async t => {
  const first = pin(1, 'a')
  const second = pin(2, 'b', first.stamp)
  t.notOk(isConcurrentPin(first, undefined))
  t.notOk(isConcurrentPin(second, first.stamp))
  const late = pin(9, 'd', { wallMs: 5, counter: 0 })
  t.notOk(isConcurrentPin(late, first.stamp), 'one between is missing')
})

t.test('pins set without knowing each other are a conflict', async t => {
  const first = pin(1, 'a')
  const here = pin(2, 'b', first.stamp)
  const there = pin(3, 'c', first.stamp, 2)
  t.ok(isConcurrentPin(there, here.stamp))
  t.ok(isConcurrentPin(pin(5, 'd', undefined, 3), first.stamp), 'it knew of none')
})
