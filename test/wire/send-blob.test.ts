import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { BlobReader } from '../../src/ports/content-store.ts'
import { HoldfastError } from '../../src/ports/errors.ts'
import { createBufferPool } from '../../src/wire/buffer-pool.ts'
import { type SendOutcome, sendBlob } from '../../src/wire/send-blob.ts'
import { blobOf } from '../http/support.ts'
import { connectRaw, type RawClient } from '../support/raw-http.ts'

const chunk = 64 * 1024
const bytes = Buffer.alloc(10 * chunk + 77, 0)
for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(i, i > bytes.length - 4 ? 0 : i)

/** A server that sends this blob to whoever asks, and what became of it. */
async function serve(
  t: Test,
  blob: BlobReader,
  { start = 0, end = blob.size, headHeldMs = 5_000 } = {},
): Promise<{ client: RawClient; outcome: Promise<SendOutcome>; lent: () => number }> {
  const inner = createBufferPool({ bufferBytes: chunk })
  const out = new Set<Buffer>()
  const pool = {
    bufferBytes: chunk,
    take: () => {
      const buffer = inner.take()
      if (out.has(buffer)) throw new Error('a buffer was lent twice')
      out.add(buffer)
      return buffer
    },
    give: (buffer: Buffer) => {
      if (!out.delete(buffer)) throw new Error('a buffer was given back twice')
      // Whatever still reads from it would send this.
      buffer.fill(0xee)
      inner.give(buffer)
    },
  }
  const { promise: outcome, resolve, reject } = Promise.withResolvers<SendOutcome>()
  const onRequest = (_request: unknown, response: ServerResponse): void => {
    const begin = (): void => void response.writeHead(200, ['Content-Length', String(end - start)])
    sendBlob(response, blob, { start, end }, { pool, begin, headHeldMs })
      .then(done => {
        if (done.kind === 'not-begun') response.writeHead(503, ['Content-Length', '0']).end()
        resolve(done)
      })
      .catch(reject)
  }
  const server = createServer(onRequest).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await connectRaw((server.address() as AddressInfo).port)
  t.teardown(() => {
    client.close()
    server.close()
  })
  return { client, outcome, lent: () => out.size }
}

t.test('every byte arrives once and in order, whatever the reads come to', async t => {
  for (const [name, onRead] of [
    ['full reads', () => undefined],
    ['short reads', (position: number) => position + 1000],
    ['reads of one byte at the seams', (p: number) => (p % chunk === 0 ? p + 1 : undefined)],
    ['slow reads', async () => void (await new Promise(setImmediate))],
  ] as const) {
    const blob = blobOf(bytes, onRead)
    const { client, outcome, lent } = await serve(t, blob)
    const answer = await client.ask('GET', '/')
    t.equal(answer.end, 'complete', name)
    t.ok(answer.body.equals(bytes), name)
    t.same(await outcome, { kind: 'sent', bytes: bytes.length }, name)
    t.equal(blob.state.closed, 1, name)
    t.equal(lent(), 0, `${name}: no buffer is kept`)
  }
})

t.test('a span is sent and nothing around it', async t => {
  for (const [start, end] of [
    [5, 6],
    [chunk - 1, 3 * chunk + 1],
    [bytes.length - 1, bytes.length],
    [7, 7],
  ] as const) {
    const { client, outcome } = await serve(t, blobOf(bytes), { start, end })
    const answer = await client.ask('GET', '/')
    t.ok(answer.body.equals(bytes.subarray(start, end)), `${start}-${end}`)
    t.match(await outcome, { kind: 'sent', bytes: end - start })
  }
})

t.test('a client that reads slowly sets the pace and gets every byte', async t => {
  const big = Buffer.alloc(64 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz')
  const blob = blobOf(big)
  const { client, outcome } = await serve(t, blob)
  client.socket.pause()
  client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  let readsBefore = -1
  while (readsBefore !== blob.state.reads) {
    readsBefore = blob.state.reads
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
  }
  t.ok(blob.state.reads < big.length / chunk / 2, 'reading stopped when nobody took the bytes')
  let received = 0
  client.socket.removeAllListeners('data')
  client.socket.on('data', data => {
    received += data.length
  })
  client.socket.resume()
  t.match(await outcome, { kind: 'sent', bytes: big.length })
  while (received < big.length) await once(client.socket, 'data')
  t.ok(received > big.length)
})

t.test(
  'a source that dies is cut by FIN, with all good bytes delivered and never the last',
  async t => {
    const died = 4 * chunk + 10
    const blob = blobOf(bytes, position => {
      if (position >= died) throw new HoldfastError('blob-interrupted', 'the source died')
      return died
    })
    const { client, outcome, lent } = await serve(t, blob)
    const answer = await client.ask('GET', '/')
    t.equal(answer.end, 'FIN')
    t.ok(answer.body.equals(bytes.subarray(0, died)), 'what was good is there')
    t.match(await outcome, { kind: 'cut', by: 'FIN', bytes: died })
    t.equal(blob.state.closed, 1)
    t.equal(lent(), 0)
  },
)

t.test('a byte in doubt is cut by RST', async t => {
  for (const code of ['blob-in-doubt', 'wrong-digest'] as const) {
    // A RST takes away what was not read yet, so the first bytes must have arrived.
    const arrived = Promise.withResolvers<void>()
    const blob = blobOf(bytes, async position => {
      if (position < bytes.length - 1) return bytes.length - 1
      await arrived.promise
      throw new HoldfastError(code, 'does not hash')
    })
    const { client, outcome } = await serve(t, blob)
    const answer = client.ask('GET', '/')
    await once(client.socket, 'data')
    arrived.resolve()
    const { end, body } = await answer
    t.equal(end, 'RST', code)
    t.ok(body.length < bytes.length, 'the last byte never came')
    t.match(await outcome, { kind: 'cut', by: 'RST' })
  }
})

t.test('a reader that ends early is a source that died', async t => {
  const blob = blobOf(bytes, () => 5)
  const { client, outcome } = await serve(t, blob)
  const answer = await client.ask('GET', '/')
  t.equal(answer.end, 'FIN')
  t.equal(answer.body.length, 5)
  t.match(await outcome, { kind: 'cut', error: { code: 'blob-interrupted' } })
})

t.test('what fails before its first byte can still be answered with a status', async t => {
  const blob = blobOf(bytes, () => {
    throw new HoldfastError('blob-interrupted', 'nobody has it')
  })
  const { client, outcome, lent } = await serve(t, blob)
  t.equal((await client.ask('GET', '/')).status, 503)
  t.match(await outcome, { kind: 'not-begun', error: { code: 'blob-interrupted' } })
  t.equal(blob.state.closed, 1)
  t.equal(lent(), 0)
})

t.test('the head does not wait for bytes that come late', async t => {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const blob = blobOf(bytes, () => promise)
  const { client, outcome } = await serve(t, blob, { headHeldMs: 1 })
  const answer = client.ask('GET', '/')
  const [head] = await once(client.socket, 'data')
  t.match(String(head), /^HTTP\/1.1 200/)
  resolve(undefined)
  t.ok((await answer).body.equals(bytes))
  t.match(await outcome, { kind: 'sent' })
})

t.test('a client that leaves ends the reading, in a read and in a write', async t => {
  const waiting = Promise.withResolvers<undefined>()
  const reading = Promise.withResolvers<void>()
  const stuck = blobOf(bytes, position => {
    if (position === 0) return 100
    reading.resolve()
    return waiting.promise
  })
  const first = await serve(t, stuck)
  first.client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await reading.promise
  first.client.close()
  t.match(await first.outcome, { kind: 'client-left' })
  t.equal(stuck.state.closed, 1)
  t.equal(first.lent(), 1, 'a buffer that is still read into is not lent to anybody else')
  waiting.resolve(undefined)
  await new Promise(setImmediate)
  t.equal(first.lent(), 0)

  const big = blobOf(Buffer.alloc(64 * 1024 * 1024))
  const second = await serve(t, big)
  second.client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(second.client.socket, 'data')
  second.client.close()
  t.match(await second.outcome, { kind: 'client-left' })
  t.ok(big.state.reads < (64 * 1024 * 1024) / chunk)
  t.equal(big.state.closed, 1)
})
