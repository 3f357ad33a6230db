import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { Repository } from '../../src/oci/reference.ts'
import type { BlobSource } from '../../src/ports/blob-source.ts'
import { createFakeUpstream, failure, repositoryOf } from '../support/fake-upstream.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { download, openPull, present } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const size = 10_000_000
const content = randomBytes(size)
const digest = digestOf(content)
const { signal } = new AbortController()

function open(t: Test, options: Parameters<typeof openPull>[1] = {}) {
  const upstream = createFakeUpstream()
  upstream.add(content)
  const pull = openPull(upstream, options)
  t.teardown(() => pull.close())
  const get = async (range: { start?: number; end?: number } = {}) =>
    download(present(await pull.blobs.open(repository, digest, { ...range, signal })), range)
  return { upstream, ...pull, get }
}

/** Another node, which answers with what `bytes` gives from the offset on and then ends as told. */
function peer(name: string, bytes: (offset: number) => Uint8Array, ending?: Error) {
  const offsets: number[] = []
  const source: BlobSource = {
    name,
    kind: 'peer',
    reach: () => ({ state: 'reachable' }),
    async open(_digest, _repository, offset) {
      offsets.push(offset)
      return { offset, size, body: body(offset) }
    },
  }
  async function* body(offset: number) {
    yield bytes(offset)
    if (ending !== undefined) throw ending
  }
  return { source, offsets }
}

t.test('sources are asked in order, and the upstream only for what no peer has', async t => {
  const lacking: BlobSource = {
    name: 'lacking',
    kind: 'peer',
    reach: () => ({ state: 'reachable' }),
    open: () => Promise.reject(failure('not-found')),
  }
  const holder = peer('holder', offset => content.subarray(offset))
  const { upstream, get, graph } = open(t, { peers: [lacking, holder.source] })
  t.ok((await (await get()).whole).equals(content))
  t.strictSame(holder.offsets, [0])
  t.equal(upstream.count('getBlob'), 0)
  t.strictSame(graph.seenIn(digest), [], 'a peer is no proof that the repository has it')
})

t.test('a source that is known down is passed over', async t => {
  const down = peer('down', offset => content.subarray(offset))
  const source: BlobSource = {
    ...down.source,
    reach: () => ({ state: 'down', sinceMs: 0, failure: 'unreachable' }),
  }
  const { upstream, get } = open(t, { peers: [source] })
  t.ok((await (await get()).whole).equals(content))
  t.strictSame(down.offsets, [])
  t.equal(upstream.count('getBlob'), 1)
})

t.test('when a source dies in the middle the next one sends the rest', async t => {
  const dying = peer('dying', offset => content.subarray(offset, 4_000_000), failure('unreachable'))
  const { upstream, get } = open(t, { peers: [dying.source] })
  t.ok((await (await get()).whole).equals(content))
  t.strictSame(dying.offsets, [0])
  t.strictSame(
    upstream.asked.map(({ offset }) => offset),
    [4_000_000],
  )
})

t.test(
  'parts of two sources that do not fit are fetched whole from one, and nobody is accused',
  async t => {
    const lying = peer('lying', offset => Buffer.alloc(4_000_000 - offset), failure('unreachable'))
    const { upstream, get, failed } = open(t, { peers: [lying.source] })
    const opening = get()
    const client = await opening
    await t.rejects(client.whole, { code: 'blob-in-doubt' })
    t.ok((await (await get()).whole).equals(content))
    t.strictSame(
      upstream.asked.map(({ offset }) => offset),
      [4_000_000, 0],
    )
    t.strictSame(failed, [])
  },
)

t.test('a source whose parts do not fit gets one chance to send the whole', async t => {
  const { upstream, get, failed } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(Buffer.alloc(4_000_000))
  const client = await opening
  await client.reached(4_000_000)
  body.fail(failure('unreachable'))
  await t.rejects(client.whole, { code: 'blob-in-doubt' })
  t.ok((await (await get()).whole).equals(content))
  t.strictSame(
    upstream.asked.map(({ offset }) => offset),
    [0, 4_000_000, 0],
  )
  t.strictSame(failed, [])
})

t.test('who alone sent a wrong blob is not asked for it again', async t => {
  const lying = peer('lying', offset => Buffer.alloc(size - offset))
  const { upstream, blobs, store, get, failed } = open(t, { peers: [lying.source] })
  const opened = await blobs.open(repository, digest, { signal })
  await download(present(opened)).whole.catch(() => {})
  t.ok((await (await get()).whole).equals(content))
  await store.delete(digest)
  t.ok((await (await get()).whole).equals(content))
  t.strictSame(lying.offsets, [0])
  t.equal(upstream.count('getBlob'), 2)
  t.strictSame(failed, [])
})

t.test('a full store is no reason to refuse: the blob passes through, verified', async t => {
  const { upstream, get, store } = open(t, { store: createMemoryStore({ quotaBytes: 1000 }) })
  const clients = await Promise.all([get(), get({ start: 9_000_000 }), get({ end: 99 })])
  t.ok((await clients[0].whole).equals(content))
  t.ok((await clients[1].whole).equals(content.subarray(9_000_000)))
  t.ok((await clients[2].whole).equals(content.subarray(0, 100)))
  t.equal(upstream.count('getBlob'), 1, 'for all who came in time')
  t.equal(store.stat(digest), undefined)
})

t.test('what passes through is not held in memory for a reader who stands still', async t => {
  const { upstream, blobs } = open(t, { store: createMemoryStore({ quotaBytes: 1000 }) })
  const blob = present(await blobs.open(repository, digest, { signal }))
  while (upstream.blobBytes() < 4_000_000) await new Promise(setImmediate)
  for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate)
  t.ok(upstream.blobBytes() < 5_000_000, 'the source is held back')
  t.ok((await download(blob).whole).equals(content))
})

t.test('a reader that holds others up for too long is cut', async t => {
  const store = createMemoryStore({ quotaBytes: 1000 })
  const { blobs, get } = open(t, { store, flights: { stallMs: 500 } })
  const standing = present(await blobs.open(repository, digest, { signal }))
  const client = await get()
  t.ok((await client.whole).equals(content))
  await t.rejects(standing.read(Buffer.alloc(10), 0), { code: 'blob-interrupted' })
  await standing.close()
})

t.test('who comes too late for what passes through gets a fetch of his own', async t => {
  const { upstream, get } = open(t, { store: createMemoryStore({ quotaBytes: 1000 }) })
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 3_000_000))
  body.send(content.subarray(3_000_000, 6_000_000))
  const first = await opening
  await first.reached(6_000_000)
  const second = await get()
  t.ok((await second.whole).equals(content))
  t.equal(upstream.count('getBlob'), 2)
  body.send(content.subarray(6_000_000))
  body.end()
  t.ok((await first.whole).equals(content))
})

t.test('wrong bytes that pass through never reach their end', async t => {
  const { upstream, get } = open(t, { store: createMemoryStore({ quotaBytes: 1000 }) })
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(Buffer.alloc(3_000_000))
  const client = await opening
  await client.reached(3_000_000)
  body.send(content.subarray(3_000_000))
  body.end()
  await t.rejects(client.whole, { code: 'blob-in-doubt' })
  t.ok(client.bytes().length < size)
})

t.test('a store that becomes full in the middle goes on as a stream', async t => {
  const store = createMemoryStore()
  const filling = {
    ...store,
    async write(...asked: Parameters<typeof store.write>) {
      const writer = await store.write(...asked)
      return Object.assign(Object.create(writer) as typeof writer, {
        write: (chunk: Uint8Array) =>
          writer.offset < 5_000_000 ? writer.write(chunk) : Promise.reject(new Error('disk full')),
      })
    },
  }
  const { upstream, get } = open(t, { store: filling })
  const clients = await Promise.all([get(), get({ start: 4_000_000 })])
  t.ok((await clients[0].whole).equals(content))
  t.ok((await clients[1].whole).equals(content.subarray(4_000_000)))
  t.equal(upstream.count('getBlob'), 1)
  t.equal(store.stat(digest), undefined)
})

t.test('what passes through stops when its last reader leaves', async t => {
  const { upstream, blobs } = open(t, { store: createMemoryStore({ quotaBytes: 1000 }) })
  const body = upstream.nextBody(size)
  const opening = blobs.open(repository, digest, { signal })
  body.send(content.subarray(0, 2_000_000))
  await present(await opening).close()
  await body.closed
  while (blobs.isBusy()) await new Promise(setImmediate)
})

t.test(
  'the background fetches behind clients and is suspended when it is told to stop',
  async t => {
    const { upstream, blobs, store } = open(t)
    const body = upstream.nextBody(size)
    const stopping = new AbortController()
    const fetching = blobs.fetch(repository, digest, stopping.signal)
    t.equal(await body.opened, 0)
    t.equal(blobs.isBusy(), false, 'no client waits')
    body.send(content.subarray(0, 6_000_000))
    while (store.partial(digest) < 6_000_000) await new Promise(setImmediate)
    stopping.abort(new Error('clients first'))
    await t.rejects(fetching, { message: 'clients first' })
    await body.closed
    while (blobs.isBusy()) await new Promise(setImmediate)
    t.equal(await blobs.fetch(repository, digest, signal), undefined)
    t.ok(store.stat(digest))
    t.equal(upstream.asked.at(-1)?.offset, 6_000_000)
  },
)

t.test('a client that joins the background keeps it going', async t => {
  const { upstream, blobs, get } = open(t)
  const body = upstream.nextBody(size)
  const stopping = new AbortController()
  const fetching = blobs.fetch(repository, digest, stopping.signal)
  await body.opened
  const changes: boolean[] = []
  t.teardown(blobs.onBusyChange(() => changes.push(blobs.isBusy())))
  const opening = get()
  while (changes.length === 0) await new Promise(setImmediate)
  t.strictSame(changes, [true])
  stopping.abort(new Error('clients first'))
  await t.rejects(fetching)
  body.send(content)
  body.end()
  t.ok((await (await opening).whole).equals(content))
  while (blobs.isBusy()) await new Promise(setImmediate)
  t.strictSame(changes, [true, false])
  t.equal(upstream.count('getBlob'), 1)
})

t.test('the size of a blob is told without fetching it', async t => {
  const { upstream, blobs, store, get } = open(t)
  const body = upstream.nextBody(size)
  t.strictSame(await blobs.stat(repository, digest, signal), { size, source: 'upstream' })
  t.equal(upstream.asked[0]?.signal.aborted, true, 'the connection is closed')
  t.equal(store.partial(digest), 0)
  body.end()
  upstream.next('getBlob', () => Promise.reject(failure('not-found')))
  t.match(await blobs.stat(repository, digest, signal), { absent: true, failure: 'not-found' })
  await (await get()).whole
  t.strictSame(await blobs.stat(repository, digest, signal), { size, source: 'store' })
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  await store.delete(digest)
  t.match(await blobs.stat(repository, digest, signal), { absent: true, failure: 'unreachable' })
})

t.test('nobody gets out of a private repository what is not his', async t => {
  const secret = repositoryOf('secret/app')
  const isPrivate = (r: Repository) => r.repository.startsWith('secret/')
  const { upstream, blobs, store } = open(t, { isPrivate })
  const body = upstream.nextBody(size)
  const opening = blobs.open(secret, digest, { signal })
  await body.opened
  upstream.next('getBlob', () => Promise.reject(failure('denied')))
  t.match(
    await blobs.open(repository, digest, { signal }),
    { absent: true, failure: 'denied' },
    'not from the running flight either',
  )
  body.send(content)
  body.end()
  t.ok((await download(present(await opening)).whole).equals(content))
  while (store.stat(digest) === undefined) await new Promise(setImmediate)
  t.match(await blobs.open(repository, digest, { signal }), { absent: true, reason: /never seen/ })
  t.match(await blobs.open(secret, digest, { signal }), { source: 'store' })
  t.equal(upstream.count('getBlob'), 2)
})

t.test('what a private download left behind is not continued for others', async t => {
  const isPrivate = (r: Repository) => r.repository.startsWith('secret/')
  const { upstream, blobs, store } = open(t, { isPrivate, flights: { keepFetching: false } })
  const body = upstream.nextBody(size)
  const opening = blobs.open(repositoryOf('secret/app'), digest, { signal })
  body.send(content.subarray(0, 2_000_000))
  await present(await opening).close()
  while (blobs.isBusy()) await new Promise(setImmediate)
  t.equal(store.partial(digest), 2_000_000)
  const other = present(await blobs.open(repository, digest, { signal }))
  t.ok((await download(other).whole).equals(content))
  t.equal(upstream.asked.at(-1)?.offset, 0)
})

t.test('closing suspends what is under way and interrupts its readers', async t => {
  const { upstream, blobs, store } = open(t)
  const body = upstream.nextBody(size)
  const opening = blobs.open(repository, digest, { signal })
  body.send(content.subarray(0, 2_000_000))
  const client = download(present(await opening))
  await client.reached(2_000_000)
  await blobs.close()
  await t.rejects(client.whole, { code: 'blob-interrupted' })
  t.equal(store.partial(digest), 2_000_000)
})

t.test(
  'a link that is cut at every tenth, with a restart each time, carries each byte once',
  async t => {
    const store = createMemoryStore()
    const upstream = createFakeUpstream()
    upstream.add(content)
    const rest: Buffer[] = []
    for (let tenth = 1; tenth <= 10; tenth += 1) {
      const pull = openPull(upstream, { store })
      const body = upstream.nextBody(size)
      const got = rest.reduce((sum, part) => sum + part.length, 0)
      const opening = pull.blobs.open(repository, digest, { start: got, signal })
      t.equal(await body.opened, (tenth - 1) * 1_000_000)
      body.send(content.subarray((tenth - 1) * 1_000_000, tenth * 1_000_000))
      if (tenth === 10) body.end()
      const client = download(present(await opening), { start: got })
      await client.reached(tenth === 10 ? size - got : tenth * 1_000_000 - got)
      if (tenth === 10) await client.whole
      await pull.close()
      rest.push(client.bytes())
    }
    t.ok(Buffer.concat(rest).equals(content))
    t.equal(upstream.count('getBlob'), 10)
  },
)
