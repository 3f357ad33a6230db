import t from 'tap'
import { readConfigPlatform } from '../../src/oci/image-config.ts'

const read = (config: unknown) => readConfigPlatform(Buffer.from(JSON.stringify(config)))

t.test('a config names what its image is for', async t => {
  const os = 'linux'
  t.strictSame(read({ os, architecture: 'arm64', config: {}, rootfs: {} }), {
    os,
    architecture: 'arm64',
  })
  t.strictSame(read({ os, architecture: 'arm', variant: 'v7', created: 'now' }), {
    os,
    architecture: 'arm',
    variant: 'v7',
  })
  t.strictSame(
    read({ os: 'windows', architecture: 'amd64', variant: '', 'os.version': '10.0.20348.2' }),
    { os: 'windows', architecture: 'amd64', osVersion: '10.0.20348.2' },
  )
})

t.test('what names nothing, or what nobody can tell, names nothing', async t => {
  const good = { os: 'linux', architecture: 'arm64' }
  const nothing: Readonly<Record<string, unknown>> = {
    'no architecture': { os: 'linux' },
    'no system': { architecture: 'arm64' },
    empty: { os: '', architecture: '' },
    'an attestation': { os: 'unknown', architecture: 'unknown' },
    'a list': [good],
    'no text': { os: 'linux', architecture: 7 },
    'what no terminal should see': { os: 'linux', architecture: 'arm\u001b[2J' },
    'no end of text': { os: 'linux', architecture: 'a'.repeat(65) },
    'a look-alike, which Go would read': { os: 'linux', Architecture: 'arm64', architecture: 'x' },
  }
  t.ok(read(good))
  for (const [what, config] of Object.entries(nothing)) t.equal(read(config), undefined, what)
  t.equal(readConfigPlatform(Buffer.from('hello')), undefined)
  t.equal(readConfigPlatform(Buffer.from([0xff, 0xfe])), undefined)
  t.equal(readConfigPlatform(Buffer.from('[['.repeat(10_000))), undefined)
})
