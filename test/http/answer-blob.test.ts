import { once } from 'node:events'
import t from 'tap'
import { silentObserver } from '../../src/http/mirror-observer.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { HoldfastError } from '../../src/ports/errors.ts'
import { connectRaw } from '../support/raw-http.ts'
import { blobOf, errorOf, keepLog, startMirror } from './support.ts'

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251))
const digest = digestOf(bytes)
const target = `/v2/lab/app/blobs/${digest}?ns=reg.lab`

t.test('a blob is served whole, with what names it', async t => {
  const blob = blobOf(bytes)
  const { client } = await startMirror(t, { openBlob: async () => blob })
  const got = await client.ask('GET', target, { 'Accept-Encoding': 'gzip' })
  t.equal(got.status, 200)
  t.ok(got.body.equals(bytes))
  t.match(got.headers, {
    'content-type': 'application/octet-stream',
    'content-length': String(bytes.length),
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
    'oci-namespace': 'reg.lab',
    'holdfast-source': 'store',
  })
  t.notOk('content-encoding' in got.headers)
  t.notOk('transfer-encoding' in got.headers)
  t.equal(blob.state.closed, 1)
})

t.test('a HEAD tells the size and opens nothing', async t => {
  const { client } = await startMirror(t, {
    openBlob: () => t.fail('opened') as never,
    statBlob: async () => ({ size: bytes.length, source: 'upstream' }),
  })
  const got = await client.ask('HEAD', target, { Range: 'bytes=0-5' })
  t.equal(got.status, 200)
  t.match(got.headers, { 'content-length': String(bytes.length), 'holdfast-source': 'upstream' })
})

t.test('one range is answered with 206 and its place in the whole', async t => {
  const opened: unknown[] = []
  const { client } = await startMirror(t, {
    openBlob: async (_repository, _digest, { signal: _, ...range }) => {
      opened.push(range)
      return blobOf(bytes)
    },
  })
  for (const [range, start, end] of [
    ['bytes=0-', 0, bytes.length],
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=199999-', 199_999, 200_000],
    ['bytes=150000-999999999', 150_000, 200_000],
    ['bytes=-500', 199_500, 200_000],
    ['bytes=-999999999', 0, 200_000],
  ] as const) {
    const got = await client.ask('GET', target, { Range: range })
    t.equal(got.status, 206, range)
    t.equal(got.headers['content-range'], `bytes ${start}-${end - 1}/${bytes.length}`, range)
    t.equal(got.headers['content-length'], String(end - start), range)
    t.ok(got.body.equals(bytes.subarray(start, end)), range)
  }
  t.same(opened, [
    { start: 0 },
    { start: 0, end: 0 },
    { start: 10, end: 19 },
    { start: 199_999 },
    { start: 150_000, end: 999_999_999 },
    {},
    {},
  ])
})

t.test('what is no single range gets the whole', async t => {
  const { client } = await startMirror(t, { openBlob: async () => blobOf(bytes) })
  for (const headers of [
    { Range: 'bytes=0-1,5-6' },
    { Range: 'bytes=9-5' },
    { Range: 'lines=1-2' },
    { Range: 'bytes=0-1', 'If-Range': '"etag"' },
  ]) {
    const got = await client.ask('GET', target, headers)
    t.equal(got.status, 200, JSON.stringify(headers))
    t.equal(got.body.length, bytes.length)
    t.notOk('content-range' in got.headers)
  }
})

t.test('a range beyond the end is a 416 that tells the size', async t => {
  const blob = blobOf(bytes)
  const { client } = await startMirror(t, { openBlob: async () => blob })
  const got = await client.ask('GET', target, { Range: `bytes=${bytes.length}-` })
  t.equal(got.status, 416)
  t.equal(got.headers['content-range'], `bytes */${bytes.length}`)
  t.equal(errorOf(got.body).code, 'RANGE_INVALID')
  t.equal(blob.state.closed, 1)
})

t.test(
  'an empty blob is whole whatever range is asked: some clients ask one of everything',
  async t => {
    const { client } = await startMirror(t, { openBlob: async () => blobOf(Buffer.alloc(0)) })
    for (const headers of [{}, { Range: 'bytes=0-' }]) {
      const got = await client.ask('GET', target, headers)
      t.equal(got.status, 200)
      t.equal(got.headers['content-length'], '0')
    }
  },
)

t.test('a manifest is no blob, nor is what cannot be had', async t => {
  let isOpened = false
  const { client } = await startMirror(t, {
    isManifest: one => one === digest,
    openBlob: async () => {
      isOpened = true
      return { absent: true, reason: 'upstream is down', failure: 'unreachable' }
    },
  })
  for (const method of ['GET', 'HEAD']) t.equal((await client.ask(method, target)).status, 404)
  t.notOk(isOpened)
  const other = `/v2/lab/app/blobs/${digestOf(Buffer.from('x'))}?ns=reg.lab`
  const got = await client.ask('GET', other)
  t.equal(got.status, 404)
  t.match(errorOf(got.body), {
    code: 'BLOB_UNKNOWN',
    detail: { reason: 'upstream is down', failure: 'unreachable' },
  })
})

t.test(
  'parallel open-ended ranges that their clients abort alarm nobody and stop the reading',
  async t => {
    const { log, lines } = keepLog()
    const outcomes: string[] = []
    const blobs: ReturnType<typeof blobOf>[] = []
    const big = Buffer.alloc(32 * 1024 * 1024)
    const left = Promise.withResolvers<void>()
    const { port } = await startMirror(t, {
      log,
      openBlob: async () => {
        const blob = blobOf(big)
        blobs.push(blob)
        return blob
      },
      observer: {
        ...silentObserver,
        blobSent: (_source, kind) => {
          outcomes.push(kind)
          if (outcomes.length === 8) left.resolve()
        },
      },
    })
    for (let i = 0; i < 8; i++) {
      const client = await connectRaw(port)
      client.socket.write(
        `GET ${target} HTTP/1.1\r\nHost: x\r\nRange: bytes=${i * 1_048_576}-\r\n\r\n`,
      )
      await once(client.socket, 'data')
      if (i % 2 === 0) client.socket.destroy()
      else client.socket.resetAndDestroy()
    }
    await left.promise
    t.same(outcomes, Array(8).fill('client-left'))
    t.ok(lines.every(({ level }) => level === 'debug'))
    for (const { state } of blobs) {
      t.equal(state.closed, 1)
      t.ok(state.reads < 100)
    }
  },
)

t.test('bytes are counted by the path that the client took', async t => {
  const paths: string[] = []
  const { client } = await startMirror(t, {
    openBlob: async () => blobOf(bytes),
    observer: { ...silentObserver, blobSent: (_source, _kind, _bytes, path) => paths.push(path) },
  })
  for (const headers of [{}, { 'Holdfast-Target': '2' }, { 'Holdfast-Target': 'x' }]) {
    t.equal((await client.ask('GET', target, headers)).status, 200)
  }
  t.strictSame(paths, ['local', 'further', 'further'])
})

t.test('whoever watches what clients ask for learns whether they were sent it', async t => {
  const heard: string[] = []
  const { client } = await startMirror(t, {
    openBlob: async (_repository, asked) =>
      asked === digest ? blobOf(bytes) : { absent: true, reason: 'not held', failure: undefined },
    onAsked: asked => {
      const name = asked === digest ? 'held' : 'lacking'
      heard.push(name)
      return isSent => void heard.push(`${name}: ${isSent}`)
    },
  })
  const other = `/v2/lab/app/blobs/${digestOf(Buffer.from('x'))}?ns=reg.lab`
  await client.ask('GET', target)
  await client.ask('GET', target, { Range: 'bytes=10-19' })
  await client.ask('GET', other)
  await client.ask('HEAD', target)
  const held = ['held', 'held: true']
  t.same(heard, [...held, ...held, 'lacking', 'lacking: false'], 'a HEAD fetches nothing')
})

t.test('a client that leaves before the blob is opened ends the question', async t => {
  const opening = Promise.withResolvers<AbortSignal>()
  const { client } = await startMirror(t, {
    openBlob: (_repository, _digest, { signal }) => {
      opening.resolve(signal)
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
  })
  client.socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
  const signal = await opening.promise
  client.socket.destroy()
  if (!signal.aborted) await once(signal, 'abort')
  t.match(signal.reason, { name: 'AbortError', message: 'the client left' })
})

t.test('a blob may take longer than an answer: the last resort ends with its head', async t => {
  const go = Promise.withResolvers<undefined>()
  let signal: AbortSignal | undefined
  const { client } = await startMirror(
    t,
    {
      openBlob: async (_repository, _digest, options) => {
        signal = options.signal
        return blobOf(bytes, position => (position === 0 ? 10 : go.promise))
      },
    },
    { answerWithinMs: 1_000 },
  )
  const answer = client.ask('GET', target)
  await once(client.socket, 'data')
  // Beyond the last resort, which is rounded up to a quarter of a second.
  await new Promise(resolve => setTimeout(resolve, 1_400))
  t.equal(signal?.aborted, false)
  go.resolve(undefined)
  t.ok((await answer).body.equals(bytes))
})

t.test('a source that dies is cut by FIN, a byte in doubt by RST, and both are told', async t => {
  const { log, lines } = keepLog()
  for (const [code, end] of [
    ['blob-interrupted', 'FIN'],
    ['blob-in-doubt', 'RST'],
  ] as const) {
    // A RST takes away what was not read yet, so the first bytes must have arrived.
    const arrived = Promise.withResolvers<void>()
    const blob = blobOf(bytes, async position => {
      if (position < 150_000) return 150_000
      await arrived.promise
      throw new HoldfastError(code, 'no more')
    })
    const { client } = await startMirror(t, { log, openBlob: async () => blob })
    const answer = client.ask('GET', target)
    await once(client.socket, 'data')
    arrived.resolve()
    const cut = await answer
    t.equal(cut.end, end)
    t.ok(cut.body.length <= 150_000)
  }
  t.same(
    lines.map(({ level, fields: { by } }) => `${level} ${by}`),
    ['warn FIN', 'warn RST'],
  )
})

t.test(
  'a source that dies before the first byte is a 503, so that the next host is asked',
  async t => {
    const { log, lines } = keepLog()
    const { client } = await startMirror(t, {
      log,
      openBlob: async () =>
        blobOf(bytes, () => {
          throw new HoldfastError('blob-interrupted', 'the source died')
        }),
    })
    t.equal((await client.ask('GET', target)).status, 503)
    t.same(lines, [])
  },
)

t.test('a sha512 blob has a way here, too', async t => {
  const asked: Digest[] = []
  const { client } = await startMirror(t, {
    openBlob: async (_repository, one) => {
      asked.push(one)
      return blobOf(bytes)
    },
  })
  const wide = digestOf(bytes, 'sha512')
  t.equal((await client.ask('GET', `/v2/lab/app/blobs/${wide}?ns=reg.lab`)).status, 200)
  t.same(asked, [wide])
})

t.test('junk behind a request cuts its answer, and puts nothing into it', async t => {
  const sending = Promise.withResolvers<void>()
  const { client } = await startMirror(t, {
    openBlob: async () =>
      blobOf(bytes, async position => {
        if (position === 0) return 1000
        sending.resolve()
        return new Promise(() => {})
      }),
  })
  const answer = client.ask('GET', target)
  await sending.promise
  client.socket.write('\x16\x03\x01 this is no request\r\n\r\n')
  const { body } = await answer
  t.ok(body.equals(bytes.subarray(0, body.length)))
  t.ok(body.length <= 1000)
})
