import { join } from 'node:path'
import t from 'tap'
import { defaultUpstream } from '../../../src/adapters/registry/presets.ts'
import type { UpstreamsSettings } from '../../../src/adapters/registry/settings.ts'
import { readUpstreamFiles } from '../../../src/adapters/registry/upstream-files.ts'

t.test('both kinds of file are told apart by their content', async t => {
  const dir = t.testdir({
    'registries.yaml': 'mirrors: {docker.io: {endpoint: ["https://m.lan"]}}',
    'json.yaml': '{"mirrors": {"a.test": {}}}',
    'config.json': '{"auths": {}}',
  })
  const paths = ['registries.yaml', 'json.yaml', 'config.json'].map(name => join(dir, name))
  const { upstreams, dockerConfigPaths } = await readUpstreamFiles({}, paths)
  t.strictSame(Object.keys(upstreams), ['docker.io', 'a.test'])
  t.strictSame(dockerConfigPaths, [join(dir, 'config.json')])
})

t.test('what is configured wins, key by key, and names are one in every spelling', async t => {
  const dir = t.testdir({
    'r.yaml': `
mirrors:
  docker.io: { endpoint: ["https://m.lan"], rewrite: { a: b } }
  own.test: { endpoint: ["https://m.lan"] }
configs:
  m.lan: { auth: { username: u, password: p } }
  own.test: { auth: { username: file, password: p } }
  bare.test: { tls: { ca_file: /ca.pem } }
`,
  })
  const configured: UpstreamsSettings = {
    'index.docker.io': { ...defaultUpstream, realms: ['r.test'] },
    'own.test': {
      ...defaultUpstream,
      endpoints: [{ url: 'https://mine.lan' }],
      auth: { token: 'mine' },
    },
    'bare.test': defaultUpstream,
  }
  const { upstreams } = await readUpstreamFiles(configured, [join(dir, 'r.yaml')])
  t.strictSame(Object.keys(upstreams), Object.keys(configured))
  t.match(upstreams['index.docker.io'], {
    realms: ['r.test'],
    rewrite: { a: 'b' },
    endpoints: [{ url: 'https://m.lan/', auth: { username: 'u' } }],
  })
  t.match(upstreams['own.test'], {
    endpoints: [{ url: 'https://mine.lan' }],
    auth: { token: 'mine' },
  })
  t.equal(upstreams['bare.test']?.tls?.caFile, '/ca.pem')
})

t.test('credentials for a host that "*" allows are used for it', async t => {
  const dir = t.testdir({ 'r.yaml': 'configs: {ghcr.test: {auth: {token: t}}}' })
  const paths = [join(dir, 'r.yaml')]
  const open = await readUpstreamFiles({ '*': defaultUpstream }, paths)
  t.equal(open.upstreams['ghcr.test']?.auth?.token, 't')
  const closed = await readUpstreamFiles({ 'a.test': defaultUpstream }, paths)
  t.strictSame(Object.keys(closed.upstreams), ['a.test'], 'a credential alone opens nothing')
})

t.test('a file that cannot be read is named when it leaves nobody to ask', async t => {
  const path = join(t.testdir({}), 'absent.yaml')
  await t.rejects(readUpstreamFiles({}, [path]), {
    code: 'config-invalid',
    message: /absent\.yaml cannot be read \(ENOENT\): mend the path/,
  })
})

t.test('a file that cannot be read is passed over while others name upstreams', async t => {
  const dir = t.testdir({ 'r.yaml': 'mirrors: {ghcr.test: {}}' })
  const [absent, present] = [join(dir, 'absent.yaml'), join(dir, 'r.yaml')]
  const { upstreams } = await readUpstreamFiles({}, [absent, present])
  t.strictSame(Object.keys(upstreams), ['ghcr.test'])
  const own = await readUpstreamFiles({ 'a.test': defaultUpstream }, [absent])
  t.strictSame(Object.keys(own.upstreams), ['a.test'])
})

t.test('a broken Docker file is refused at once', async t => {
  const path = join(t.testdir({ 'config.json': '{"auths": 7}' }), 'config.json')
  await t.rejects(readUpstreamFiles({}, [path]), { code: 'config-invalid', message: /auths/ })
})
