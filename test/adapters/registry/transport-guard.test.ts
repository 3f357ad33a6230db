import t, { type Test } from 'tap'
import type { EndpointSettings } from '../../../src/adapters/registry/settings.ts'
import {
  bodyOf,
  endpointAt,
  makeTransport,
  question,
  serve,
  type TransportSetting,
} from './support/transport.ts'

const publicRegistry = 'https://registry.test'
const forbidden = { code: 'unreachable', reason: 'forbidden-address' }

/** Follows `url` on behalf of an endpoint; `asked` counts what arrived at our server. */
async function follow(
  t: Test,
  url: (port: number) => string,
  endpoint: EndpointSettings,
  setting: TransportSetting = {},
) {
  let asked = 0
  const { port } = await serve(t, (_, response) => {
    asked += 1
    response.end('inside')
  })
  const transport = makeTransport(t, {
    names: { 'registry.test': ['93.184.216.34'], 'inside.test': ['127.0.0.1'] },
    ...setting,
  })
  const answer = transport.request(question(url(port), endpoint, { trust: 'follow' }))
  return { answer, asked: () => asked }
}

t.test('a public upstream never leads to an address of ours, however it is written', async t => {
  const spellings = [
    'http://127.0.0.1',
    'http://2130706433',
    'http://0x7f.1',
    'http://0177.0.0.1',
    'http://[::ffff:127.0.0.1]',
    'http://[::1]',
    'http://0.0.0.0',
    'http://inside.test',
    'http://10.0.0.1',
    'http://169.254.169.254',
    'http://[fe80::1]',
    'http://[64:ff9b::7f00:1]',
  ]
  for (const spelling of spellings) {
    const { answer, asked } = await follow(
      t,
      port => `${spelling}:${port}/latest/meta-data/`,
      endpointAt(publicRegistry),
    )
    await t.rejects(answer, forbidden, spelling)
    t.equal(asked(), 0)
  }
})

t.test('a name that answers publicly first and privately then gains nothing', async t => {
  let asked = 0
  const resolveName = async (host: string) => {
    if (host === 'registry.test') return ['93.184.216.34']
    asked += 1
    return asked === 1 ? ['203.0.113.7'] : ['127.0.0.1']
  }
  const rebinding = await follow(
    t,
    port => `http://rebind.test:${port}/`,
    endpointAt(publicRegistry),
    { resolveName },
  )
  await t.rejects(rebinding.answer, forbidden)
  t.equal(asked, 1, 'the address that was checked is the address that is dialled')
  t.equal(rebinding.asked(), 0)
})

t.test('of several addresses only the allowed ones are tried', async t => {
  const { answer, asked } = await follow(
    t,
    port => `http://mixed.test:${port}/`,
    endpointAt(publicRegistry, { timeouts: { connectMs: 300, headersMs: 300, stallMs: 300 } }),
    { names: { 'registry.test': ['93.184.216.34'], 'mixed.test': ['240.0.0.1', '127.0.0.1'] } },
  )
  await t.rejects(answer, forbidden)
  t.equal(asked(), 0)
})

t.test('an upstream that lies on loopback may lead to loopback', async t => {
  const { answer } = await follow(
    t,
    port => `http://inside.test:${port}/`,
    endpointAt('http://127.0.0.1:1'),
  )
  t.equal(await bodyOf(await answer), 'inside')
})

t.test('an upstream that lies in a private network does not lead to loopback', async t => {
  const { answer, asked } = await follow(
    t,
    port => `http://inside.test:${port}/`,
    endpointAt('https://registry.lan'),
    { names: { 'registry.lan': ['192.168.1.5'], 'inside.test': ['127.0.0.1'] } },
  )
  await t.rejects(answer, forbidden)
  t.equal(asked(), 0)
})

t.test('where an upstream lies is where it was connected to', async t => {
  const { port } = await serve(t, (_, response) => response.end('yes'))
  const endpoint = endpointAt(`http://registry.test:${port}`)
  const transport = makeTransport(t, {
    names: { 'registry.test': ['127.0.0.1'], 'inside.test': ['127.0.0.1'] },
  })
  await bodyOf(await transport.request(question(endpoint.url, endpoint)))
  const followed = question(`http://inside.test:${port}/`, endpoint, { trust: 'follow' })
  t.equal(await bodyOf(await transport.request(followed)), 'yes')
})

t.test('the configured address itself needs no leave, also when followed to', async t => {
  const { port } = await serve(t, (_, response) => response.end('yes'))
  const endpoint = endpointAt(`http://127.0.0.1:${port}`)
  const transport = makeTransport(t)
  for (const trust of ['endpoint', 'follow'] as const) {
    const answer = await transport.request(question(`${endpoint.url}/x`, endpoint, { trust }))
    t.equal(await bodyOf(answer), 'yes')
  }
})

t.test('what "*" allows lies at public addresses only, followed or not', async t => {
  let asked = 0
  const { port } = await serve(t, (_, response) => {
    asked += 1
    response.end()
  })
  const transport = makeTransport(t, { names: { 'any.test': ['127.0.0.1'] } })
  for (const host of ['any.test', '127.0.0.1']) {
    const endpoint = endpointAt(`http://${host}:${port}`, { publicOnly: true })
    for (const trust of ['endpoint', 'follow'] as const) {
      const asking = transport.request(question(endpoint.url, endpoint, { trust }))
      await t.rejects(asking, forbidden)
    }
  }
  t.equal(asked, 0)
})

t.test('a kept connection to an upstream is not lent to another that may not go there', async t => {
  const { port } = await serve(t, (_, response) => response.end('private'))
  const transport = makeTransport(t, { names: { 'registry.test': ['93.184.216.34'] } })
  const url = `http://127.0.0.1:${port}`
  await bodyOf(await transport.request(question(url, endpointAt(url))))
  const stranger = question(url, endpointAt(publicRegistry), { trust: 'follow' })
  await t.rejects(transport.request(stranger), forbidden)
})
