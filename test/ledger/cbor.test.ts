import t from 'tap'
import { decodeCbor, encodeCbor, isBytes, isCount } from '../../src/ledger/cbor.ts'

t.test('only what is encoded in the one deterministic way is read', async t => {
  t.same(decodeCbor(encodeCbor([1, 'a', null])), [1, 'a', null])
  for (const hex of ['1800', 'ff', '', '9f01ff', '81', 'f7', `${'81'.repeat(30_000)}01`]) {
    t.equal(decodeCbor(Buffer.from(hex, 'hex')), undefined, hex.slice(0, 20))
  }
})

t.test('a count is a whole number within bounds', async t => {
  t.ok(isCount(0) && isCount(5, 5))
  for (const value of [-1, 0.5, 6, '1', undefined, 2 ** 60]) t.notOk(isCount(value, 5))
})

t.test('bytes are of a length, or of one within bounds', async t => {
  const three = new Uint8Array(3)
  t.ok(isBytes(three, 3) && isBytes(three, 1, 4))
  t.notOk(isBytes(three, 2) || isBytes(three, 4, 8) || isBytes([1, 2, 3], 3))
})
