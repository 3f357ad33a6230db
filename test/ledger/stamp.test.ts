import t from 'tap'
import { compareStamps, lowestStamp, newestStamp, stampAfter } from '../../src/ledger/stamp.ts'

const stamp = (wallMs: number, counter = 0) => ({ wallMs, counter })

t.test('stamps are ordered by wall, then counter', async t => {
  t.ok(compareStamps(stamp(1, 9), stamp(2, 0)) < 0)
  t.ok(compareStamps(stamp(2, 1), stamp(2, 0)) > 0)
  t.equal(compareStamps(stamp(2, 1), stamp(2, 1)), 0)
  t.ok(compareStamps(lowestStamp, stamp(0, 1)) < 0)
})

t.test('the newest of none is none, of several the newest', async t => {
  t.equal(newestStamp([]), undefined)
  t.equal(newestStamp([undefined]), undefined)
  t.strictSame(newestStamp([stamp(1), undefined, stamp(3), stamp(2, 9)]), stamp(3))
})

t.test('a stamp is the wall clock where that is ahead, else the next after its base', async t => {
  t.strictSame(stampAfter(5, undefined), stamp(5))
  t.strictSame(stampAfter(5, stamp(4, 7)), stamp(5))
  t.strictSame(stampAfter(5, stamp(5, 7)), stamp(5, 8))
  t.strictSame(stampAfter(5, stamp(9, 7)), stamp(9, 8))
})

t.test('a full counter carries into the wall', async t => {
  t.strictSame(stampAfter(5, stamp(5, 0xffff)), stamp(6))
})
