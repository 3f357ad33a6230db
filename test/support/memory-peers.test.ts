import t from 'tap'
import { testPeerPort } from '../ports/peer-port.suite.ts'
import { createMemoryPeers, nodeIdOf } from './memory-peers.ts'

const [self, other, nobody] = [nodeIdOf(1), nodeIdOf(2), nodeIdOf(3)]

testPeerPort(t, async (_t, service, { stallMs }) => {
  const network = createMemoryPeers({ stallMs })
  const { client } = network.join(self)
  const { faults } = network.join(other, service)
  return {
    client,
    self,
    other,
    nobody,
    die: async () => {
      faults.dead = true
    },
    hang: async () => {
      faults.silent = true
    },
  }
})

t.test('nodes on two sides of a partition do not reach each other, until it heals', async t => {
  const network = createMemoryPeers()
  const { client } = network.join(self)
  network.join(other, { answers: new Map([['x', async () => Buffer.of(1)]]) })
  const ask = () =>
    client.call(other, 'x', Buffer.alloc(0), {
      signal: new AbortController().signal,
      timeoutMs: 1_000,
    })
  network.partition([self], [other])
  await t.rejects(ask(), { code: 'unreachable' })
  network.partition()
  t.same(await ask(), [1])
})

t.test('a lie reaches who reads, and counts as fired', async t => {
  const network = createMemoryPeers()
  const { client } = network.join(self)
  const liar = network.join(other, {
    getManifest: async () => ({ mediaType: 'text/plain', bytes: Buffer.from('good') }),
  })
  liar.faults.lie = () => Buffer.from('evil')
  const got = await client.getManifest(
    other,
    `sha256:${'a'.repeat(64)}` as never,
    { registry: 'a.b', repository: 'c' },
    { signal: new AbortController().signal, timeoutMs: 1_000 },
  )
  t.equal(String(got.bytes), 'evil')
  t.equal(liar.fired(), 1)
})
