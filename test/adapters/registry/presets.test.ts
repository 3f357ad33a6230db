import t from 'tap'
import {
  defaultUpstream,
  endpointsOf,
  isPresetHost,
} from '../../../src/adapters/registry/presets.ts'

t.test('a registry without a URL is asked at its name, docker.io where it really is', async t => {
  const upstreams = { 'docker.io': defaultUpstream, 'r.test:5000': defaultUpstream }
  const [hub, ...none] = endpointsOf('docker.io', upstreams)
  t.strictSame(none, [])
  t.match(hub, {
    registry: 'docker.io',
    url: 'https://registry-1.docker.io',
    realms: ['auth.docker.io'],
    publicOnly: false,
  })
  t.equal(endpointsOf('r.test:5000', upstreams)[0]?.url, 'https://r.test:5000')
  t.ok(isPresetHost('docker.io', 'auth.docker.io'))
  t.notOk(isPresetHost('r.test', 'auth.docker.io'))
})

t.test('endpoints go first, and what is written for the upstream is for its own URL', async t => {
  const upstream = {
    ...defaultUpstream,
    url: 'https://real.test/',
    endpoints: [
      { url: 'http://mirror.lan:5000/proxy/' },
      { url: 'https://harbor.lan/v2', auth: { token: 'h' } },
    ],
    rewrite: { a: 'b' },
    auth: { token: 'r' },
    tls: { insecureSkipVerify: true },
    proxy: 'http://proxy.lan',
    realms: ['auth.test'],
  }
  const [mirror, harbor, own] = endpointsOf('r.test', { 'r.test': upstream })
  t.match(mirror, { url: 'http://mirror.lan:5000/proxy', rewrite: { a: 'b' } })
  t.strictSame([mirror?.auth, mirror?.tls, mirror?.proxy], [undefined, undefined, undefined])
  t.match(harbor, { url: 'https://harbor.lan', auth: { token: 'h' } })
  t.match(own, {
    url: 'https://real.test',
    rewrite: {},
    auth: { token: 'r' },
    tls: { insecureSkipVerify: true },
    proxy: 'http://proxy.lan',
    realms: ['auth.test'],
  })
})

t.test('an endpoint that is the registry itself is not asked twice', async t => {
  const endpoints = [{ url: 'https://r.test/' }]
  t.equal(endpointsOf('r.test', { 'r.test': { ...defaultUpstream, endpoints } }).length, 1)
})

t.test('user and password in a URL leave it', async t => {
  const upstream = { ...defaultUpstream, url: 'https://me:p%40ss@r.test' }
  const [own] = endpointsOf('r.test', { 'r.test': upstream })
  t.equal(own?.url, 'https://r.test')
  t.strictSame(own?.auth, { username: 'me', password: 'p@ss' })
})

t.test(
  '"*" stands for registries without an entry, at public addresses, without its secrets',
  async t => {
    const any = { ...defaultUpstream, url: 'https://no.test', auth: { token: 's' } }
    const upstreams = { '*': any, 'own.test': defaultUpstream }
    t.match(endpointsOf('any.test', upstreams), [{ url: 'https://any.test', publicOnly: true }])
    t.equal(endpointsOf('any.test', upstreams)[0]?.auth, undefined)
    t.equal(endpointsOf('own.test', upstreams)[0]?.publicOnly, false)
    t.strictSame(endpointsOf('any.test', { 'own.test': defaultUpstream }), [])
    t.strictSame(endpointsOf('constructor', { 'own.test': defaultUpstream }), [])
  },
)

t.test('a URL that cannot be used is named by its place, not shown', async t => {
  const upstreams = { 'r.test': { ...defaultUpstream, url: 'ftp://me:s3cret@r.test' } }
  try {
    endpointsOf('r.test', upstreams)
    t.fail('not refused')
  } catch (error) {
    t.match(error, { code: 'config-invalid', message: /^upstreams\["r\.test"\]\.url: / })
    t.notMatch(String((error as Error).stack), /s3cret/)
  }
})
