import t from 'tap'
import {
  decodeMessage,
  encodeMessage,
  textIn,
} from '../../../src/adapters/containerd-setup/protobuf.ts'

t.test('what is encoded is decoded, whatever its length', async t => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 300_000]) {
    const fields = decodeMessage(
      encodeMessage([
        [1, 'ä'.repeat(size)],
        [200, size],
      ]),
    )
    t.equal(textIn(fields, 1), 'ä'.repeat(size))
    t.strictSame(fields[1], [200, size])
  }
})

t.test('bytes are those of the specification', async t => {
  t.equal(encodeMessage([[1, 150]]).toString('hex'), '089601')
  t.equal(encodeMessage([[2, 'testing']]).toString('hex'), '120774657374696e67')
  t.equal(encodeMessage([[3, encodeMessage([[1, 150]])]]).toString('hex'), '1a03089601')
})

t.test('fields of other kinds are passed over, and what is no message is told', async t => {
  const fixed = Buffer.from('090102030405060708' + '0d01020304' + '12026869', 'hex')
  t.equal(textIn(decodeMessage(fixed), 2), 'hi')
  t.equal(textIn(decodeMessage(fixed), 9), '')
  for (const hex of ['0a05ab', '0b', '08', 'ff'.repeat(12)]) {
    t.throws(() => decodeMessage(Buffer.from(hex, 'hex')), RangeError, hex)
  }
})
