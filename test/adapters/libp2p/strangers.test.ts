import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { createKeyedEncrypters } from '../../../src/adapters/libp2p/keyed-encrypters.ts'
import { createOwnStart } from '../../../src/ports/own-start.ts'
import { clusterKeyOf } from '../../support/cluster-keys.ts'
import { until } from '../../system/support/process.ts'
import { dialPlain, openSocket, startBus, startPlain, startWith } from './support.ts'

const soon = (): AbortSignal => AbortSignal.timeout(10_000)

t.test(
  'libp2p without a cluster key is refused both ways, long before a dial is given up',
  async t => {
    const { bus, address, changes } = await startBus(t)
    const stranger = await startPlain(t)
    const beganMs = performance.now()
    await t.rejects(dialPlain(stranger.node, address), { name: 'EncryptionFailedError' })
    await t.rejects(bus.dial(stranger.address, soon()), { code: 'refused' })
    t.ok(performance.now() - beganMs < 5_000, `${performance.now() - beganMs} ms`)
    t.strictSame(changes, [])
  },
)

t.test('who knows a key id and not the key is refused', async t => {
  const { address, changes } = await startBus(t, { key: 'right' })
  // The same name on the wire, with another secret behind it.
  const forged = { id: clusterKeyOf('right').id, secret: randomBytes(32) }
  const node = await startWith(
    t,
    createKeyedEncrypters([forged], createOwnStart(randomBytes(8))).first,
  )
  await t.rejects(dialPlain(node, address), { name: 'EncryptionFailedError' })
  t.strictSame(changes, [])
})

t.test(
  'a seed that is the port of something else is told from one that refuses our key',
  async t => {
    const { bus } = await startBus(t)
    const web = createHttpServer((_request, response) => response.end())
    // As a TLS server does with what is no TLS.
    const ending = createServer(socket => void socket.on('error', () => {}).end())
    for (const [server, code] of [
      [web, 'no-mesh'],
      [ending, 'hung-up'],
    ] as const) {
      server.listen(0, '127.0.0.1')
      t.teardown(() => server.close())
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      await t.rejects(bus.dial(`127.0.0.1:${port}`, soon()), { code })
    }
    const other = await startBus(t, { key: 'other' })
    await t.rejects(bus.dial(other.address, soon()), { code: 'refused' })
  },
)

t.test('200 connections of garbage and silence harm nobody', async t => {
  const one = await startBus(t)
  const other = await startBus(t)
  await one.bus.dial(other.address, soon())
  const sockets = Array.from({ length: 200 }, (_, at) => {
    const socket = openSocket(t, one.address, '127.0.0.2')
    if (at % 2 === 0) socket.once('connect', () => socket.write(randomBytes(20_000)))
    return socket
  })
  let closed = 0
  for (const socket of sockets) {
    socket.once('close', () => {
      closed += 1
    })
  }
  const newcomer = await startBus(t)
  t.equal(await newcomer.bus.dial(one.address, soon()), one.bus.self)
  await newcomer.bus.publish(Buffer.from('in between'))
  await until('both hear it', () => one.heard.length > 0 && other.heard.length > 0)
  await until('all of them are closed', () => closed === 200)
  t.strictSame(one.changes, ['joined', 'joined'])
  t.equal(one.bus.neighbours().length, 2)
})
