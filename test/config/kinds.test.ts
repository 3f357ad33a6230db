import t from 'tap'
import { type KindName, kinds } from '../../src/config/kinds.ts'

const read = (name: KindName, text: string): unknown => {
  const result = kinds[name].read(text)
  return 'value' in result ? result.value : undefined
}

t.test('URLs are http or https, without credentials, query or fragment', async t => {
  t.equal(read('endpointUrl', 'https://reg.lan:5000/v2/proxy/'), 'https://reg.lan:5000/v2/proxy')
  t.equal(read('endpointUrl', 'http://[::1]:5000'), 'http://[::1]:5000')
  for (const text of [
    'reg.lan',
    'ftp://x',
    'https://',
    'https:reg.lan',
    'https://u@x',
    'https://:p@x',
    'https://x?a',
    'https://x#a',
    '',
  ]) {
    t.equal(read('endpointUrl', text), undefined, text)
  }
})

t.test('a proxy is a URL, also with credentials, or nothing', async t => {
  t.equal(read('proxyUrl', ''), '')
  t.equal(read('proxyUrl', 'http://u:p@proxy:3128'), 'http://u:p@proxy:3128')
  for (const text of ['proxy:3128', 'socks5://x', 'u:p@proxy'])
    t.equal(read('proxyUrl', text), undefined, text)
})

t.test('a network is an address, with a prefix of its family or none', async t => {
  for (const text of ['10.0.0.7', '10.0.0.0/8', '0.0.0.0/0', 'fd00::/8', '::1/128'])
    t.equal(read('network', text), text)
  for (const text of [
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    'fd00::/129',
    'lan',
  ]) {
    t.equal(read('network', text), undefined, text)
  }
})

t.test('room to leave free is a size or a share', async t => {
  t.equal(read('freeSpace', '1KiB'), 1024)
  t.strictSame(read('freeSpace', '12.5%'), { percent: 12.5 })
  t.equal(read('freeSpace', '100%'), undefined)
})

t.test('platforms are read in their usual form', async t => {
  t.match(read('platform', 'linux/aarch64'), { os: 'linux', architecture: 'arm64' })
  t.equal(read('platform', 'linux'), undefined)
})

t.test('what is refused comes with a reason', async t => {
  for (const [name, kind] of Object.entries(kinds)) {
    if (name === 'path') continue
    const result = kind.read('\u0000 no such thing')
    t.match('problem' in result ? result.problem : '', /^(is|carries|begins|names)/, name)
  }
})
