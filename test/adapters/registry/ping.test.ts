import t from 'tap'
import { createPing } from '../../../src/adapters/registry/ping.ts'
import type { Fault } from '../../support/registry-faults.ts'
import { endpointAt, makeTransport } from './support/transport.ts'
import { failsAs, never, serveRegistry } from './support/upstream.ts'

const challenge = { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/token"' }

const alive: readonly (Fault | undefined)[] = [
  undefined,
  { do: 'status', status: 401, headers: challenge },
  { do: 'status', status: 403, code: 'DENIED' },
  { do: 'status', status: 404, code: 'UNSUPPORTED' },
  { do: 'status', status: 429 },
  { do: 'status', status: 500 },
]
for (const fault of alive) {
  t.test(`${JSON.stringify(fault ?? 'a plain answer')} is a registry`, async t => {
    const registry = await serveRegistry(t)
    if (fault !== undefined) registry.fault(fault)
    const ping = createPing(makeTransport(t))
    await ping(endpointAt(registry.url), never)
    t.strictSame(
      registry.log.map(({ method, path }) => [method, path]),
      [['GET', '/v2/']],
      'asked once, without a dance',
    )
  })
}

const dead: readonly Fault[] = [
  { do: 'portal' },
  { do: 'portal', status: 403 },
  { do: 'portal', status: 511 },
  { do: 'status', status: 404, body: 'not here' },
  { do: 'not-http' },
  { do: 'reset' },
]
for (const fault of dead) {
  t.test(`${JSON.stringify(fault)} is none`, async t => {
    const registry = await serveRegistry(t)
    const active = registry.fault(fault)
    const ping = createPing(makeTransport(t))
    await t.rejects(ping(endpointAt(registry.url), never), { code: 'unreachable' })
    t.equal(active.hits, 1)
  })
}

t.test('a redirect to a page is none', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'portal', to: `${registry.url}/login` }, { kind: 'ping' })
  const ping = createPing(makeTransport(t))
  await failsAs(t, ping(endpointAt(registry.url), never), 'unreachable', 'portal')
})

t.test('silence ends with the signal', async t => {
  const registry = await serveRegistry(t)
  registry.freeze()
  const ended = new AbortController()
  const answer = createPing(makeTransport(t))(endpointAt(registry.url), ended.signal)
  await registry.waitFor(log => log.length > 0)
  ended.abort(new Error('ended'))
  await t.rejects(answer, { message: 'ended' })
})
