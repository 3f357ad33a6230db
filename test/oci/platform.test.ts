import fc from 'fast-check'
import t from 'tap'
import {
  choose,
  formatPlatform,
  hostPlatform,
  type Platform,
  parsePlatform,
} from '../../src/oci/platform.ts'
import { texts } from '../support/words.ts'

function platform(text: string): Platform {
  const [os = '', architecture = '', variant] = text.split('/')
  return { os, architecture, variant }
}

/** Which of the offered platforms a node of `wanted` gets; `-` for an entry without one. */
function chosen(wanted: string, offered: readonly string[]): string | undefined {
  const entries = offered.map(name => ({
    name,
    platform: name === '-' ? undefined : platform(name),
  }))
  return choose(entries, platform(wanted))?.name
}

t.test('a platform is read into its usual form', async t => {
  const forms: Record<string, string> = {
    'linux/amd64': 'linux/amd64',
    'Linux/x86_64': 'linux/amd64',
    'linux/amd64/v1': 'linux/amd64',
    'linux/amd64/v3': 'linux/amd64/v3',
    'linux/aarch64': 'linux/arm64',
    'linux/arm64/v8': 'linux/arm64',
    'linux/arm64/8': 'linux/arm64',
    'linux/arm64/v8.2': 'linux/arm64/v8.2',
    'linux/arm64/v9.0': 'linux/arm64/v9',
    'linux/arm': 'linux/arm/v7',
    'linux/arm/6': 'linux/arm/v6',
    'linux/armhf': 'linux/arm/v7',
    'linux/armel': 'linux/arm/v6',
    'linux/i386': 'linux/386',
    'macos/arm64': 'darwin/arm64',
    'linux/riscv64': 'linux/riscv64',
    'linux/constructor': 'linux/constructor',
  }
  for (const [text, form] of Object.entries(forms)) {
    const read = parsePlatform(text)
    t.equal(read && formatPlatform(read), form, text)
  }
})

t.test('what is no platform is not taken for one', async t => {
  for (const text of ['', 'linux', 'linux/', '/amd64', 'a/b/c/d', 'unknown/unknown', 'linux/a b']) {
    t.equal(parsePlatform(text), undefined, text)
  }
})

t.test('a formatted platform is read back, and no text makes the parser throw', async t => {
  fc.assert(
    fc.property(fc.oneof(texts, fc.stringMatching(/^[a-z]{1,5}(\/[a-z0-9]{1,5}){1,2}$/)), text => {
      const read = parsePlatform(text)
      if (read) t.same(parsePlatform(formatPlatform(read)), read)
    }),
  )
})

t.test('the host has a platform', async t => {
  const host = hostPlatform()
  t.same(parsePlatform(formatPlatform(host)), host)
  t.equal(choose([{ platform: host }], host)?.platform, host)
})

t.test('a node gets what containerd would choose', async t => {
  const all = ['linux/386', 'linux/arm/v7', 'linux/arm64', 'linux/amd64', 'windows/amd64']
  t.equal(chosen('linux/amd64', all), 'linux/amd64')
  t.equal(chosen('linux/amd64', ['linux/386', 'linux/amd64/v1']), 'linux/amd64/v1')
  t.equal(chosen('linux/amd64', ['linux/arm64', 'linux/386']), 'linux/386')
  t.equal(chosen('linux/amd64', ['linux/amd64/v2', 'windows/amd64']), undefined)
  t.equal(chosen('linux/386', ['linux/amd64']), undefined)
  t.equal(chosen('linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2']), 'linux/amd64/v2')
  t.equal(chosen('linux/amd64/v3', ['linux/amd64/v4', 'linux/amd64']), 'linux/amd64')

  t.equal(chosen('linux/arm64', all), 'linux/arm64')
  t.equal(chosen('linux/arm64', ['linux/arm64/v8']), 'linux/arm64/v8')
  t.equal(chosen('linux/arm64/v8', ['linux/arm/v7', 'linux/arm64']), 'linux/arm64')
  t.equal(chosen('linux/arm64', ['linux/arm/v5', 'linux/arm/v7']), 'linux/arm/v7')
  t.equal(chosen('linux/arm64', ['linux/arm']), 'linux/arm')
  t.equal(chosen('linux/arm64', ['linux/arm/v4', 'linux/arm/v5']), 'linux/arm/v5')
  t.equal(chosen('linux/arm64', ['linux/arm64/v9', 'linux/amd64']), undefined)
  t.equal(chosen('linux/arm64/v9', ['linux/arm64', 'linux/arm64/v8.4']), 'linux/arm64/v8.4')
  t.equal(chosen('linux/arm64/v9', ['linux/arm64/v8.6', 'linux/arm64/v8.5']), 'linux/arm64/v8.5')

  t.equal(chosen('linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6']), 'linux/arm/v6')
  t.equal(chosen('linux/arm/v7', ['linux/arm/v5']), 'linux/arm/v5')
  t.equal(chosen('linux/arm/v7', ['linux/arm64', 'linux/arm/v8']), undefined)
  t.equal(chosen('linux/arm/v6', ['linux/arm', 'linux/arm/v5']), 'linux/arm/v5')
  t.equal(chosen('linux/arm', ['linux/armhf']), 'linux/armhf')

  t.equal(chosen('linux/s390x', ['linux/s390x', 'linux/amd64']), 'linux/s390x')
  t.equal(chosen('linux/riscv64', all), undefined)
})

t.test('of equals the first in the index is chosen', async t => {
  const entries = [1, 2, 3].map(n => ({ n, platform: platform('linux/amd64') }))
  t.equal(choose(entries, platform('linux/amd64'))?.n, 1)
})

t.test('an entry without platform is taken when none matches better', async t => {
  t.equal(chosen('linux/amd64', ['-', 'linux/amd64']), 'linux/amd64')
  t.equal(chosen('linux/amd64', ['-', 'linux/386']), 'linux/386')
  t.equal(chosen('linux/amd64', ['linux/arm64', '-']), '-')
  t.equal(choose([], platform('linux/amd64')), undefined)
})

t.test('an attestation is never chosen', async t => {
  t.equal(chosen('linux/amd64', ['unknown/unknown']), undefined)
  t.equal(chosen('linux/amd64', ['unknown/unknown', 'linux/amd64']), 'linux/amd64')
  t.equal(chosen('unknown/unknown', ['unknown/unknown']), undefined)
})

t.test('an absent system is the one that asks, as to Go', async t => {
  t.equal(chosen('linux/amd64', ['/amd64']), '/amd64')
  t.equal(chosen('linux/amd64', ['linux/']), undefined)
})

t.test('features that the node lacks exclude an entry, more of its own prefer it', async t => {
  const plain = platform('linux/amd64')
  const one = { ...plain, osFeatures: ['a'] }
  const two = { ...plain, osFeatures: ['b', 'a'] }
  const entries = [{ platform: plain }, { platform: one }, { platform: two }]
  t.equal(choose(entries, plain)?.platform, plain)
  t.equal(choose(entries, one)?.platform, one)
  t.equal(choose(entries, { ...plain, osFeatures: ['a', 'b', 'c'] })?.platform, two)
})

t.test('Windows wants its own build', async t => {
  const windows = (osVersion?: string) => ({
    platform: { ...platform('windows/amd64'), osVersion },
  })
  const entries = [windows('10.0.17763.1'), windows('10.0.20348.2')]
  const asking = windows('10.0.20348.999').platform
  t.equal(choose(entries, asking), entries[1])
  t.equal(choose([windows('10.0.17763.1')], asking), undefined)
  t.ok(choose([windows()], asking))
  t.equal(formatPlatform(asking), 'windows(10.0.20348.999)/amd64')
})
