import t from 'tap'
import {
  candidateNames,
  parseHosts,
  parseResolvConf,
} from '../../../src/adapters/names/name-files.ts'

t.test('resolv.conf is read as resolv.conf(5) says', async t => {
  const conf = parseResolvConf(
    '# made by hand\nnameserver 10.0.0.1 ; first\nnameserver ::1\nnameserver nonsense\nsearch a.test b.test.\noptions rotate ndots:5 timeout:1\n',
  )
  t.strictSame(conf, { servers: ['10.0.0.1', '::1'], search: ['a.test', 'b.test'], ndots: 5 })
})

t.test('an empty resolv.conf means the local server, as in glibc', async t => {
  t.strictSame(parseResolvConf(''), { servers: ['127.0.0.1'], search: [], ndots: 1 })
})

t.test('the last of search and domain wins, and a port is possible', async t => {
  const conf = parseResolvConf(
    'search a.test\ndomain b.test\nnameserver 127.0.0.1:5353\nnameserver [::1]:5353\noptions ndots:99',
  )
  t.strictSame(conf, {
    servers: ['127.0.0.1:5353', '[::1]:5353'],
    search: ['b.test'],
    ndots: 15,
  })
})

t.test('a name with few dots is searched first, one with enough last', async t => {
  const conf = { search: ['a', 'b'], ndots: 2 }
  t.strictSame(candidateNames('registry', conf), ['registry.a', 'registry.b', 'registry'])
  t.strictSame(candidateNames('r.x.y', conf), ['r.x.y', 'r.x.y.a', 'r.x.y.b'])
  t.strictSame(candidateNames('registry.', conf), ['registry'], 'a final dot ends the search')
})

t.test('a hosts file gives all addresses of a name, whatever its case', async t => {
  const hosts = parseHosts(
    '127.0.0.1 localhost # me\n10.1.1.1  Registry.LAN reg\n\n::1 localhost\nbad line\nfe80::1 registry.lan\n',
  )
  t.strictSame(hosts.get('registry.lan'), ['10.1.1.1', 'fe80::1'])
  t.strictSame(hosts.get('reg'), ['10.1.1.1'])
  t.strictSame(hosts.get('localhost'), ['127.0.0.1', '::1'])
  t.equal(hosts.get('line'), undefined)
})
