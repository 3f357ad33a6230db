import { randomBytes } from 'node:crypto'
import { get as getInClear } from 'node:http'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { digestOf } from '../../../src/oci/digest.ts'
import type { BlobReader } from '../../../src/ports/content-store.ts'
import type { PeerAnswer, PeerBlobQuestion, PeerService } from '../../../src/ports/peer-port.ts'
import {
  connectMember,
  makeClient,
  makeIdentity,
  never,
  options,
  startServer,
  until,
} from './support.ts'

const bytes = randomBytes(500_000)
const digest = digestOf(bytes)
const repository = { registry: 'registry.lab:5000', repository: 'team/app' }
const question: PeerBlobQuestion = {
  digest,
  repository,
  offset: 0,
  relay: false,
  priority: 'pull',
}
const opening = { signal: never, firstByteMs: 10_000 }
const one = Buffer.of(1)

function readerOf(
  content: Uint8Array,
  onRead: (position: number) => Promise<number> | undefined = () => undefined,
): BlobReader & { readonly state: { closed: number; reads: number } } {
  const state = { closed: 0, reads: 0 }
  return {
    state,
    size: content.length,
    async read(into, position) {
      state.reads += 1
      const until = (await onRead(position)) ?? content.length
      const part = content.subarray(position, Math.min(position + into.length, until))
      into.set(part)
      return part.length
    },
    close: async () => {
      state.closed += 1
    },
  }
}

const echoing: Partial<PeerService> = { answers: new Map([['echo', async q => q]]) }
const holding: Partial<PeerService> = { openBlob: async () => readerOf(bytes) }
const blobPath = `/peer/1/blobs/${digest}?repository=registry.lab:5000/team/app`

/** Sends one request by hand and reads what comes until the connection ends. */
async function ask(socket: TLSSocket, method: string, path: string, ...lines: readonly string[]) {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  const head = [`${method} ${path} HTTP/1.1`, 'Host: peer', 'Connection: close', ...lines]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  await new Promise<void>(resolve => void socket.once('close', () => resolve()))
  const all = Buffer.concat(chunks)
  const end = all.indexOf('\r\n\r\n')
  const text = all.toString('latin1', 0, Math.max(end, 0))
  return { status: Number(text.split(' ')[1]), head: text, body: all.subarray(end + 4) }
}

t.test('ranges of all sorts are answered as RFC 9110 says', async t => {
  const server = await startServer(t, holding)
  const size = bytes.length
  for (const [range, start, end] of [
    ['bytes=0-', 0, size],
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=-10', size - 10, size],
    ['bytes=-9999999', 0, size],
    [`bytes=${size - 1}-`, size - 1, size],
    ['bytes=5-99999999999999999999', 5, size],
  ] as const) {
    const answer = await ask(await connectMember(t, server), 'GET', blobPath, `Range: ${range}`)
    t.equal(answer.status, 206, range)
    t.match(answer.head, `Content-Range: bytes ${start}-${end - 1}/${size}`, range)
    t.ok(answer.body.equals(bytes.subarray(start, end)), range)
  }
  for (const range of [`bytes=${size}-`, 'bytes=-0', 'bytes=99999999999999999999-']) {
    const answer = await ask(await connectMember(t, server), 'GET', blobPath, `Range: ${range}`)
    t.equal(answer.status, 416, range)
  }
  for (const range of ['bytes=0-1,5-6', 'bytes=9-1', 'lines=1-2', 'bytes=-']) {
    const answer = await ask(await connectMember(t, server), 'GET', blobPath, `Range: ${range}`)
    t.equal(answer.status, 200, range)
    t.ok(answer.body.equals(bytes), range)
  }
})

t.test('what is no question of ours is told so, and costs nobody else anything', async t => {
  const server = await startServer(t, { ...holding, ...echoing })
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/peer/2/blobs/x'],
    ['GET', '/peer/1/blobs/sha256:zz?repository=a.b/c'],
    ['GET', `/peer/1/blobs/${digest}`],
    ['GET', `/peer/1/blobs/${digest}?repository=UPPER/../..`],
    ['DELETE', blobPath],
    ['GET', '/peer/1/call/echo'],
    ['POST', '/peer/1/call/../../echo'],
    ['GET', `/peer/1/chunks/${digest}?repository=a.b/c&first=-1`],
  ] as const) {
    const answer = await ask(await connectMember(t, server), method, path, 'Content-Length: 0')
    t.equal(answer.status, 400, `${method} ${path}`)
    t.match(String(answer.body), '{"code":"malformed"}')
  }
})

t.test('a question that is too large is not taken in', async t => {
  let asked = 0
  const answers = new Map([['count', async () => Buffer.of(++asked)]])
  const server = await startServer(t, { answers }, { bounds: { questionBytes: 1_000 } })
  const told = await ask(
    await connectMember(t, server),
    'POST',
    '/peer/1/call/count',
    'Content-Length: 1001',
  )
  t.equal(told.status, 413)
  const chunked = await connectMember(t, server)
  const answer = ask(chunked, 'POST', '/peer/1/call/count', 'Transfer-Encoding: chunked')
  const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`
  const feed = setInterval(() => chunked.write(chunk), 1)
  t.equal((await answer).status, 413)
  clearInterval(feed)
  t.equal(asked, 0)
  const client = makeClient(t, { [server.id]: [server.address] })
  const huge = Buffer.alloc(1024 * 1024 + 1)
  await t.rejects(client.call(server.id, 'count', huge, options), { code: 'protocol' })
})

t.test('a member whose request does not come to its end is cut', async t => {
  const server = await startServer(t, echoing, { bounds: { headMs: 300, requestMs: 300 } })
  const slowHead = await connectMember(t, server)
  const drip = setInterval(() => slowHead.write('x-a: b\r\n'), 20)
  slowHead.write('GET / HTTP/1.1\r\n')
  const slowBody = await connectMember(t, server)
  slowBody.write('POST /peer/1/call/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n')
  await Promise.all(
    [slowHead, slowBody].map(
      socket => new Promise<void>(resolve => void socket.once('close', () => resolve())),
    ),
  )
  clearInterval(drip)
  await until(() => server.server.connections().length === 0)
})

t.test('a head that is too long is not read', async t => {
  const server = await startServer(t, echoing)
  const answer = await ask(await connectMember(t, server), 'GET', '/', `X: ${'y'.repeat(100_000)}`)
  t.ok(Number.isNaN(answer.status) || answer.status >= 400)
})

t.test('too much of one node is busy, and others are served', async t => {
  const { promise: free, resolve } = Promise.withResolvers<void>()
  const answers = new Map([
    [
      'wait',
      async () => {
        await free
        return one
      },
    ],
    ['echo', async () => one],
  ])
  const server = await startServer(
    t,
    { answers },
    { bounds: { questionsPerPeer: 3, questions: 5 } },
  )
  const addresses = { [server.id]: [server.address] }
  const [first, second, third] = [0, 1, 2].map(() => makeClient(t, addresses))
  if (first === undefined || second === undefined || third === undefined) throw new Error()
  const waiting = [0, 1, 2].map(() => first.call(server.id, 'wait', one, options))
  await until(() => first.connections().length === 3)
  let refused = false
  while (!refused) {
    const asked = first.call(server.id, 'echo', one, options)
    refused = await asked.then(
      () => false,
      error => error.code === 'busy',
    )
  }
  t.same(await second.call(server.id, 'echo', one, options), one)
  const more = [0, 1].map(() => second.call(server.id, 'wait', one, options))
  while (
    await third.call(server.id, 'echo', one, options).then(
      () => true,
      () => false,
    )
  );
  await t.rejects(third.call(server.id, 'echo', one, options), { code: 'busy' })
  resolve()
  await Promise.all([...waiting, ...more])
  t.same(await first.call(server.id, 'echo', one, options), one)
})

t.test('transfers do not keep small questions waiting', async t => {
  const { promise: free, resolve } = Promise.withResolvers<number>()
  const server = await startServer(t, {
    ...echoing,
    openBlob: async () => readerOf(bytes, at => (at === 0 ? Promise.resolve(1_000) : free)),
  })
  const client = makeClient(t, { [server.id]: [server.address] }, { stallMs: 60_000 })
  const blobs = await Promise.all(
    Array.from({ length: 32 }, () => client.openBlob(server.id, question, opening)),
  )
  t.same(await client.call(server.id, 'echo', one, options), one)
  const late = client.openBlob(server.id, question, { signal: never, firstByteMs: 50 })
  await t.rejects(late, { code: 'busy' }, 'one more has to wait, which says nothing of the node')
  resolve(bytes.length)
  for (const { body } of blobs) for await (const _ of body);
  t.ok(await client.openBlob(server.id, question, opening))
})

t.test('a reader that takes nothing is cut, and its blob closed', async t => {
  const reader = readerOf(Buffer.alloc(64 * 1024 * 1024))
  const server = await startServer(
    t,
    { openBlob: async () => reader },
    { bounds: { takeWithinMs: 150 } },
  )
  const socket = await connectMember(t, server)
  socket.pause()
  socket.write(`GET ${blobPath} HTTP/1.1\r\nHost: peer\r\n\r\n`)
  await until(() => reader.state.closed === 1)
  await until(() => server.server.connections().length === 0)
  t.ok(reader.state.reads < 256)
})

t.test('an answer that never comes is ended, and its place is free again', async t => {
  const signals: AbortSignal[] = []
  const answers = new Map<string, PeerAnswer>([
    [
      'never',
      (_question, _from, signal) => {
        signals.push(signal)
        return new Promise<never>(() => {})
      },
    ],
    ['echo', async () => one],
  ])
  const server = await startServer(
    t,
    { answers },
    { bounds: { answerMs: 50, questionsPerPeer: 1 } },
  )
  const client = makeClient(t, { [server.id]: [server.address] })
  await t.rejects(client.call(server.id, 'never', one, options), { code: 'protocol' })
  t.ok(signals[0]?.aborted)
  await until(() => server.server.connections().length === 1)
  t.same(await client.call(server.id, 'echo', one, options), one)
})

t.test('closing lets what runs end, and cuts it when that takes too long', async t => {
  for (const [graceMs, isWhole] of [
    [60_000, true],
    [50, false],
  ] as const) {
    const { promise: free, resolve } = Promise.withResolvers<number>()
    const reader = readerOf(bytes, at => (at === 0 ? Promise.resolve(1_000) : free))
    const { id, address, server } = await startServer(
      t,
      { ...echoing, openBlob: async () => reader },
      { graceMs },
    )
    const client = makeClient(t, { [id]: [address] }, { stallMs: 60_000 })
    await client.call(id, 'echo', one, options)
    const { body } = await client.openBlob(id, question, opening)
    const sinceMs = performance.now()
    const closed = server.close()
    await t.rejects(client.call(id, 'echo', one, options), { code: 'unreachable' })
    if (isWhole) resolve(bytes.length)
    const read = async () => {
      let length = 0
      for await (const chunk of body) length += chunk.length
      return length
    }
    if (isWhole) t.equal(await read(), bytes.length)
    else await t.rejects(read(), { code: 'unreachable' })
    await closed
    t.ok(performance.now() - sinceMs < 10_000)
    await until(() => reader.state.closed === 1)
    resolve(0)
  }
})

t.test('closing ends idle and half-open connections at once', async t => {
  const { id, address, port, server } = await startServer(t, echoing, { graceMs: 60_000 })
  const client = makeClient(t, { [id]: [address] })
  await client.call(id, 'echo', one, options)
  const halfOpen = getInClear({ port, host: '127.0.0.1' })
  halfOpen.on('error', () => {})
  const sinceMs = performance.now()
  await server.close()
  t.ok(performance.now() - sinceMs < 10_000)
  await server.close()
})

t.test('a server that cannot listen says so, and closes', async t => {
  const { port } = await startServer(t)
  const address = { host: '127.0.0.1', port }
  await t.rejects(startServer(t, {}, { address }), { code: 'EADDRINUSE' })
})

t.test('hanging up ends all connections of a node', async t => {
  const { id, address, server } = await startServer(t, echoing)
  const identity = makeIdentity()
  const client = makeClient(t, { [id]: [address] }, { identity })
  await client.call(id, 'echo', one, options)
  server.hangUp(identity.id)
  await until(() => client.connections().length === 0 && server.connections().length === 0)
  t.same(await client.call(id, 'echo', one, options), one, 'it may come again')
})

t.test('200 members with idle connections cost no place, and one more is served', async t => {
  // They say nothing for as long as the others need to come.
  const { id, address, server } = await startServer(t, echoing, { bounds: { headMs: 60_000 } })
  for (let batch = 0; batch < 20; batch += 1) {
    await Promise.all(Array.from({ length: 10 }, () => connectMember(t, { id, address })))
  }
  t.ok(server.connections().length >= 190)
  const client = makeClient(t, { [id]: [address] }, { connectMs: 10_000 })
  t.same(await client.call(id, 'echo', one, options), one)
})

t.test('a blob in doubt is cut as well as one whose source died', async t => {
  const { HoldfastError } = await import('../../../src/ports/errors.ts')
  for (const code of ['blob-in-doubt', 'blob-interrupted'] as const) {
    const sent: unknown[] = []
    const reader = readerOf(bytes, position =>
      position === 0 ? Promise.resolve(1_000) : Promise.reject(new HoldfastError(code, 'no')),
    )
    const { id, address } = await startServer(
      t,
      { openBlob: async () => reader },
      { observer: { blobSent: (...of) => void sent.push(of) } },
    )
    const client = makeClient(t, { [id]: [address] })
    const read = async () => {
      const { body } = await client.openBlob(id, question, opening)
      for await (const _ of body);
    }
    await t.rejects(read(), { code: 'unreachable' }, code)
    await until(() => sent.length > 0)
    t.same(sent, [['pull', 'cut', 1_000]])
  }
})

t.test('hashes of chunks are remembered', async t => {
  const reader = readerOf(bytes)
  const { id, address } = await startServer(t, { openBlob: async () => reader })
  const client = makeClient(t, { [id]: [address] })
  const first = await client.getChunkHashes(id, { digest, repository }, options)
  const { reads } = reader.state
  const second = await client.getChunkHashes(id, { digest, repository }, options)
  t.same(second, first)
  t.equal(reader.state.reads, reads)
  t.equal(reader.state.closed, 2)
})

t.test('under a limit an upload takes its time, and each reader its own', async t => {
  const seconds = async (
    t: Test,
    limits: { uploadBytesPerSecond?: number; uploadPerPeerBytesPerSecond?: number },
  ) => {
    const { id, address } = await startServer(t, holding, limits)
    const sinceMs = performance.now()
    const read = async () => {
      const client = makeClient(t, { [id]: [address] }, { stallMs: 5_000 })
      const { body } = await client.openBlob(id, question, opening)
      for await (const _ of body);
    }
    await Promise.all([read(), read()])
    return (performance.now() - sinceMs) / 1_000
  }
  const rate = 1_000_000
  t.ok((await seconds(t, { uploadBytesPerSecond: rate })) > 0.8, 'two halves of a second')
  const each = await seconds(t, { uploadPerPeerBytesPerSecond: rate })
  t.ok(each > 0.35, 'half a second each')
})
