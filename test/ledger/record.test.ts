import fc from 'fast-check'
import t from 'tap'
import { compareRecords, type LedgerRecord } from '../../src/ledger/record.ts'
import { meetingRecords, observation, originOf } from './support.ts'

t.test('records are ordered by wall, counter, origin, digest', async t => {
  const [low, high] = [originOf(1), originOf(2)]
  const inOrder = [
    observation(1, 9, high, 'a'),
    observation(2, 0, high, 'a'),
    observation(2, 1, low, 'b'),
    observation(2, 1, high, 'b'),
    observation(2, 1, high, 'a'), // sha256 of "a" is above that of "b"
  ]
  t.strictSame([...inOrder].reverse().sort(compareRecords), inOrder)
})

t.test('two different records are never equal', async () => {
  fc.assert(
    fc.property(meetingRecords, meetingRecords, (a, b) => {
      return (compareRecords(a, b) === 0) === (hex(a) === hex(b))
    }),
  )
})

const hex = ({ signed }: LedgerRecord) => Buffer.from(signed?.body ?? []).toString('hex')

t.test('the order is total', async () => {
  fc.assert(
    fc.property(meetingRecords, meetingRecords, meetingRecords, (a, b, c) => {
      const sign = Math.sign(compareRecords(a, b))
      if (sign !== -Math.sign(compareRecords(b, a))) return false
      return !(sign <= 0 && compareRecords(b, c) <= 0) || compareRecords(a, c) <= 0
    }),
  )
})
