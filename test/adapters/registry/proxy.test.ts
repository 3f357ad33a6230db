import t from 'tap'
import { chooseProxy, parseProxy } from '../../../src/adapters/registry/proxy.ts'

const environment = { HTTPS_PROXY: 'http://secure.proxy:3128', HTTP_PROXY: 'plain.proxy:3128' }

function chosen(url: string, setting?: string, more: Record<string, string> = environment) {
  return chooseProxy(new URL(url), setting, more)?.url.host
}

t.test('the environment decides by scheme, in upper or lower case', async t => {
  t.equal(chosen('https://registry.test/v2/'), 'secure.proxy:3128')
  t.equal(chosen('http://registry.test/v2/'), 'plain.proxy:3128', 'a scheme is not needed')
  t.equal(chosen('https://registry.test', undefined, { https_proxy: 'http://low:1' }), 'low:1')
  t.equal(chosen('https://registry.test', undefined, { HTTP_PROXY: 'http://x:1' }), undefined)
  t.equal(chosen('https://registry.test', undefined, { HTTPS_PROXY: '' }), undefined)
})

t.test('what is written for the upstream wins over the environment', async t => {
  t.equal(chosen('https://registry.test', 'http://own.proxy:8080'), 'own.proxy:8080')
  t.equal(chosen('https://registry.test', ''), undefined)
})

t.test('loopback never goes through the proxy of the environment', async t => {
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]', '2130706433']) {
    t.equal(chosen(`https://${host}:5000`), undefined, host)
  }
})

const exemptions: readonly (readonly [list: string, url: string, isExempt: boolean])[] = [
  ['*', 'https://registry.test', true],
  ['registry.test', 'https://registry.test', true],
  ['registry.test', 'https://a.registry.test', true],
  ['registry.test', 'https://myregistry.test', false],
  ['.test', 'https://registry.test', true],
  ['.registry.test', 'https://registry.test', false],
  ['*.registry.test', 'https://a.registry.test', true],
  ['REGISTRY.test', 'https://Registry.Test', true],
  ['a.test, registry.test', 'https://registry.test', true],
  ['a.test registry.test', 'https://registry.test', true],
  ['registry.test:5000', 'https://registry.test:5000', true],
  ['registry.test:443', 'https://registry.test', true],
  ['registry.test:5000', 'https://registry.test', false],
  ['10.0.0.0/8', 'https://10.1.2.3', true],
  ['10.0.0.0/8', 'https://11.1.2.3', false],
  ['10.0.0.0/99', 'https://10.1.2.3', false],
  ['fd00::/8', 'https://[fd00::5]', true],
  ['10.1.2.3', 'https://10.1.2.3:5000', true],
  ['fd00::5', 'https://[fd00::5]', true],
  ['[fd00::5]:443', 'https://[fd00::5]', true],
  ['', 'https://registry.test', false],
]

t.test('NO_PROXY takes hosts, domains, ports, addresses and networks', async t => {
  for (const [list, url, isExempt] of exemptions) {
    const expected = isExempt ? undefined : 'secure.proxy:3128'
    t.equal(chosen(url, undefined, { ...environment, NO_PROXY: list }), expected, `${list} ${url}`)
  }
  t.equal(chosen('https://a.test', undefined, { ...environment, no_proxy: 'a.test' }), undefined)
})

t.test('user and password leave the URL', async t => {
  const proxy = parseProxy('http://us%40er:p%3Ass@proxy.test:3128/')
  t.equal(proxy.url.href, 'http://proxy.test:3128/')
  t.equal(proxy.authorization, `Basic ${Buffer.from('us@er:p:ss').toString('base64')}`)
  t.equal(parseProxy('http://proxy.test').authorization, undefined)
})

t.test('a proxy that cannot be used is refused without showing it', async t => {
  for (const text of ['socks5://u:s3cret@proxy.test', 'http://u:s3cret@:bad']) {
    try {
      parseProxy(text)
      t.fail(text)
    } catch (error) {
      t.match(error, { code: 'config-invalid' })
      t.notMatch(String((error as Error).stack), /s3cret/)
    }
  }
})
