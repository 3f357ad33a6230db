import fc from 'fast-check'
import t from 'tap'
import { advanceHorizon } from '../../src/ledger/horizon.ts'

const day = 86_400_000
const nowMs = 1000 * day
const past = { nowMs, uptimeMs: day, retentionDays: 90, oldestMs: undefined }

t.test('a node without a horizon starts at the retention, or at what is older', async t => {
  t.equal(advanceHorizon(undefined, past), nowMs - 90 * day)
  t.equal(advanceHorizon(undefined, { ...past, oldestMs: nowMs - 10 * day }), nowMs - 90 * day)
  t.equal(advanceHorizon(undefined, { ...past, oldestMs: nowMs - 500 * day }), nowMs - 500 * day)
})

t.test('it moves at most two days per day of uptime', async t => {
  t.equal(advanceHorizon(nowMs - 500 * day, past), nowMs - 498 * day)
  t.equal(advanceHorizon(nowMs - 500 * day, { ...past, uptimeMs: 0 }), nowMs - 500 * day)
})

t.test('it stops at the retention and never goes back', async () => {
  fc.assert(
    fc.property(fc.nat(2000), fc.nat(400), fc.integer({ min: 1, max: 400 }), (at, up, days) => {
      const before = at * day
      const after = advanceHorizon(before, { ...past, uptimeMs: up * day, retentionDays: days })
      return after >= before && (after <= nowMs - days * day || after === before)
    }),
  )
})
