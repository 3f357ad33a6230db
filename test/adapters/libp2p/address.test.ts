import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import {
  fromMultiaddr,
  parseAddress,
  toListenAddresses,
  toMultiaddr,
} from '../../../src/adapters/libp2p/address.ts'

t.test('addresses and names go to libp2p and back', async t => {
  const pairs = {
    '10.0.0.1:5053': '/ip4/10.0.0.1/tcp/5053',
    '[fd00::1]:5053': '/ip6/fd00::1/tcp/5053',
    '[::1]:1': '/ip6/::1/tcp/1',
    'node-1.example.com:65535': '/dns/node-1.example.com/tcp/65535',
  }
  for (const [address, form] of Object.entries(pairs)) {
    t.equal(toMultiaddr(address)?.toString(), form)
    t.equal(fromMultiaddr(multiaddr(form)), address)
    t.equal(fromMultiaddr(multiaddr(form)), address)
  }
})

t.test('what is no address is none', async t => {
  for (const text of ['', 'a', ':1', 'a:0', 'a:65536', 'a:1:2', '::1:5', '[a]:1', 'a/b:1', 'a b:1'])
    t.equal(parseAddress(text), undefined, text)
})

t.test('the wildcard of IPv6 is both families', async t => {
  t.strictSame(toListenAddresses('::', 5053), ['/ip6/::/tcp/5053', '/ip4/0.0.0.0/tcp/5053'])
  t.strictSame(toListenAddresses('0.0.0.0', 1), ['/ip4/0.0.0.0/tcp/1'])
  t.strictSame(toListenAddresses('fd00::1', 1), ['/ip6/fd00::1/tcp/1'])
  t.strictSame(toListenAddresses('localhost', 1), ['/dns/localhost/tcp/1'])
})
