import fc from 'fast-check'
import t from 'tap'
import { formatAddress, parseAddress } from '../../../src/adapters/peer-http/address.ts'
import { texts } from '../../support/words.ts'

t.test('an address is read and told the same way', async t => {
  for (const [text, host, port] of [
    ['10.0.0.1:5052', '10.0.0.1', 5052],
    ['[fd00::17]:1', 'fd00::17', 1],
    ['[fe80::1%eth0]:5052', 'fe80::1%eth0', 5052],
    ['node-1.lab:65535', 'node-1.lab', 65_535],
  ] as const) {
    t.same(parseAddress(text), { host, port })
    t.equal(formatAddress({ host, port }), text)
  }
})

t.test('anything else is none, and nothing is thrown', async t => {
  for (const text of [
    '',
    'a',
    'a:',
    ':1',
    'a:0',
    'a:65536',
    'fd00::17:1',
    '[1.2.3.4]:1',
    '[x]:1',
  ]) {
    t.equal(parseAddress(text), undefined, text)
  }
  fc.assert(
    fc.property(texts, text => {
      parseAddress(text)
    }),
  )
})
