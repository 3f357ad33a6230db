import t from 'tap'
import {
  type AddressKind,
  classifyAddress,
  mayContact,
} from '../../../src/adapters/registry/address-guard.ts'

const expected: Readonly<Record<AddressKind, readonly string[]>> = {
  public: [
    '8.8.8.8',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.0.1',
    '100.128.0.1',
    '169.253.1.1',
    '2606:4700::1',
    '2a00:1450:4001::200e',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2002:808:808::1',
  ],
  loopback: [
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:7f00:0001',
    '::127.0.0.1',
    '64:ff9b::127.0.0.1',
    '2002:7f00:1::',
  ],
  'link-local': ['169.254.1.1', 'fe80::1', 'febf::1', 'fe80::1%eth0', '::ffff:169.254.3.4'],
  private: [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '100.127.255.255',
    'fd12:3456::1',
    'fc00::1',
    'fec0::1',
    '::ffff:10.1.2.3',
    '64:ff9b::a00:1',
  ],
  metadata: [
    '169.254.169.254',
    '169.254.170.2',
    '100.100.100.200',
    '168.63.129.16',
    '::ffff:a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    'fd00:ec2::254',
    'fd20:ce::254',
  ],
  multicast: ['224.0.0.251', '239.255.255.255', 'ff02::fb'],
  reserved: [
    '0.0.0.0',
    '0.1.2.3',
    '255.255.255.255',
    '240.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '::',
    '2001:db8::1',
    '2001::1',
    '100::1',
    '4000::1',
    '64:ff9b:1::a00:1',
    'localhost',
    '',
  ],
}

for (const [kind, addresses] of Object.entries(expected)) {
  t.test(`these addresses are ${kind}`, async t => {
    for (const address of addresses) t.equal(classifyAddress(address), kind, address)
  })
}

t.test('odd spellings of an IPv4 address in a URL are seen for what they are', async t => {
  for (const host of ['2130706433', '0x7f.1', '0177.0.0.1', '0x7f000001', '127.1', '127.0.0.1.']) {
    const { hostname } = new URL(`http://${host}/`)
    t.equal(classifyAddress(hostname), 'loopback', host)
  }
  t.equal(classifyAddress(new URL('http://[::ffff:127.0.0.1]/').hostname.slice(1, -1)), 'loopback')
})

t.test('an upstream leads only to public addresses and to where it lies itself', async t => {
  t.ok(mayContact('1.1.1.1', new Set(['public'])))
  t.notOk(mayContact('10.0.0.1', new Set(['public'])))
  t.ok(mayContact('10.0.0.1', new Set(['private'])))
  t.notOk(mayContact('127.0.0.1', new Set(['private'])), 'private does not open loopback')
  t.notOk(
    mayContact('169.254.169.254', new Set(['link-local'])),
    'link-local does not open metadata',
  )
  t.ok(mayContact('8.8.4.4', new Set(['loopback'])), 'public is always open')
})
