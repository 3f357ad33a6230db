import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Credential } from '../../../src/adapters/registry/credential.ts'
import { createFindCredential } from '../../../src/adapters/registry/find-credential.ts'
import type { AuthSettings } from '../../../src/adapters/registry/settings.ts'
import { endpointAt, keepLog } from './support/transport.ts'

const clock = { wallMs: () => 0, monotonicMs: () => 0 }

function setUp(t: Test, files: Record<string, string>, helped: Record<string, Credential> = {}) {
  const dir = t.testdir(files)
  const { log, lines } = keepLog()
  const asked: string[] = []
  const find = createFindCredential(
    { clock, log },
    {
      dockerConfigPaths: Object.keys(files)
        .filter(name => name.endsWith('.json'))
        .map(name => join(dir, name)),
      askHelper: async (name, server) => {
        asked.push(`${name} ${server}`)
        return helped[server]
      },
    },
  )
  const at = (url: string, auth?: AuthSettings) => find(endpointAt(url, { auth }))
  return { at, path: (name: string) => join(dir, name), lines, asked }
}

function basic(username: string, password: string): Credential {
  return { kind: 'basic', username, password }
}

t.test('what is written for the endpoint goes first', async t => {
  const { at } = setUp(t, {
    'config.json': '{"auths":{"registry.test":{"username":"file","password":"x"}}}',
  })
  const url = 'https://registry.test'
  t.strictSame(await at(url, { username: 'me', password: 'pw' }), basic('me', 'pw'))
  t.strictSame(await at(url, { token: 'fix' }), { kind: 'bearer', token: 'fix' })
  t.strictSame(await at(url, { identityToken: 'r', username: 'me' }), {
    kind: 'identity',
    token: 'r',
    username: 'me',
  })
  t.strictSame(await at(url), basic('file', 'x'))
  t.strictSame(await at(url, { username: 'only' }), basic('file', 'x'), 'half of a pair is none')
})

t.test('secrets in files are trimmed and read again when they change', async t => {
  const { at, path, lines } = setUp(t, { password: 'first\n', token: 'tok\n' })
  const auth = { username: 'me', passwordFile: path('password') }
  t.strictSame(await at('https://r.test', auth), basic('me', 'first'))
  await writeFile(path('password'), 'second word\n')
  t.strictSame(await at('https://r.test', auth), basic('me', 'second word'))
  t.strictSame(await at('https://r.test', { tokenFile: path('token') }), {
    kind: 'bearer',
    token: 'tok',
  })
  await rm(path('password'))
  t.equal(await at('https://r.test', auth), undefined)
  t.equal(await at('https://r.test', auth), undefined)
  t.equal(lines.length, 1, 'told once')
  t.match(lines[0], /password/)
  t.notMatch(lines.join(), /second/)
})

t.test('a host is matched by name and port, never by the registry it stands for', async t => {
  const { at } = setUp(t, {
    'config.json': JSON.stringify({
      auths: {
        'https://index.docker.io/v1/': { username: 'hub', password: 'x' },
        'mirror.test:5000': { username: 'mirror', password: 'y' },
      },
    }),
  })
  t.strictSame(await at('https://registry-1.docker.io'), basic('hub', 'x'))
  t.strictSame(await at('http://mirror.test:5000/proxy'), basic('mirror', 'y'))
  t.equal(await at('https://mirror.test'), undefined)
  t.equal(await at('https://elsewhere.test'), undefined)
})

t.test("the host's helper goes before its entry, the store after it", async t => {
  const config = {
    auths: { 'entry.test': { username: 'e', password: 'x' }, 'https://listed.test/v1/': {} },
    credHelpers: { 'helped.test': 'one' },
    credsStore: 'store',
  }
  const { at, asked } = setUp(
    t,
    { 'config.json': JSON.stringify(config) },
    {
      'helped.test': basic('h', 'y'),
      'https://listed.test/v1/': basic('s', 'z'),
      'https://index.docker.io/v1/': basic('hub', 'w'),
    },
  )
  t.strictSame(await at('https://helped.test'), basic('h', 'y'))
  t.strictSame(await at('https://entry.test'), basic('e', 'x'))
  t.strictSame(await at('https://listed.test'), basic('s', 'z'))
  t.strictSame(await at('https://registry-1.docker.io'), basic('hub', 'w'))
  t.equal(await at('https://unknown.test'), undefined)
  t.strictSame(asked, [
    'one helped.test',
    'store https://listed.test/v1/',
    'store https://index.docker.io/v1/',
    'store unknown.test',
  ])
})

t.test('files are asked in order', async t => {
  const { at } = setUp(t, {
    'a.json': '{"auths":{"one.test":{"username":"a","password":"x"}}}',
    'b.json':
      '{"auths":{"one.test":{"username":"b","password":"x"},"two.test":{"username":"b","password":"x"}}}',
  })
  t.strictSame(await at('https://one.test'), basic('a', 'x'))
  t.strictSame(await at('https://two.test'), basic('b', 'x'))
})

t.test('a file that breaks is told of once, and its last good content is used on', async t => {
  const { at, path, lines } = setUp(t, {
    'config.json': '{"auths":{"r.test":{"username":"u","password":"x"}}}',
  })
  await at('https://r.test')
  await writeFile(path('config.json'), '{"auths": s3cret')
  t.strictSame(await at('https://r.test'), basic('u', 'x'))
  t.strictSame(await at('https://r.test'), basic('u', 'x'))
  t.equal(lines.length, 1)
  t.match(lines[0], /config\.json/)
  t.notMatch(lines[0], /s3cret/)
  await writeFile(path('config.json'), '{"auths":{"r.test":{"username":"v","password":"y"}}}')
  t.strictSame(await at('https://r.test'), basic('v', 'y'))
})
