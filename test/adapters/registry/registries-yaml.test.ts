import t from 'tap'
import {
  parseRegistriesYaml,
  settingsOfHost,
} from '../../../src/adapters/registry/registries-yaml.ts'

const whole = `
mirrors:
  docker.io:
    endpoint:
      - "https://harbor.lan/v2/hub-cache"
      - registry.lan:5000
      - localhost:5000
      - 127.0.0.1:5050
      - "http://plain.lan"
    rewrite:
      "^library/(.*)": "cache/$1"
  "*":
    endpoint: ["https://any.lan"]
  enabled.test:
  "localhost:6000": {}
configs:
  "harbor.lan":
    auth: { username: robot, password: s3cret }
    tls: { ca_file: /ca.pem, cert_file: /c.pem, key_file: /k.pem, insecure_skip_verify: true }
  registry.lan:5000:
    auth: { auth: dTpw }
  registry-1.docker.io:
    auth: { identity_token: refresh }
  ghcr.test:
    auth: { token: fixed }
`

t.test('mirrors become upstreams, endpoints in order with the scheme K3s gives them', async t => {
  const { upstreams } = parseRegistriesYaml(whole, 'r.yaml', { ownAddresses: ['localhost:5050'] })
  const hub = upstreams['docker.io']
  t.strictSame(
    hub?.endpoints.map(({ url }) => url),
    [
      'https://harbor.lan/v2/hub-cache',
      'https://registry.lan:5000/',
      'http://localhost:5000/',
      'http://plain.lan/',
    ],
    'Holdfast itself is left out',
  )
  t.strictSame(hub?.rewrite, { '^library/(.*)': 'cache/$1' })
  t.equal(hub?.url, undefined)
  t.strictSame(Object.keys(upstreams), ['docker.io', '*', 'enabled.test', 'localhost:6000'])
  t.strictSame(upstreams['enabled.test']?.endpoints, [])
  t.equal(upstreams['localhost:6000']?.url, 'http://localhost:6000')
})

t.test('credentials and TLS go to the host they are written for', async t => {
  const { upstreams } = parseRegistriesYaml(whole, 'r.yaml')
  const [harbor, registry, local] = upstreams['docker.io']?.endpoints ?? []
  t.match(harbor?.auth, { username: 'robot', password: 's3cret' })
  t.strictSame(harbor?.tls, {
    caFile: '/ca.pem',
    certFile: '/c.pem',
    keyFile: '/k.pem',
    insecureSkipVerify: true,
  })
  t.match(registry?.auth, { username: 'u', password: 'p' }, 'base64 is taken apart')
  t.equal(registry?.tls, undefined)
  t.equal(local?.auth, undefined)
  t.match(upstreams['docker.io']?.auth, { identityToken: 'refresh' })
})

t.test('a host without its own entry gets that of "*"', async t => {
  const { hosts } = parseRegistriesYaml(
    'configs: {"*": {tls: {insecure_skip_verify: true}}, "a.test:443": {auth: {token: t}}}',
    'r.yaml',
  )
  t.equal(settingsOfHost(hosts, 'any.test')?.tls?.insecureSkipVerify, true)
  t.equal(settingsOfHost(hosts, 'a.test')?.auth?.token, 't')
  t.equal(settingsOfHost(new Map(), 'any.test'), undefined)
})

t.test('own addresses are known in every spelling of this machine', async t => {
  const text =
    'mirrors: {a.test: {endpoint: ["http://127.0.0.1:5050", "http://[::1]:5050", "http://localhost:5050", "http://node:5050", "http://127.0.0.1:5051"]}}'
  const { upstreams } = parseRegistriesYaml(text, 'r', {
    ownAddresses: ['127.0.0.1:5050', 'node:5050'],
  })
  t.strictSame(
    upstreams['a.test']?.endpoints.map(({ url }) => url),
    ['http://127.0.0.1:5051/'],
  )
})

t.test('what aliases and merged keys stand for is read, as K3s reads it', async t => {
  const text = `mirrors:
  docker.io: &hub
    endpoint: ["https://a.lan"]
  ghcr.test: *hub
  quay.test: { <<: *hub, rewrite: { "^x": "y" } }
`
  const { upstreams } = parseRegistriesYaml(text, '/k3s.yaml')
  for (const name of ['docker.io', 'ghcr.test', 'quay.test']) {
    t.match(upstreams[name], { endpoints: [{ url: 'https://a.lan/' }] }, name)
  }
})

t.test('an empty file says nothing', async t => {
  for (const text of ['', '# nothing\n', 'mirrors:\nconfigs:\n']) {
    t.strictSame(parseRegistriesYaml(text, 'r').upstreams, {})
  }
})

const faults: Readonly<Record<string, RegExp>> = {
  'mirrors: [s3cret': /^\/etc\/r\.yaml: line 1, column \d+ is not YAML/,
  'mirrors:\n  a: 1\n  a: 2\n': /: line 3, column 3 is not YAML \(DUPLICATE_KEY\)/,
  '- s3cret': /: the whole is not a mapping: write keys/,
  'mirrors: s3cret': /: mirrors is not a mapping/,
  'mirrors: {a.test: {endpoint: s3cret}}': /: mirrors\["a\.test"\]\.endpoint is not a list: write/,
  'mirrors: {a.test: {endpoint: [7]}}': /mirrors\["a\.test"\]\.endpoint\[0\] is not text/,
  'mirrors: {a.test: {endpoint: ["ftp://s3cret"]}}': /endpoint\[0\] is no URL such as https:/,
  'mirrors: {a.test: {rewrite: {"(s": x}}}':
    /mirrors\["a\.test"\]\.rewrite: "\(s" is not a regular/,
  'configs: {a.test: {auth: {password: 123}}}':
    /configs\["a\.test"\]\.auth\.password is not text: put/,
  'configs: {a.test: {auth: {auth: czNjcmV0}}}': /configs\["a\.test"\]\.auth\.auth is not base64/,
  'configs: {a.test: {tls: {insecure_skip_verify: "yes"}}}': /insecure_skip_verify is neither true/,
}

for (const [text, message] of Object.entries(faults)) {
  t.test(`a fault is named by file, place and cure: ${message}`, async t => {
    try {
      parseRegistriesYaml(text, '/etc/r.yaml')
      t.fail('not refused')
    } catch (error) {
      t.match(error, { code: 'config-invalid', message })
      t.match((error as Error).message, /^\/etc\/r\.yaml: /)
      t.notMatch(String((error as Error).stack), /s3cret|czNjcmV0/)
    }
  })
}
