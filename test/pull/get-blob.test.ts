import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { createFakeUpstream, failure, repositoryOf } from '../support/fake-upstream.ts'
import { makeImage } from '../support/image.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { download, openPull, present } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const size = 3_000_000
const content = randomBytes(size)
const digest = digestOf(content)
const small = randomBytes(200_000)
const smallDigest = digestOf(small)
const { signal } = new AbortController()

function open(t: Test, options: Parameters<typeof openPull>[1] = {}) {
  const upstream = createFakeUpstream()
  upstream.add(content, small)
  const pull = openPull(upstream, options)
  t.teardown(() => pull.close())
  const get = async (
    range: { start?: number; end?: number } = {},
    from = repository,
    of = digest,
  ) => download(present(await pull.blobs.open(from, of, { ...range, signal })), range)
  return { upstream, ...pull, get }
}

t.test('a blob is fetched once, stored, and read from the store after that', async t => {
  const { upstream, blobs, store, used } = open(t)
  const first = present(await blobs.open(repository, digest, { signal }))
  t.equal(first.source, 'upstream')
  t.equal(first.size, size)
  t.ok((await download(first).whole).equals(content))
  await upstream.until(() => store.stat(digest) !== undefined)
  const again = present(await blobs.open(repository, digest, { signal }))
  t.equal(again.source, 'store')
  t.ok((await download(again).whole).equals(content))
  t.equal(upstream.count('getBlob'), 1)
  t.strictSame(used, [digest, digest])
})

t.test('five clients at once are one upstream fetch', async t => {
  const { upstream, get } = open(t)
  const clients = await Promise.all(Array.from({ length: 5 }, () => get()))
  for (const client of clients) t.ok((await client.whole).equals(content))
  t.equal(upstream.count('getBlob'), 1)
  t.equal(upstream.blobBytes(), size)
})

t.test('clients read what has arrived while the rest is still under way', async t => {
  const { upstream, get, blobs } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  await body.opened
  body.send(content.subarray(0, 1_000_000))
  const client = await opening
  await client.reached(1_000_000)
  const second = present(await blobs.open(repository, digest, { signal }))
  t.equal(second.source, 'flight')
  const late = download(second)
  await late.reached(1_000_000)
  body.send(content.subarray(1_000_000))
  body.end()
  for (const each of [client, late]) t.ok((await each.whole).equals(content))
})

t.test('the last byte waits for the whole to be verified', async t => {
  const { upstream, get } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, size - 1))
  const client = await opening
  await client.reached(size - 1)
  body.send(content.subarray(size - 1))
  body.end()
  t.ok((await client.whole).equals(content))
})

t.test('wrong bytes never reach their end: who has some learns that they are in doubt', async t => {
  let passedMs = 0
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + passedMs }
  const { upstream, blobs, get, store, failed } = open(t, { clock })
  const wrong = Buffer.from(content)
  wrong[10] = ~(wrong[10] ?? 0)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(wrong.subarray(0, size - 1))
  const client = await opening
  await client.reached(size - 1)
  const ahead = await get({ start: size - 1 })
  body.send(wrong.subarray(size - 1))
  body.end()
  await t.rejects(client.whole, { code: 'blob-in-doubt' })
  await t.rejects(ahead.whole, { code: 'blob-in-doubt' }, 'it has the rest from an earlier answer')
  t.equal(client.bytes().length, size - 1)
  t.equal(ahead.bytes().length, 0)
  while (failed.length === 0) await new Promise(setImmediate)
  t.equal(store.stat(digest), undefined)
  t.equal(store.partial(digest), 0)
  t.strictSame(failed, [[digest, 'unreachable']])
  t.match(await blobs.open(repository, digest, { signal }), {
    absent: true,
    failure: 'unreachable',
    reason: /wrong bytes/,
  })
  t.equal(upstream.count('getBlob'), 1, 'who lied is not asked again at once')
  passedMs += 5_000
  t.ok((await (await get()).whole).equals(content), 'but before anyone thinks the blob is lost')
})

t.test('a wrong small blob is not even begun', async t => {
  const { upstream, blobs } = open(t)
  const body = upstream.nextBody(small.length)
  const opening = blobs.open(repository, smallDigest, { signal })
  body.send(Buffer.alloc(small.length))
  body.end()
  t.match(await opening, { absent: true, failure: 'unreachable' })
})

t.test('a small blob is whole and verified when it is opened', async t => {
  const { upstream, blobs } = open(t)
  const body = upstream.nextBody(small.length)
  let isOpen = false
  const opening = blobs.open(repository, smallDigest, { signal }).then(opened => {
    isOpen = true
    return present(opened)
  })
  await body.opened
  body.send(small.subarray(0, 199_999))
  await new Promise(setImmediate)
  t.equal(isOpen, false)
  body.send(small.subarray(199_999))
  body.end()
  t.ok((await download(await opening).whole).equals(small))
})

t.test(
  'a small blob that is slow is opened late, and still not begun before it is verified',
  async t => {
    const { upstream, blobs } = open(t, { flights: { firstByteMs: 500 } })
    const body = upstream.nextBody(small.length)
    const opening = blobs.open(repository, smallDigest, { signal })
    body.send(small.subarray(0, 150_000))
    const client = download(present(await opening))
    body.send(small.subarray(150_000))
    await new Promise(setImmediate)
    t.equal(client.bytes().length, 0)
    body.end()
    t.ok((await client.whole).equals(small))
  },
)

t.test('a client that goes away does not end the fetch', async t => {
  const { upstream, blobs, store } = open(t)
  const body = upstream.nextBody(size)
  const leaving = new AbortController()
  const opening = blobs.open(repository, digest, { signal: leaving.signal })
  await body.opened
  leaving.abort(new Error('gone'))
  await t.rejects(opening, { message: 'gone' })
  body.send(content)
  body.end()
  const { promise, resolve } = Promise.withResolvers<void>()
  t.teardown(store.onChange(() => resolve()))
  await promise
  t.ok(store.stat(digest))
})

t.test('without keepFetching what the last client leaves is suspended', async t => {
  const { upstream, blobs, store } = open(t, { flights: { keepFetching: false } })
  const body = upstream.nextBody(size)
  const opening = blobs.open(repository, digest, { signal })
  body.send(content.subarray(0, 2_000_000))
  await present(await opening).close()
  await body.closed
  await blobs.close()
  t.equal(store.partial(digest), 2_000_000)
})

t.test('a body that breaks off is continued by range at once', async t => {
  const { upstream, get } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 1_500_000))
  body.fail(failure('unreachable'))
  t.ok((await (await opening).whole).equals(content))
  t.strictSame(
    upstream.asked.map(({ offset }) => offset),
    [0, 1_500_000],
  )
})

t.test('a body that ends early is continued, too', async t => {
  const { upstream, get } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 1_500_000))
  body.end()
  t.ok((await (await opening).whole).equals(content))
  t.equal(upstream.asked.at(-1)?.offset, 1_500_000)
})

t.test('when the source stays dead, readers keep what is good and are interrupted', async t => {
  const { upstream, get, store, failed } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 1_500_000))
  const client = await opening
  await client.reached(1_500_000)
  upstream.answer('getBlob', () => Promise.reject(failure('unreachable')))
  body.fail(failure('unreachable'))
  await t.rejects(client.whole, { code: 'blob-interrupted' })
  t.ok(client.bytes().equals(content.subarray(0, 1_500_000)))
  t.equal(store.partial(digest), 1_500_000, 'kept, and not open any more')
  t.strictSame(failed, [[digest, 'unreachable']])
  t.equal(upstream.count('getBlob'), 5, 'at once, then three more')

  upstream.answer('getBlob', undefined)
  const rest = await get({ start: 1_500_000 })
  t.ok((await rest.whole).equals(content.subarray(1_500_000)))
  t.equal(upstream.asked.at(-1)?.offset, 1_500_000)
})

t.test('a source that goes down in the middle is not asked again', async t => {
  const { upstream, get } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 1_500_000))
  const client = await opening
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  body.fail(failure('unreachable'))
  await t.rejects(client.whole, { code: 'blob-interrupted' })
  t.equal(upstream.count('getBlob'), 1)
})

t.test('what is known to be down, denied or not there is absent at once', async t => {
  const { upstream, blobs } = open(t)
  for (const code of ['denied', 'not-found', 'rate-limited'] as const) {
    upstream.next('getBlob', () => Promise.reject(failure(code)))
    t.match(await blobs.open(repository, digest, { signal }), { absent: true, failure: code })
  }
  t.equal(upstream.count('getBlob'), 3)
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'clock' })
  t.match(await blobs.open(repository, digest, { signal }), { absent: true, failure: 'clock' })
  upstream.setReach('reg.test', { state: 'unconfigured' })
  t.match(await blobs.open(repository, digest, { signal }), { absent: true, reason: /upstreams/ })
  t.equal(upstream.count('getBlob'), 3)
})

t.test('a first byte that does not come in time is absent, and the fetch goes on', async t => {
  const { upstream, blobs, store, failed } = open(t, { flights: { firstByteMs: 20 } })
  const body = upstream.nextBody(size)
  const answer = await blobs.open(repository, digest, { signal })
  t.match(answer, { absent: true, failure: 'unreachable', reason: /in time/ })
  t.strictSame(failed, [[digest, 'unreachable']], 'whoever names it now names what cannot be had')
  body.send(content)
  body.end()
  const { promise, resolve } = Promise.withResolvers<void>()
  t.teardown(store.onChange(() => resolve()))
  await promise
  t.ok(store.stat(digest))
})

t.test('a download that stalls interrupts its readers', async t => {
  const { upstream, get, failed } = open(t, { flights: { stallMs: 500 } })
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 1_500_000))
  const client = await opening
  await t.rejects(client.whole, { code: 'blob-interrupted', message: /stalled/ })
  t.strictSame(failed, [[digest, 'unreachable']])
  t.equal(client.bytes().length, 1_500_000)
})

t.test('a range ahead of the download is opened at once and gets its bytes later', async t => {
  const { upstream, get } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 100_000))
  const first = await opening
  const ahead = await get({ start: 2_000_000 })
  t.equal(ahead.bytes().length, 0)
  body.send(content.subarray(100_000, 2_500_000))
  await ahead.reached(500_000)
  body.send(content.subarray(2_500_000))
  body.end()
  t.ok((await ahead.whole).equals(content.subarray(2_000_000)))
  t.ok((await first.whole).equals(content))
})

t.test('a closed range ends only when the whole is verified', async t => {
  const { upstream, get } = open(t)
  const body = upstream.nextBody(size)
  const opening = get({ start: 1000, end: 1999 })
  body.send(content.subarray(0, size - 1))
  const client = await opening
  await client.reached(999)
  await new Promise(setImmediate)
  t.equal(client.bytes().length, 999)
  body.send(content.subarray(size - 1))
  body.end()
  t.ok((await client.whole).equals(content.subarray(1000, 2000)))
})

t.test('a closed range whose whole does not come in time is cut', async t => {
  const { upstream, get } = open(t, { flights: { holdMs: 500 } })
  const body = upstream.nextBody(size)
  const opening = get({ end: 999 })
  body.send(content.subarray(0, 2_000_000))
  const client = await opening
  await t.rejects(client.whole, { code: 'blob-interrupted', message: /verified in time/ })
  t.equal(client.bytes().length, 999)
})

t.test('a blob whose size is not what its manifest says is never believed', async t => {
  const { upstream, blobs, graph, failed } = open(t)
  const image = makeImage({ layers: [2_000_000] }).for('linux/amd64')
  graph.learn(image.digest, image.mediaType, image.bytes)
  const layer = image.layers[0]?.digest ?? digest
  const body = upstream.nextBody(2_000_000 + 100_000)
  const answer = await blobs.open(repository, layer, { signal })
  t.match(answer, { absent: true, failure: 'unreachable', reason: /by its manifest/ })
  t.equal(upstream.asked[0]?.signal.aborted, true, 'and its connection is closed')
  await body.opened
  t.equal(upstream.count('getBlob'), 1)
  t.strictSame(failed, [[layer, 'unreachable']])
})

t.test('a body longer than its size is cut before its end', async t => {
  const { upstream, get } = open(t)
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 2_000_000))
  body.send(Buffer.concat([content.subarray(2_000_000), Buffer.from('more')]))
  const client = await opening
  await t.rejects(client.whole, { code: 'blob-interrupted' })
  t.ok(client.bytes().length < size)
})

t.test('without a size the blob is opened when all of it is here', async t => {
  const { upstream, blobs } = open(t)
  const body = upstream.nextBody(undefined)
  const opening = blobs.open(repository, digest, { signal })
  body.send(content)
  body.end()
  const blob = present(await opening)
  t.equal(blob.size, size)
  t.ok((await download(blob).whole).equals(content))
})

t.test(
  'a source that ignores ranges sends again what is here, and no reader sees it twice',
  async t => {
    const { upstream, get } = open(t)
    const first = upstream.nextBody(size)
    const opening = get()
    first.send(content.subarray(0, 1_500_000))
    upstream.next('getBlob', async () => ({
      offset: 0,
      size,
      body: (async function* () {
        yield content.subarray(0, 1_000_000)
        yield content.subarray(1_000_000)
      })(),
    }))
    first.fail(failure('unreachable'))
    t.ok((await (await opening).whole).equals(content))
  },
)

t.test('a damaged prefix accuses nobody: the blob is fetched whole once more', async t => {
  const store = createMemoryStore()
  const writer = await store.write(digest, size)
  await writer.write(Buffer.alloc(1_200_000, 7))
  await writer.suspend()
  const { upstream, get, failed } = open(t, { store })
  const body = upstream.nextBody(size)
  const opening = get()
  t.equal(await body.opened, 1_200_000)
  body.send(content.subarray(1_200_000, 2_000_000))
  const client = await opening
  await client.reached(2_000_000)
  body.send(content.subarray(2_000_000))
  body.end()
  await t.rejects(client.whole, { code: 'blob-in-doubt' })
  const again = await get()
  t.ok((await again.whole).equals(content))
  t.strictSame(
    upstream.asked.map(({ offset }) => offset),
    [1_200_000, 0],
  )
  t.strictSame(failed, [])
})

t.test('a manifest is no blob', async t => {
  const { upstream, blobs, graph } = open(t)
  const image = makeImage()
  upstream.add(image.blobs)
  graph.learn(image.digest, image.mediaType, image.bytes)
  t.match(await blobs.open(repository, image.digest, { signal }), { absent: true })
  t.match(await blobs.stat(repository, image.digest, signal), { absent: true })
  t.equal(upstream.count('getBlob'), 0)
})

t.test('a size that only a private manifest tells is told in its own repository alone', async t => {
  const secret = repositoryOf('secret/app')
  const { upstream, blobs, graph } = open(t, { isPrivate: r => r.repository === secret.repository })
  const manifest = makeImage().for('linux/amd64')
  const [layer] = manifest.layers
  if (layer === undefined) throw new Error('no layer')
  graph.addSighting(manifest.digest, secret)
  graph.learn(manifest.digest, manifest.mediaType, manifest.bytes)
  upstream.next('getBlob', () => Promise.reject(failure('denied')))
  t.match(await blobs.stat(repository, layer.digest, signal), { absent: true, failure: 'denied' })
  const told = await blobs.stat(secret, layer.digest, signal)
  t.strictSame(told, { size: layer.size, source: 'upstream' })
  t.equal(upstream.count('getBlob'), 1, 'the owner was asked for the other repository only')
})

t.test('what was fetched for a repository was seen there', async t => {
  const { get, graph } = open(t)
  await (await get()).whole
  t.strictSame(graph.seenIn(digest), [repository])
})

t.test('a connection that only trickles is given up, and the rest asked on a new one', async t => {
  let passedMs = 0
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + passedMs }
  const { upstream, get } = open(t, { clock, flights: { stallMs: 60_000 } })
  const body = upstream.nextBody(size)
  const opening = get()
  body.send(content.subarray(0, 2_000))
  const client = await opening
  for (const [sent, next] of [
    [2_000, 3_500],
    [3_500, 3_600],
  ] as const) {
    await client.reached(sent)
    passedMs += 10_000
    body.send(content.subarray(sent, next))
  }
  t.ok((await client.whole).equals(content))
  t.strictSame(
    upstream.asked.map(({ offset }) => offset),
    [0, 3_600],
  )
})
