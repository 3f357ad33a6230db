import t from 'tap'
import { digestOf } from '../../../src/oci/digest.ts'
import type { PeerBlobQuestion } from '../../../src/ports/peer-port.ts'
import { makeClient, never, options, startRawServer } from './support.ts'

const digest = digestOf(Buffer.of(1))
const repository = { registry: 'a.lab', repository: 'b' }
const question: PeerBlobQuestion = {
  digest,
  repository,
  offset: 0,
  relay: false,
  priority: 'pull',
}
const opening = { signal: never, firstByteMs: 5_000 }
const part = (range: string, length: number, body: string): string =>
  `HTTP/1.1 206 P\r\nContent-Range: ${range}\r\nContent-Length: ${length}\r\n\r\n${body}`

async function read(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return String(Buffer.concat(chunks))
}

t.test('an answer that is not what was asked for is none', async t => {
  for (const [answer, change] of [
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n', {}],
    ['HTTP/1.1 200 OK\r\n\r\nendless', {}],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole', { offset: 1 }],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole', { end: 2 }],
    [part('bytes 0-2/5', 3, 'who'), {}],
    [part('bytes 2-4/5', 3, 'ole'), { offset: 1 }],
    [part('bytes 1-2/5', 2, 'ho'), { offset: 1 }],
    [part('bytes 1-4/5', 3, 'hol'), { offset: 1 }],
    [part('bytes 1-4/*', 4, 'hole'), { offset: 1 }],
    [part('nonsense', 4, 'hole'), { offset: 1 }],
    ['HTTP/1.1 206 P\r\nContent-Length: 4\r\n\r\nhole', { offset: 1 }],
    ['HTTP/1.1 204 N\r\n\r\n', {}],
    ['HTTP/1.1 302 F\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n', {}],
    ['SSH-2.0-nonsense\r\n\r\n', {}],
    [`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(50_000)}\r\n\r\n`, {}],
  ] as const) {
    const liar = await startRawServer(t, socket => socket.write(answer))
    const client = makeClient(t, { [liar.id]: [liar.address] })
    const asking = client.openBlob(liar.id, { ...question, ...change }, opening)
    await t.rejects(asking, { name: 'PeerFailure', code: 'protocol' }, answer.slice(0, 60))
  }
})

t.test('what comes after the bytes announced is no part of them', async t => {
  const liar = await startRawServer(t, socket =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole and more'),
  )
  const client = makeClient(t, { [liar.id]: [liar.address] })
  const { body, size } = await client.openBlob(liar.id, question, opening)
  t.equal(size, 5)
  // Where it is seen at once it is a fault, and else it is nothing.
  const text = await read(body).catch(() => 'whole')
  t.equal(text, 'whole')
})

t.test('an endless small answer is bounded', async t => {
  for (const answer of [
    'HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  ]) {
    let sent = 0
    const liar = await startRawServer(t, socket => {
      socket.write(answer)
      const more = (): void => {
        sent += 100_000
        socket.write(`186a0\r\n${'x'.repeat(100_000)}\r\n`, error => error || more())
      }
      more()
    })
    const client = makeClient(t, { [liar.id]: [liar.address] })
    await t.rejects(client.call(liar.id, 'x', Buffer.of(1), options), { code: 'protocol' })
    t.ok(sent < 100 * 1024 * 1024)
  }
})

t.test('endless interim answers do not put off the end of a question', async t => {
  const liar = await startRawServer(t, socket => {
    const timer = setInterval(() => socket.write('HTTP/1.1 102 P\r\n\r\n'), 10)
    socket.once('close', () => clearInterval(timer))
  })
  const client = makeClient(t, { [liar.id]: [liar.address] })
  const asking = client.openBlob(liar.id, question, { signal: never, firstByteMs: 200 })
  await t.rejects(asking, { code: 'timeout' })
})

t.test('a call that drips is bounded as a whole', async t => {
  const liar = await startRawServer(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
    const timer = setInterval(() => socket.write('x'), 10)
    socket.once('close', () => clearInterval(timer))
  })
  const client = makeClient(t, { [liar.id]: [liar.address] })
  const asking = client.call(liar.id, 'x', Buffer.of(1), { signal: never, timeoutMs: 300 })
  await t.rejects(asking, { code: 'timeout' })
})

t.test('hashes that are not as many as the chunks are none', async t => {
  const answerOf = (size: string, bytes: number): string =>
    `HTTP/1.1 200 OK\r\nHoldfast-Blob-Size: ${size}\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`
  for (const [size, bytes, isGood] of [
    ['2097152', 64, true],
    ['2097153', 96, true],
    ['0', 0, true],
    ['2097152', 32, false],
    ['2097152', 65, false],
    ['nonsense', 64, false],
    ['999999999999999', 64, false],
  ] as const) {
    const holder = await startRawServer(t, socket => socket.write(answerOf(size, bytes)))
    const client = makeClient(t, { [holder.id]: [holder.address] })
    const asking = client.getChunkHashes(holder.id, { digest, repository }, options)
    if (isGood) t.equal((await asking).hashes.length, bytes)
    else await t.rejects(asking, { code: 'protocol' }, `${bytes} for ${size}`)
  }
})
