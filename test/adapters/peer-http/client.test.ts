import { once } from 'node:events'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { testPeerPort } from '../../ports/peer-port.suite.ts'
import { makeClient, makeIdentity, startServer } from './support.ts'

/** A wire between two nodes that stops carrying anything when it is told to. */
async function startWire(t: Test, port: number) {
  const sockets = new Set<Socket>()
  let isFrozen = false
  const server = createServer(near => {
    const far = connectTcp({ port, host: '127.0.0.1' })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('data', chunk => isFrozen || to.write(chunk))
      from.on('close', () => isFrozen || to.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    freeze: () => {
      isFrozen = true
    },
  }
}

testPeerPort(t, async (t, service, { stallMs }) => {
  const { id, port, server } = await startServer(t, service, { graceMs: 0 })
  const wire = await startWire(t, port)
  const identity = makeIdentity()
  return {
    client: makeClient(t, { [id]: [wire.address] }, { identity, stallMs }),
    self: identity.id,
    other: id,
    nobody: makeIdentity().id,
    die: () => server.close(),
    hang: async () => wire.freeze(),
  }
})
