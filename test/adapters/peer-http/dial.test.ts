import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import t, { type Test } from 'tap'
import { makeClient, makeIdentity, never, options, startServer, until } from './support.ts'

const echo = { answers: new Map([['echo', async (question: Uint8Array) => question]]) }
const one = Buffer.of(1)

/** Takes connections and says nothing. */
async function startSilent(t: Test): Promise<{ address: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    socket.on('error', () => {})
    socket.resume()
    sockets.add(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as { port: number }).port}`, sockets }
}

/** An address at which nobody listens. */
async function closedAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return `127.0.0.1:${port}`
}

t.test(
  'addresses are tried in order, past those that refuse, are silent or are others',
  async t => {
    const { id, address } = await startServer(t, echo)
    const other = await startServer(t, echo)
    const silent = await startSilent(t)
    for (const bad of [
      await closedAddress(),
      silent.address,
      other.address,
      'nonsense',
      'name:1',
    ]) {
      const client = makeClient(t, { [id]: [bad, address] })
      t.same(await client.call(id, 'echo', one, options), one, bad)
    }
  },
)

t.test('a silent address only costs its head start, and is left alone afterwards', async t => {
  const { id, address, server } = await startServer(t, echo)
  const silent = await startSilent(t)
  const client = makeClient(t, { [id]: [silent.address, address] })
  await client.call(id, 'echo', one, options)
  await until(() => [...silent.sockets].every(({ closed }) => closed))
  t.equal(silent.sockets.size, 1)
  // On a busy machine it is tried too when the good one is slow, but never first, which would be each time.
  let tries = 0
  for (let wasTried = true; wasTried && tries < 10; tries += 1) {
    const before = silent.sockets.size
    server.hangUp(server.connections()[0]?.id ?? '')
    await until(() => client.connections().length === 0)
    await client.call(id, 'echo', one, options)
    wasTried = silent.sockets.size > before
  }
  t.ok(tries < 10, 'the last good one is tried first')
})

t.test('when all fail, the most telling failure is told', async t => {
  const [closed, silent] = [await closedAddress(), await startSilent(t)]
  const { id } = makeIdentity()
  const refusing = await startServer(t, echo, { isBanned: () => true })
  for (const [addresses, node, code, connectMs] of [
    [[], id, 'unreachable', 20_000],
    [['nonsense', ':1', 'a:99999', '[1.2.3.4]:5'], id, 'unreachable', 20_000],
    [[closed], id, 'unreachable', 20_000],
    [[closed, silent.address], id, 'timeout', 300],
    // Who refuses must have done so by then.
    [[silent.address, refusing.address], refusing.id, 'refused', 1_500],
  ] as const) {
    const client = makeClient(t, { [node]: addresses }, { connectMs })
    const failure = await client.call(node, 'echo', one, options).catch(error => error)
    t.match(failure, { name: 'PeerFailure', code }, addresses.join())
  }
})

t.test('names are resolved by who was handed in, and all their addresses tried', async t => {
  const { id, address, port } = await startServer(t, echo)
  const asked: string[] = []
  const client = makeClient(
    t,
    { [id]: ['dead.lab:1', `node-1.lab:${port}`] },
    {
      resolveName: async name => {
        asked.push(name)
        if (name === 'dead.lab') throw new Error('no such name')
        return ['127.0.0.2', '127.0.0.1']
      },
    },
  )
  t.same(await client.call(id, 'echo', one, options), one)
  t.same(asked, ['dead.lab', 'node-1.lab'])
  const without = makeClient(t, { [id]: [`node-1.lab:${port}`] })
  await t.rejects(without.call(id, 'echo', one, options), { code: 'unreachable' })
  t.equal(client.connections()[0]?.address, address)
})

const hasIpv6 = Object.values(networkInterfaces()).some(all =>
  all?.some(({ address }) => address === '::1'),
)

t.test('IPv6 is an address like any other', { skip: !hasIpv6 }, async t => {
  const { id, port, server } = await startServer(t, echo, { address: { host: '::', port: 0 } })
  for (const address of [`[::1]:${port}`, `127.0.0.1:${port}`]) {
    const client = makeClient(t, { [id]: [address] })
    t.same(await client.call(id, 'echo', one, options), one, address)
    t.equal(client.connections()[0]?.address, address)
  }
  t.match(server.connections()[0]?.address, /^\[::1\]:\d+$/)
})

t.test('a probe tells who is there, and fails as a dial does', async t => {
  const identity = makeIdentity()
  const { id, address } = await startServer(t, echo)
  const own = await startServer(t, echo, { identity })
  const silent = await startSilent(t)
  const client = makeClient(t, {}, { identity })
  const hasty = makeClient(t, {}, { identity, connectMs: 300 })
  t.equal(await client.probe(address, never), id)
  t.equal(await client.probe(own.address, never), identity.id)
  await t.rejects(client.probe(await closedAddress(), never), { code: 'unreachable' })
  await t.rejects(hasty.probe(silent.address, never), { code: 'timeout' })
  const abort = new AbortController()
  const asking = client.probe(silent.address, abort.signal)
  abort.abort(new Error('changed my mind'))
  await t.rejects(asking, { message: 'changed my mind' })
})

t.test('a closed client asks nobody any more', async t => {
  const { id, address, server } = await startServer(t, echo)
  const client = makeClient(t, { [id]: [address] })
  await client.call(id, 'echo', one, options)
  await client.close()
  await until(() => server.connections().length === 0)
  await t.rejects(client.call(id, 'echo', one, options), { code: 'unreachable' })
  await t.rejects(client.probe(address, never), { code: 'unreachable' })
})
