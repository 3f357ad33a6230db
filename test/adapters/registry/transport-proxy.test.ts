import { join } from 'node:path'
import t from 'tap'
import { makeAuthority } from './support/certificates.ts'
import { startProxy } from './support/proxy-server.ts'
import {
  bodyOf,
  endpointAt,
  keepLog,
  makeTransport,
  question,
  serve,
  serveTcp,
} from './support/transport.ts'

const authority = makeAuthority()
const good = authority.issue({ hosts: ['registry.test', 'proxy.test'] })

t.test('https goes through a tunnel, whose other end is verified', async t => {
  const dir = t.testdir({ 'ca.pem': authority.cert })
  const { port } = await serve(t, (_, response) => response.end('through'), good)
  const proxy = await startProxy(t)
  const url = `https://registry.test:${port}/`
  const transport = makeTransport(t)
  const through = { proxy: `http://user:pa%20ss@127.0.0.1:${proxy.port}` }
  const tls = { caFile: join(dir, 'ca.pem') }
  const answer = await transport.request(question(url, endpointAt(url, { ...through, tls })))
  t.equal(await bodyOf(answer), 'through')
  t.equal(answer.overVerifiedTls, true)
  t.strictSame(proxy.seen, [`CONNECT registry.test:${port}`])
  t.strictSame(proxy.credentials, [`Basic ${Buffer.from('user:pa ss').toString('base64')}`])
  await t.rejects(transport.request(question(url, endpointAt(url, through))), {
    code: 'unreachable',
    reason: 'tls',
  })
})

t.test('plain http is asked of the proxy in absolute form', async t => {
  const { port } = await serve(t, (request, response) => response.end(request.headers.host))
  const proxy = await startProxy(t)
  const url = `http://registry.test:${port}/v2/`
  const endpoint = endpointAt(url, { proxy: `http://u:p@127.0.0.1:${proxy.port}` })
  const transport = makeTransport(t)
  const answer = await transport.request(question(url, endpoint))
  t.equal(await bodyOf(answer), `registry.test:${port}`)
  t.strictSame(proxy.seen, [`GET ${url}`])
  t.strictSame(proxy.credentials, [`Basic ${Buffer.from('u:p').toString('base64')}`])
})

t.test('the environment names the proxy, and loopback goes past it', async t => {
  const { port } = await serve(t, (_, response) => response.end('yes'))
  const proxy = await startProxy(t)
  const environment = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` }
  const transport = makeTransport(t, { environment })
  for (const host of ['registry.test', '127.0.0.1']) {
    const url = `http://${host}:${port}/`
    const endpoint = endpointAt(url, { proxy: undefined })
    t.equal(await bodyOf(await transport.request(question(url, endpoint))), 'yes')
  }
  t.strictSame(proxy.seen, [`GET http://registry.test:${port}/`])
})

t.test('a proxy may itself want TLS', async t => {
  const { port } = await serve(t, (_, response) => response.end(), good)
  const proxy = await startProxy(t, { tls: good })
  const url = `https://registry.test:${port}/`
  const endpoint = endpointAt(url, { proxy: `https://proxy.test:${proxy.port}` })
  const transport = makeTransport(t, { names: { 'proxy.test': ['127.0.0.1'] } })
  await t.rejects(transport.request(question(url, endpoint)), {
    reason: 'tls',
    code: 'unreachable',
    message: /proxy\.test/,
  })
  t.strictSame(proxy.seen, [], 'a proxy that is not verified learns nothing')
})

t.test('a proxy that refuses is named, its credentials are not', async t => {
  const proxy = await startProxy(t, { refuse: '407 Proxy Authentication Required' })
  const { log, lines } = keepLog()
  const url = 'https://registry.test/'
  const endpoint = endpointAt(url, { proxy: `http://user:s3cret@127.0.0.1:${proxy.port}` })
  const error: unknown = await makeTransport(t, { log })
    .request(question(url, endpoint))
    .catch((cause: unknown) => cause)
  t.match(error, {
    code: 'unreachable',
    reason: 'connect',
    status: 407,
    message: `the proxy 127.0.0.1:${proxy.port} answered 407`,
  })
  const shown = `${JSON.stringify(error)} ${(error as Error).stack} ${lines.join('\n')}`
  t.notMatch(shown, /s3cret|dXNlcj/)
})

const brokenProxies = {
  'speaks something else': { send: 'SSH-2.0-OpenSSH_9.2\r\n\r\n', reason: 'protocol' },
  'sends endless headers': {
    send: `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000)}`,
    reason: 'protocol',
  },
  'hangs up': { send: undefined, reason: 'reset' },
  'stays silent': { send: '', reason: 'timeout' },
}

for (const [what, { send, reason }] of Object.entries(brokenProxies)) {
  t.test(`a proxy that ${what} fails as ${reason}`, async t => {
    let fired = 0
    const proxy = await serveTcp(t, socket => {
      socket.once('data', () => {
        fired += 1
        if (send === undefined) socket.end()
        else socket.write(send)
      })
    })
    const url = 'https://registry.test/'
    const connectMs = reason === 'timeout' ? 1_000 : 20_000
    const timeouts = { connectMs, headersMs: 20_000, stallMs: 20_000 }
    const endpoint = endpointAt(url, { proxy: `http://127.0.0.1:${proxy.port}`, timeouts })
    const asking = makeTransport(t).request(question(url, endpoint))
    await t.rejects(asking, { code: 'unreachable', reason })
    t.equal(fired, 1, 'the fault did fire')
  })
}

t.test('a proxy that cannot be used is a failure of the request, not of the process', async t => {
  const url = 'https://registry.test/'
  const environment = { HTTPS_PROXY: 'socks5://u:s3cret@127.0.0.1:1' }
  const endpoint = endpointAt(url, { proxy: undefined })
  const error: unknown = await makeTransport(t, { environment })
    .request(question(url, endpoint))
    .catch((cause: unknown) => cause)
  t.match(error, { code: 'unreachable', reason: 'connect' })
  t.notMatch(String((error as Error).stack), /s3cret/)
})

t.test('behind a proxy, what "*" alone allows is not asked', async t => {
  const proxy = await startProxy(t)
  const url = 'https://any.test/'
  const more = { proxy: `http://127.0.0.1:${proxy.port}`, publicOnly: true }
  await t.rejects(makeTransport(t).request(question(url, endpointAt(url, more))), {
    code: 'unreachable',
    reason: 'forbidden-address',
    message: /name any\.test under upstreams/,
  })
  t.strictSame(proxy.seen, [])
})

t.test('behind a proxy, a redirect is judged by its name', async t => {
  const proxy = await startProxy(t, { refuse: '503 Busy' })
  const endpoint = endpointAt('https://registry.test', {
    proxy: `http://127.0.0.1:${proxy.port}`,
  })
  const transport = makeTransport(t, {
    names: { 'registry.test': ['93.184.216.34'], 'inside.test': ['10.0.0.1'] },
  })
  const refused = ['10.0.0.1', 'localhost', 'vault.internal', 'printer.local', 'inside.test']
  for (const host of [...refused, '169.254.169.254', '[::ffff:127.0.0.1]', 'intranet']) {
    const followed = question(`https://${host}/`, endpoint, { trust: 'follow' })
    await t.rejects(
      transport.request(followed),
      { code: 'unreachable', reason: 'forbidden-address' },
      host,
    )
  }
  t.strictSame(proxy.seen, [])
  const blobs = question('https://blobs.elsewhere.test/', endpoint, { trust: 'follow' })
  await t.rejects(transport.request(blobs), { code: 'unreachable', reason: 'connect', status: 503 })
  t.strictSame(proxy.seen, ['CONNECT blobs.elsewhere.test:443'], 'unknown here, so the proxy knows')
})
