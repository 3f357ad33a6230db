import { createHash, randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { BlobReader } from '../../src/ports/content-store.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import {
  type PeerAnswer,
  type PeerBlobQuestion,
  type PeerClient,
  PeerFailure,
  type PeerService,
  type PeerStream,
  peerChunkBytes,
  workingEveryMs,
} from '../../src/ports/peer-port.ts'
import type { BlobAnswer } from '../../src/ports/upstream.ts'

/** Two nodes for one subtest: one asks, the other offers. Gone with the test. */
export interface OpenedPeers {
  readonly client: PeerClient
  readonly self: NodeId
  readonly other: NodeId
  /** An id under which nobody is there. */
  readonly nobody: NodeId
  /** Ends the other node as a crash would. */
  die(): Promise<void>
  /** Stops the other node as SIGSTOP would. */
  hang(): Promise<void>
}

/** Opens two nodes; `stallMs`: the silence that is borne. */
export type OpenPeers = (
  t: Test,
  service: Partial<PeerService>,
  options: { readonly stallMs: number },
) => Promise<OpenedPeers>

const bytes = randomBytes(3 * peerChunkBytes + 77)
const digest = digestOf(bytes)
const repository = { registry: 'registry.lab:5000', repository: 'team/app' }
const never = new AbortController().signal
const options = { signal: never, timeoutMs: 10_000 }
const question: PeerBlobQuestion = {
  digest,
  repository,
  offset: 0,
  relay: false,
  priority: 'pull',
}
const opening = { signal: never, firstByteMs: 10_000 }

/** A reader over `bytes`. `onRead` may throw, wait, or shorten a read by saying up to where bytes are there. */
function readerOf(
  content: Uint8Array = bytes,
  onRead: (position: number) => Promise<number | undefined> | number | undefined = () => undefined,
) {
  const closed = Promise.withResolvers<void>()
  const reader: BlobReader = {
    size: content.length,
    async read(into, position) {
      const until = (await onRead(position)) ?? content.length
      const part = content.subarray(position, Math.min(position + into.length, until))
      into.set(part)
      return part.length
    },
    close: async () => closed.resolve(),
  }
  return { reader, closed: closed.promise }
}

const offering = (reader: BlobReader): Partial<PeerService> => ({ openBlob: async () => reader })

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** Reads up to `atLeast` bytes and gives the iterator as it then stands. */
async function readSome({ body }: BlobAnswer, atLeast: number) {
  const iterator = body[Symbol.asyncIterator]()
  for (let got = 0; got < atLeast; ) {
    const next = await iterator.next()
    if (next.done) throw new Error('ended early')
    got += next.value.length
  }
  return iterator
}

async function drain(iterator: AsyncIterator<Uint8Array>): Promise<void> {
  while (!(await iterator.next()).done);
}

/** Of those tests that wait for it, ms. */
const stallMs = 500

/** Holds an implementation to the peer port. */
export function testPeerPort(t: Test, openPeers: OpenPeers): void {
  /** Silence is borne for long, unless it is what is tested. */
  const open = (t: Test, service: Partial<PeerService>, options = { stallMs: 20_000 }) =>
    openPeers(t, service, options)

  t.test('a question is answered, and the other node knows who asks', async t => {
    const asked: unknown[] = []
    const answers = new Map<string, PeerAnswer>([
      [
        'sync/leaves',
        async (question, from) => {
          asked.push([Buffer.from(question), from])
          return Buffer.concat([Buffer.from('re: '), question])
        },
      ],
    ])
    const { client, self, other } = await open(t, { answers })
    const answer = await client.call(other, 'sync/leaves', Buffer.from('which?'), options)
    t.equal(Buffer.from(answer).toString(), 're: which?')
    t.same(asked, [[Buffer.from('which?'), self]])
    t.equal((await client.call(other, 'sync/leaves', Buffer.alloc(0), options)).length, 4)
  })

  t.test('an empty answer is an answer', async t => {
    const { client, other } = await open(t, {
      answers: new Map([['x', async () => Buffer.alloc(0)]]),
    })
    t.equal((await client.call(other, 'x', Buffer.alloc(0), options)).length, 0)
  })

  t.test('many questions at once are all answered, each with its own', async t => {
    const { client, other } = await open(t, {
      answers: new Map([['echo', async question => question]]),
    })
    const asked = Array.from({ length: 500 }, (_, number) => Buffer.from(`${number}`))
    const told = await Promise.all(asked.map(one => client.call(other, 'echo', one, options)))
    t.same(
      told.map(one => Buffer.from(one).toString()),
      asked.map(String),
    )
  })

  t.test('what the other node does not know of is absent', async t => {
    const { client, other } = await open(t, {
      openBlob: async () => undefined,
      getManifest: async () => undefined,
    })
    const absent = { name: 'PeerFailure', code: 'absent' }
    await t.rejects(client.call(other, 'never/heard/of', Buffer.alloc(0), options), absent)
    await t.rejects(collect(client.stream(other, 'x', Buffer.alloc(0), { signal: never })), absent)
    await t.rejects(client.openBlob(other, question, opening), absent)
    await t.rejects(client.getManifest(other, digest, repository, options), absent)
    await t.rejects(client.getChunkHashes(other, { digest, repository }, options), absent)
  })

  t.test('what a handler throws is told by its code, or as a failure without its text', async t => {
    const failing = (error: Error) => async () => {
      throw error
    }
    const { client, other } = await open(t, {
      answers: new Map([
        ['absent', failing(new PeerFailure('absent', 'a secret'))],
        ['busy', failing(new PeerFailure('busy', 'a secret'))],
        ['refused', failing(new PeerFailure('refused', 'a secret'))],
        ['timeout', failing(new PeerFailure('timeout', 'a secret'))],
        ['broken', failing(new Error('a secret'))],
      ]),
    })
    for (const [subject, code] of [
      ['absent', 'absent'],
      ['busy', 'busy'],
      ['refused', 'refused'],
      ['timeout', 'protocol'],
      ['broken', 'protocol'],
    ] as const) {
      const asking = client.call(other, subject, Buffer.alloc(0), options)
      const failure = await asking.catch(error => error)
      t.match(failure, { name: 'PeerFailure', code }, subject)
      if (code === 'protocol') t.notMatch(failure.message, /secret/)
    }
  })

  t.test('an answer larger than is taken is none', async t => {
    const { client, other } = await open(t, {
      answers: new Map([['large', async () => Buffer.alloc(10_000)]]),
    })
    const ask = (maxBytes: number) =>
      client.call(other, 'large', Buffer.alloc(0), { ...options, maxBytes })
    await t.rejects(ask(9_999), { code: 'protocol' })
    t.equal((await ask(10_000)).length, 10_000)
  })

  t.test(
    'a question that takes too long is a timeout, and ends for the other node too',
    async t => {
      const left = Promise.withResolvers<void>()
      let isReached = false
      const waiting = (_: unknown, __: unknown, signal: AbortSignal) =>
        new Promise<never>((_, reject) => {
          isReached = true
          signal.addEventListener('abort', () => {
            left.resolve()
            reject(signal.reason)
          })
        })
      const { client, other } = await open(t, { answers: new Map([['slow', waiting]]) })
      // Its time may be over before it arrives.
      while (!isReached) {
        const soon = { signal: never, timeoutMs: 100 }
        const asking = client.call(other, 'slow', Buffer.alloc(0), soon)
        await t.rejects(asking, { name: 'PeerFailure', code: 'timeout' })
      }
      await left.promise
    },
  )

  t.test('an aborted question ends with the reason of its signal', async t => {
    const reached = Promise.withResolvers<void>()
    const waiting = () => {
      reached.resolve()
      return new Promise<never>(() => {})
    }
    const { client, other } = await open(t, { answers: new Map([['slow', waiting]]) })
    const abort = new AbortController()
    const asking = client.call(other, 'slow', Buffer.alloc(0), {
      signal: abort.signal,
      timeoutMs: 60_000,
    })
    await reached.promise
    abort.abort(new Error('changed my mind'))
    await t.rejects(asking, { message: 'changed my mind' })
    const late = { signal: abort.signal, timeoutMs: 60_000 }
    await t.rejects(client.call(other, 'slow', Buffer.alloc(0), late), {
      message: 'changed my mind',
    })
  })

  t.test('nobody under an id is unreachable, for everything', async t => {
    const { client, nobody } = await open(t, {})
    const unreachable = { name: 'PeerFailure', code: 'unreachable' }
    await t.rejects(client.call(nobody, 'x', Buffer.alloc(0), options), unreachable)
    const stream = client.stream(nobody, 'x', Buffer.alloc(0), { signal: never })
    await t.rejects(collect(stream), unreachable)
    await t.rejects(client.openBlob(nobody, question, opening), unreachable)
    await t.rejects(client.getManifest(nobody, digest, repository, options), unreachable)
    await t.rejects(client.getChunkHashes(nobody, { digest, repository }, options), unreachable)
  })

  t.test('a long answer arrives whole', async t => {
    const streams = new Map<string, PeerStream>([
      [
        'all',
        async function* (question) {
          for (let at = 0; at < bytes.length; at += 100_000) {
            yield bytes.subarray(at, at + 100_000)
          }
          yield question
        },
      ],
      ['nothing', async function* () {}],
    ])
    const { client, other } = await open(t, { streams })
    const all = client.stream(other, 'all', Buffer.from('end'), { signal: never })
    t.ok((await collect(all)).equals(Buffer.concat([bytes, Buffer.from('end')])))
    const nothing = client.stream(other, 'nothing', Buffer.alloc(0), { signal: never })
    t.equal((await collect(nothing)).length, 0)
  })

  t.test('a long answer that breaks is never taken for a whole one', async t => {
    const streams: PeerService['streams'] = new Map([
      [
        'broken',
        async function* () {
          yield Buffer.from('the first part')
          throw new Error('a secret')
        },
      ],
    ])
    const { client, other } = await open(t, { streams })
    const stream = client.stream(other, 'broken', Buffer.alloc(0), { signal: never })
    await t.rejects(collect(stream), { name: 'PeerFailure' })
  })

  t.test('silence in a long answer is a timeout', async t => {
    const streams: PeerService['streams'] = new Map([
      [
        'silent',
        async function* (_question, _from, signal) {
          yield Buffer.from('the first part')
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason))
          })
        },
      ],
    ])
    const { client, other } = await open(t, { streams }, { stallMs })
    const stream = client.stream(other, 'silent', Buffer.alloc(0), { signal: never })
    await t.rejects(collect(stream), { name: 'PeerFailure', code: 'timeout' })
  })

  t.test('who leaves a long answer ends it for the other node', async t => {
    const ended = Promise.withResolvers<void>()
    const streams: PeerService['streams'] = new Map([
      [
        'endless',
        async function* () {
          try {
            for (;;) yield Buffer.alloc(10_000)
          } finally {
            ended.resolve()
          }
        },
      ],
    ])
    const { client, other } = await open(t, { streams })
    for await (const _ of client.stream(other, 'endless', Buffer.alloc(0), { signal: never })) break
    await t.resolves(ended.promise)
  })

  t.test('a manifest comes with its media type, byte by byte', async t => {
    const manifest = {
      mediaType: 'application/vnd.oci.image.index.v1+json',
      bytes: randomBytes(999),
    }
    const asked: unknown[] = []
    const { client, other } = await open(t, {
      getManifest: async (...of) => {
        asked.push(of.slice(0, 2))
        return manifest
      },
    })
    const got = await client.getManifest(other, digest, repository, options)
    t.equal(got.mediaType, manifest.mediaType)
    t.ok(got.bytes.equals(manifest.bytes))
    t.same(asked, [[digest, repository]])
    const tight = { ...options, maxBytes: 998 }
    await t.rejects(client.getManifest(other, digest, repository, tight), { code: 'protocol' })
  })

  t.test('a blob arrives whole and in order, and its reader is closed', async t => {
    const asked: unknown[] = []
    const { reader, closed } = readerOf()
    const { client, self, other } = await open(t, {
      openBlob: async (question, from) => {
        asked.push({ ...question }, from)
        return reader
      },
    })
    const answer = await client.openBlob(other, question, opening)
    t.equal(answer.offset, 0)
    t.equal(answer.size, bytes.length)
    t.ok((await collect(answer.body)).equals(bytes))
    await closed
    t.match(asked, [question, self])
  })

  t.test('what is asked about a blob reaches the other node', async t => {
    const asked: PeerBlobQuestion[] = []
    const { client, other } = await open(t, {
      openBlob: async question => {
        asked.push(question)
        return undefined
      },
    })
    const other2: PeerBlobQuestion = {
      digest: digestOf(bytes, 'sha512'),
      repository: { registry: 'docker.io', repository: 'library/nginx' },
      offset: 17,
      end: 1_000_000,
      relay: true,
      priority: 'background',
    }
    await t.rejects(client.openBlob(other, other2, opening))
    t.match(asked, [other2])
  })

  t.test('a part of a blob is that part', async t => {
    const { client, other } = await open(t, { openBlob: async () => readerOf().reader })
    const size = bytes.length
    for (const [offset, end] of [
      [0, 0],
      [0, size - 1],
      [5, 5],
      [1, undefined],
      [size - 1, undefined],
      [size - 1, size - 1],
      [peerChunkBytes - 1, 2 * peerChunkBytes],
      [7, size + 1_000],
    ] as const) {
      const answer = await client.openBlob(other, { ...question, offset, end }, opening)
      t.equal(answer.offset, offset)
      t.equal(answer.size, size)
      const expected = bytes.subarray(offset, end === undefined ? size : end + 1)
      t.ok((await collect(answer.body)).equals(expected), `${offset}-${end}`)
    }
  })

  t.test('a part beyond the end is absent', async t => {
    const { client, other } = await open(t, { openBlob: async () => readerOf().reader })
    for (const offset of [bytes.length, bytes.length + 1, Number.MAX_SAFE_INTEGER]) {
      const asking = client.openBlob(other, { ...question, offset }, opening)
      await t.rejects(asking, { name: 'PeerFailure', code: 'absent' }, `${offset}`)
    }
  })

  t.test('an empty blob is a blob', async t => {
    const { client, other } = await open(t, offering(readerOf(Buffer.alloc(0)).reader))
    const answer = await client.openBlob(other, question, opening)
    t.equal(answer.size, 0)
    t.equal((await collect(answer.body)).length, 0)
  })

  t.test('a source that dies half way is never taken for a whole blob', async t => {
    for (const [name, die] of [
      ['throws', () => Promise.reject(new Error('a secret'))],
      ['ends', (position: number) => position],
    ] as const) {
      const { reader } = readerOf(bytes, position => (position < 100_000 ? 100_000 : die(position)))
      const { client, other } = await open(t, offering(reader))
      const answer = await client.openBlob(other, question, opening)
      await t.rejects(collect(answer.body), { name: 'PeerFailure', code: 'unreachable' }, name)
    }
  })

  t.test('a source that has no byte is a failure before any', async t => {
    const { reader, closed } = readerOf(bytes, () => Promise.reject(new Error('a secret')))
    const { client, other } = await open(t, offering(reader))
    await t.rejects(client.openBlob(other, question, opening), { name: 'PeerFailure' })
    await closed
  })

  t.test('a blob whose first byte is late is a timeout, and is closed', async t => {
    const { reader, closed } = readerOf(bytes, () => new Promise(() => {}))
    let isReached = false
    const openBlob = async () => {
      isReached = true
      return reader
    }
    const { client, other } = await open(t, { openBlob })
    // Its time may be over before it arrives.
    while (!isReached) {
      const asking = client.openBlob(other, question, { signal: never, firstByteMs: 100 })
      await t.rejects(asking, { name: 'PeerFailure', code: 'timeout' })
    }
    await closed
  })

  t.test('who fetches for another one says that it is at it, until it answers', async t => {
    for (const relay of [true, false]) {
      const begin = Promise.withResolvers<undefined>()
      const { reader } = readerOf(bytes, () => begin.promise)
      const { client, other } = await open(t, offering(reader))
      let said = 0
      const onWorking = () => {
        said += 1
        if (said === 2) begin.resolve(undefined)
      }
      if (!relay) setTimeout(() => begin.resolve(undefined), 2.5 * workingEveryMs)
      const answer = await client.openBlob(other, { ...question, relay }, { ...opening, onWorking })
      const saidBefore = said
      t.ok(relay ? said >= 2 : said === 0, `${said}`)
      t.ok((await collect(answer.body)).equals(bytes))
      t.equal(said, saidBefore, 'and then no more')
    }
  })

  t.test('who is at it may still fail', async t => {
    const refuse = Promise.withResolvers<undefined>()
    const { client, other } = await open(t, { openBlob: () => refuse.promise })
    const onWorking = () => refuse.resolve(undefined)
    const asking = client.openBlob(other, { ...question, relay: true }, { ...opening, onWorking })
    await t.rejects(asking, { name: 'PeerFailure', code: 'absent' })
  })

  t.test('a blob that stalls is a timeout, and is closed', async t => {
    const { reader, closed } = readerOf(bytes, position =>
      position < 100_000 ? 100_000 : new Promise(() => {}),
    )
    const { client, other } = await open(t, offering(reader), { stallMs })
    const sinceMs = performance.now()
    const answer = await client.openBlob(other, question, opening)
    await t.rejects(collect(answer.body), { name: 'PeerFailure', code: 'timeout' })
    t.ok(performance.now() - sinceMs >= stallMs - 10, 'not before its time')
    await closed
  })

  t.test('a reader that pauses is no stall', async t => {
    const { client, other } = await open(t, offering(readerOf().reader), { stallMs })
    const answer = await client.openBlob(other, question, opening)
    const iterator = await readSome(answer, 1)
    await new Promise(resolve => setTimeout(resolve, 2 * stallMs))
    await t.resolves(drain(iterator))
  })

  t.test('who leaves a blob, or aborts it, ends it for the other node', async t => {
    for (const leave of ['return', 'abort'] as const) {
      const { reader, closed } = readerOf(bytes, async position => {
        if (position < 200_000) return 200_000
        return new Promise(() => {})
      })
      const { client, other } = await open(t, offering(reader))
      const abort = new AbortController()
      const answer = await client.openBlob(other, question, {
        signal: abort.signal,
        firstByteMs: 10_000,
      })
      const iterator = await readSome(answer, 100_000)
      if (leave === 'return') {
        await iterator.return?.()
      } else {
        abort.abort(new Error('changed my mind'))
        await t.rejects(drain(iterator), { message: 'changed my mind' })
      }
      await closed
    }
  })

  t.test('a blob that was opened and never read can be given up by its signal', async t => {
    const { reader, closed } = readerOf(Buffer.alloc(64 * peerChunkBytes))
    const { client, other } = await open(t, offering(reader))
    const abort = new AbortController()
    await client.openBlob(other, question, { signal: abort.signal, firstByteMs: 10_000 })
    abort.abort(new Error('changed my mind'))
    await t.resolves(closed)
  })

  t.test('a node that dies in the middle of a blob breaks it', async t => {
    const { reader } = readerOf(bytes, position =>
      position < 100_000 ? 100_000 : new Promise(() => {}),
    )
    const { client, other, die } = await open(t, offering(reader))
    const answer = await client.openBlob(other, question, opening)
    const iterator = await readSome(answer, 100_000)
    await die()
    const failure = await drain(iterator).catch(error => error)
    t.match(failure, { name: 'PeerFailure', code: /unreachable|timeout/ })
    await t.rejects(client.call(other, 'x', Buffer.alloc(0), options), { code: 'unreachable' })
  })

  t.test('a node that hangs costs everybody who asks a bounded time', async t => {
    const answers = new Map<string, PeerAnswer>([['echo', async question => question]])
    const { client, other, hang } = await open(t, { answers }, { stallMs })
    await client.call(other, 'echo', Buffer.of(1), options)
    await hang()
    const timeout = { name: 'PeerFailure', code: 'timeout' }
    const soon = { signal: never, timeoutMs: 100 }
    const chunks = { digest, repository }
    await Promise.all([
      t.rejects(client.call(other, 'echo', Buffer.alloc(0), soon), timeout),
      t.rejects(collect(client.stream(other, 'x', Buffer.alloc(0), { signal: never })), timeout),
      t.rejects(client.getManifest(other, digest, repository, soon), timeout),
      t.rejects(client.openBlob(other, question, { signal: never, firstByteMs: 100 }), timeout),
      t.rejects(client.getChunkHashes(other, chunks, soon), timeout),
    ])
  })

  t.test('chunks have the hashes of what would be sent', async t => {
    const { client, other } = await open(t, { openBlob: async () => readerOf().reader })
    const expected = [0, 1, 2, 3].map(chunk =>
      createHash('sha256')
        .update(bytes.subarray(chunk * peerChunkBytes, (chunk + 1) * peerChunkBytes))
        .digest(),
    )
    const whole = { digest, repository }
    for (const [first, last] of [
      [undefined, undefined],
      [0, 3],
      [1, 2],
      [3, undefined],
      [2, 99],
    ] as const) {
      const asked = { ...whole, ...(first !== undefined && { first }), ...(last && { last }) }
      const told = await client.getChunkHashes(other, asked, options)
      t.equal(told.size, bytes.length)
      t.equal(told.first, first ?? 0)
      const wanted = Buffer.concat(expected.slice(first ?? 0, (last ?? 3) + 1))
      t.ok(Buffer.from(told.hashes).equals(wanted), `${first}-${last}`)
    }
    const beyond = client.getChunkHashes(other, { ...whole, first: 4 }, options)
    await t.rejects(beyond, { code: 'absent' })
  })
}
