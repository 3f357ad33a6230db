import t from 'tap'
import { canonicalHost, parseDockerConfig } from '../../../src/adapters/registry/docker-config.ts'

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

t.test('hosts are filed in one form', async t => {
  for (const server of ['https://index.docker.io/v1/', 'docker.io', 'registry-1.docker.io']) {
    t.equal(canonicalHost(server), 'docker.io', server)
  }
  t.equal(canonicalHost('https://Registry.test/v2/'), 'registry.test')
  t.equal(canonicalHost('registry.test:443'), 'registry.test')
  t.equal(canonicalHost('http://registry.test:5000'), 'registry.test:5000')
  t.equal(canonicalHost('registry.test/team'), undefined, 'a part of a host is not the host')
  t.equal(canonicalHost(''), undefined)
})

t.test('every kind of entry is read', async t => {
  const config = parseDockerConfig(
    JSON.stringify({
      auths: {
        'https://index.docker.io/v1/': { auth: base64('me:pass:word') },
        'plain.test': { username: 'u', password: 'p' },
        'padded.test': { auth: base64('u:p\0\0') },
        'identity.test': { auth: base64('u:'), identitytoken: 'refresh' },
        'fixed.test': { registrytoken: 'token' },
        'empty.test': {},
      },
      credHelpers: { 'helped.test:5000': 'pass', 'aws.test': 'ecr-login' },
      credsStore: 'secretservice',
      detachKeys: 'ctrl-e,e',
    }),
    'config.json',
  )
  t.strictSame(Object.fromEntries(config.auths), {
    'docker.io': { kind: 'basic', username: 'me', password: 'pass:word' },
    'plain.test': { kind: 'basic', username: 'u', password: 'p' },
    'padded.test': { kind: 'basic', username: 'u', password: 'p' },
    'identity.test': { kind: 'identity', token: 'refresh', username: 'u' },
    'fixed.test': { kind: 'bearer', token: 'token' },
  })
  t.strictSame(Object.fromEntries(config.helpers), {
    'helped.test:5000': 'pass',
    'aws.test': 'ecr-login',
  })
  t.equal(config.store, 'secretservice')
})

t.test('an empty file says nothing', async t => {
  t.equal(parseDockerConfig('{}', 'x').store, undefined)
  t.equal(parseDockerConfig('{"auths":null,"credsStore":""}', 'x').auths.size, 0)
})

const faults: Readonly<Record<string, RegExp>> = {
  's3cret {': /^\/etc\/config\.json: the whole is not JSON: /,
  '["s3cret"]': /: the whole is not an object/,
  '{"auths":"s3cret"}': /: auths is not an object/,
  '{"auths":{"a.test":"s3cret"}}': /: auths\["a\.test"\] is not an object/,
  '{"auths":{"a.test":{"auth":"czNjcmV0"}}}': /: auths\["a\.test"\]\.auth is not base64 of/,
  '{"credHelpers":{"a.test":"../s3cret"}}': /: credHelpers\["a\.test"\] is not the name/,
  '{"credsStore":7}': /: credsStore is not the name/,
}

for (const [text, message] of Object.entries(faults)) {
  t.test(`a fault is named by place and cure: ${message}`, async t => {
    try {
      parseDockerConfig(text, '/etc/config.json')
      t.fail('not refused')
    } catch (error) {
      t.match(error, { code: 'config-invalid', message })
      t.notMatch(String((error as Error).stack), /s3cret|czNjcmV0/)
    }
  })
}
