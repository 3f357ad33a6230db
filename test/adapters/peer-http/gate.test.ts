import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { PeerIdentity } from '../../../src/adapters/peer-http/certificate.ts'
import { encodePreface, proofOf } from '../../../src/adapters/peer-http/preface.ts'
import { tlsTerms } from '../../../src/adapters/peer-http/tls-terms.ts'
import type { ClusterKey } from '../../../src/ports/cluster-keys.ts'
import { clusterKeyOf, createChangingKeys } from '../../support/cluster-keys.ts'
import { makeClient, makeIdentity, options, startServer } from './support.ts'

const echo = { answers: new Map([['echo', async (question: Uint8Array) => question]]) }
const request = 'POST /peer/1/call/echo HTTP/1.1\r\nHost: peer\r\nContent-Length: 2\r\n\r\nhi'
const one = Buffer.of(1)

/** Everything that comes until the connection ends. */
async function untilEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('error', () => {})
  if (!socket.closed) await new Promise<void>(resolve => void socket.once('close', () => resolve()))
  return Buffer.concat(chunks)
}

/** TLS by hand; without an identity no certificate is shown. */
async function speakTls(
  t: Test,
  port: number,
  identity: PeerIdentity | undefined,
  change: ConnectionOptions = {},
): Promise<TLSSocket> {
  const { cert, key, ...terms } = tlsTerms(identity ?? makeIdentity())
  const shown = identity === undefined ? {} : { cert, key }
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    ...terms,
    ALPNProtocols: [...terms.ALPNProtocols],
    ...shown,
    ...change,
  })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await new Promise<void>(resolve => {
    socket.once('secureConnect', resolve)
    socket.once('close', () => resolve())
  })
  return socket
}

interface Said {
  readonly key: ClusterKey
  readonly client: string
  readonly server: string
  readonly role?: 'client' | 'server'
}

/** A preface as `said` by the one end of this connection. */
const prefaceOn = (socket: TLSSocket, { key, client, server, role = 'client' }: Said): Buffer =>
  encodePreface('accepted', {
    keyId: key.id,
    proof: proofOf(key, role, { client, server }, socket),
  })

const verdictOf = (bytes: Buffer): number | undefined => bytes[4]
const [unknownKey, wrongProof] = [1, 2]
const isHttp = (bytes: Buffer): boolean => bytes.includes('HTTP/1.1')

t.test('who speaks as the protocol says is let in', async t => {
  const { id, port, server } = await startServer(t, echo)
  const identity = makeIdentity()
  const socket = await speakTls(t, port, identity)
  const key = clusterKeyOf('cluster')
  socket.write(prefaceOn(socket, { key, client: identity.id, server: id }))
  const [preface] = await once(socket, 'data')
  t.equal(verdictOf(preface), 0)
  socket.write(request)
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 200 OK/)
  t.match(server.connections(), [{ id: identity.id, keyId: key.id }])
})

t.test('a request that comes with the preface in one piece is answered too', async t => {
  const { id, port } = await startServer(t, echo)
  const identity = makeIdentity()
  const socket = await speakTls(t, port, identity)
  const preface = prefaceOn(socket, {
    key: clusterKeyOf('cluster'),
    client: identity.id,
    server: id,
  })
  socket.write(
    Buffer.concat([
      preface,
      Buffer.from(request.replace('\r\nHost', '\r\nConnection: close\r\nHost')),
    ]),
  )
  t.match(String(await untilEnd(socket)), /HTTP\/1.1 200 OK/)
})

t.test('who shows no certificate is not let in', async t => {
  const { id, port, refused } = await startServer(t, echo)
  const socket = await speakTls(t, port, undefined)
  socket.write(
    prefaceOn(socket, { key: clusterKeyOf('cluster'), client: 'a'.repeat(64), server: id }),
  )
  socket.write(request)
  t.equal((await untilEnd(socket)).length, 0)
  t.same(refused, ['no-certificate'])
})

t.test('who has not the secret is not let in', async t => {
  const { id, port, refused } = await startServer(t, echo)
  const intruder = makeIdentity()
  const ends = { client: intruder.id, server: id }
  const another = clusterKeyOf('another cluster')
  const disguised = { ...another, id: clusterKeyOf('cluster').id }
  for (const [key, verdict] of [
    [another, unknownKey],
    [disguised, wrongProof],
  ] as const) {
    const socket = await speakTls(t, port, intruder)
    socket.write(Buffer.concat([prefaceOn(socket, { key, ...ends }), Buffer.from(request)]))
    const told = await untilEnd(socket)
    t.equal(verdictOf(told), verdict)
    t.notOk(isHttp(told))
  }
  t.same(refused, ['unknown-key', 'wrong-proof'])
  const client = makeClient(t, { [id]: [`127.0.0.1:${port}`] }, { keys: createChangingKeys('x') })
  await t.rejects(client.call(id, 'echo', one, options), { code: 'refused' })
})

t.test(
  'a proof is worth nothing on another connection, for another node, or in the other role',
  async t => {
    const { id, port, refused } = await startServer(t, echo)
    const key = clusterKeyOf('cluster')
    const [member, thief] = [makeIdentity(), makeIdentity()]
    const overheard = await speakTls(t, port, member)
    const replayed = prefaceOn(overheard, { key, client: member.id, server: id })
    const tries: readonly [PeerIdentity, (socket: TLSSocket) => Buffer][] = [
      [member, () => replayed],
      [thief, () => replayed],
      [thief, socket => prefaceOn(socket, { key, client: member.id, server: id })],
      [member, socket => prefaceOn(socket, { key, client: member.id, server: thief.id })],
      [member, socket => prefaceOn(socket, { key, client: member.id, server: id, role: 'server' })],
    ]
    for (const [identity, preface] of tries) {
      const socket = await speakTls(t, port, identity)
      socket.write(Buffer.concat([preface(socket), Buffer.from(request)]))
      const told = await untilEnd(socket)
      t.equal(verdictOf(told), wrongProof)
      t.notOk(isHttp(told))
    }
    t.same(
      refused,
      tries.map(() => 'wrong-proof'),
    )
  },
)

t.test('a certificate that names another node is taken for the key it has', async t => {
  const asked: string[] = []
  const { id, port } = await startServer(t, {
    answers: new Map([
      [
        'who',
        async (_, from) => {
          asked.push(from)
          return one
        },
      ],
    ]),
  })
  const [liar, victim] = [makeIdentity(), makeIdentity()]
  const cert = Buffer.from(liar.cert.split('\n').slice(1, -2).join(''), 'base64')
  // The name is no part of what counts; the signature of a certificate is not either.
  const forged = Buffer.from(cert.toString('latin1').replaceAll(liar.id, victim.id), 'latin1')
  const pem = `-----BEGIN CERTIFICATE-----\n${forged.toString('base64')}\n-----END CERTIFICATE-----\n`
  const client = makeClient(
    t,
    { [id]: [`127.0.0.1:${port}`] },
    { identity: { ...liar, cert: pem } },
  )
  await client.call(id, 'who', one, options)
  t.same(asked, [liar.id])
})

t.test('a client says nothing to another node than the one it wants', async t => {
  const { id, address, server, refused } = await startServer(t, echo, {
    bounds: { prefaceMs: 60_000 },
  })
  const wanted = makeIdentity().id
  const client = makeClient(t, { [wanted]: [address], [id]: [address] })
  await t.rejects(client.call(wanted, 'echo', one, options), {
    code: 'unreachable',
    message: /another node/,
  })
  t.same(server.connections(), [])
  while (refused.length === 0) await new Promise(setImmediate)
  t.match(refused, [/^(?:tls|no-preface)$/], 'it left before it said anything')
})

t.test('a client says nothing to a server without the secret', async t => {
  const { id, address } = await startServer(t, echo, { keys: createChangingKeys('wrong') })
  const client = makeClient(t, { [id]: [address] })
  await t.rejects(client.call(id, 'echo', one, options), { code: 'refused' })
})

t.test('a server that accepts a proof without making one is refused', async t => {
  const { createServer } = await import('node:tls')
  const fake = makeIdentity()
  const terms = tlsTerms(fake)
  const got: Buffer[] = []
  const server = createServer(
    { ...terms, ALPNProtocols: [...terms.ALPNProtocols], requestCert: true },
    socket => {
      socket.on('error', () => {})
      socket.once('data', preface => {
        // The client's own proof, sent back.
        socket.write(preface)
        socket.on('data', chunk => got.push(chunk))
      })
    },
  ).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = makeClient(t, { [fake.id]: [`127.0.0.1:${port}`] })
  await t.rejects(client.call(fake.id, 'echo', one, options), { code: 'refused' })
  t.same(got, [], 'no byte of a request')
})

t.test('a banned node is refused, also one that is connected already', async t => {
  const banned = new Set<string>()
  const { id, address, refused } = await startServer(t, echo, {
    isBanned: node => banned.has(node),
  })
  const identity = makeIdentity()
  const judges: string[] = []
  const onBanned = (by: string) => void judges.push(by)
  const client = makeClient(t, { [id]: [address] }, { identity, onBanned })
  await client.call(id, 'echo', one, options)
  t.same(judges, [])
  banned.add(identity.id)
  await t.rejects(client.call(id, 'echo', one, options), { name: 'PeerFailure', code: 'refused' })
  t.same(judges, [id], 'it is told who banned it')
  t.same(refused, ['banned'])
})

t.test('a node that we banned is not asked', async t => {
  const { id, address, server } = await startServer(t, echo)
  const client = makeClient(t, { [id]: [address] }, { isBanned: node => node === id })
  await t.rejects(client.call(id, 'echo', one, options), { code: 'refused' })
  await t.rejects(client.probe(address, options.signal), { code: 'refused' })
  t.same(server.connections(), [])
})

t.test('keys change one after the other without anybody being refused', async t => {
  const [ours, theirs] = [createChangingKeys('old'), createChangingKeys('old')]
  const { id, address, server } = await startServer(t, echo, { keys: theirs })
  const client = makeClient(t, { [id]: [address] }, { keys: ours })
  const ask = () => client.call(id, 'echo', one, options)
  const keysUsed = () => new Set(server.connections().map(({ keyId }) => keyId))
  for (const [keys, ...names] of [
    [theirs, 'old', 'new'],
    [ours, 'old', 'new'],
    [theirs, 'new', 'old'],
    [ours, 'new', 'old'],
    [theirs, 'new'],
    [ours, 'new'],
  ] as const) {
    keys.set(...names)
    t.same(await ask(), one, names.join())
  }
  t.same(keysUsed(), new Set([clusterKeyOf('new').id]))
})

t.test('whoever has one of several keys is reached with it, in the order they stand', async t => {
  const client = { keys: createChangingKeys('new', 'old', 'older') }
  for (const [known, used] of [
    [['older', 'old'], 'old'],
    [['older'], 'older'],
    [['old', 'new'], 'new'],
  ] as const) {
    const keys = createChangingKeys(...known)
    const { id, address, server } = await startServer(t, echo, { keys })
    t.same(await makeClient(t, { [id]: [address] }, client).call(id, 'echo', one, options), one)
    t.match(server.connections(), [{ keyId: clusterKeyOf(used).id }], known.join())
  }
  const { id, address, refused } = await startServer(t, echo, {
    keys: createChangingKeys('another'),
  })
  const asking = makeClient(t, { [id]: [address] }, client).call(id, 'echo', one, options)
  await t.rejects(asking, { code: 'refused' })
  t.same(refused, ['unknown-key', 'unknown-key', 'unknown-key'])
})

t.test(
  'a dropped key ends the connections made with it, on either side, and no others',
  async t => {
    for (const dropper of ['server', 'client'] as const) {
      const keys = {
        server: createChangingKeys('old', 'new'),
        client: createChangingKeys('old', 'new'),
      }
      const { id, address, server } = await startServer(t, echo, { keys: keys.server })
      const modern = makeClient(t, { [id]: [address] }, { keys: createChangingKeys('new') })
      const client = makeClient(t, { [id]: [address] }, { keys: keys.client })
      await client.call(id, 'echo', one, options)
      await modern.call(id, 'echo', one, options)
      t.equal(server.connections().length, 2)
      t.equal(client.connections().length, 1)
      keys[dropper].set('new')
      while (client.connections().length > 0) await new Promise(setImmediate)
      while (server.connections().length > 1) await new Promise(setImmediate)
      t.match(server.connections(), [{ keyId: clusterKeyOf('new').id }])
      if (dropper === 'server') {
        await client.call(id, 'echo', one, options)
        t.match(client.connections(), [{ keyId: clusterKeyOf('new').id }], 'the next key is tried')
      }
    }
  },
)

t.test('what is no member gets nothing, however it speaks', async t => {
  const { port, refused, server } = await startServer(t, echo, {
    bounds: { handshakeMs: 20_000, prefaceMs: 20_000 },
  })
  const plain = async (bytes: Uint8Array | string) => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.write(bytes)
    return untilEnd(socket)
  }
  t.notOk(isHttp(await plain('GET /peer/1/blobs/x HTTP/1.1\r\nHost: a\r\n\r\n')), 'plain HTTP')
  t.notOk(isHttp(await plain(randomBytes(100_000))), 'garbage')
  const untrusted = makeIdentity()
  const member = await speakTls(t, port, untrusted)
  member.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal((await untilEnd(member)).length, 0, 'HTTP in place of a proof')
  const noisy = await speakTls(t, port, untrusted)
  noisy.write(randomBytes(100_000))
  t.equal((await untilEnd(noisy)).length, 0, 'garbage in place of a proof')
  const old = await speakTls(t, port, untrusted, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
  t.equal((await untilEnd(old)).length, 0, 'TLS 1.2')
  t.same(refused, ['tls', 'tls', 'no-preface', 'no-preface', 'tls'])
  t.same(server.connections(), [])
})

t.test('who is silent or slow is cut in time', async t => {
  const mute = await startServer(t, echo, { bounds: { handshakeMs: 200 } })
  const { port, refused } = await startServer(t, echo, { bounds: { prefaceMs: 200 } })
  const sinceMs = performance.now()
  await untilEnd(connectTcp(mute.port, '127.0.0.1'))
  const silent = await speakTls(t, port, makeIdentity())
  await untilEnd(silent)
  const slow = await speakTls(t, port, makeIdentity())
  const bytes = encodePreface('accepted')
  let at = 0
  const drip = setInterval(() => slow.write(bytes.subarray(at, ++at)), 20)
  await untilEnd(slow)
  clearInterval(drip)
  // By default each of them has ten seconds.
  t.ok(performance.now() - sinceMs < 8_000)
  t.same(mute.refused, ['tls'])
  t.same(refused, ['no-preface', 'no-preface'])
})

t.test('connections that prove nothing keep no member out', async t => {
  const { id, address, port } = await startServer(t, echo, {
    bounds: { pending: 50, handshakeMs: 60_000 },
  })
  const idle = Array.from({ length: 200 }, () => connectTcp(port, '127.0.0.1'))
  t.teardown(() => {
    for (const socket of idle) socket.destroy()
  })
  for (const socket of idle) socket.on('error', () => {})
  await Promise.all(idle.map(socket => once(socket, 'connect')))
  const client = makeClient(t, { [id]: [address] }, { connectMs: 10_000 })
  t.same(await client.call(id, 'echo', one, options), one)
  while (idle.filter(({ closed }) => !closed).length > 50) await new Promise(setImmediate)
})

t.test('one member has only so many connections', async t => {
  const { id, address } = await startServer(
    t,
    {
      answers: new Map([
        ['wait', () => new Promise<never>(() => {})],
        ['echo', async () => one],
      ]),
    },
    { bounds: { connectionsPerPeer: 2 } },
  )
  const client = makeClient(t, { [id]: [address] })
  const abort = new AbortController()
  const waiting = { signal: abort.signal, timeoutMs: 60_000 }
  const busy = [1, 2].map(() => client.call(id, 'wait', one, waiting).catch(() => {}))
  while (client.connections().length < 2) await new Promise(setImmediate)
  await t.rejects(client.call(id, 'echo', one, options), { code: 'busy' })
  const other = makeClient(t, { [id]: [address] })
  t.same(await other.call(id, 'echo', one, options), one)
  abort.abort()
  await Promise.all(busy)
})
