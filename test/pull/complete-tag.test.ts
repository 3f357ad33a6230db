import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createCompleteTags } from '../../src/pull/complete-tag.ts'
import { createFakeUpstream, failure, repositoryOf } from '../support/fake-upstream.ts'
import { makeImage } from '../support/image.ts'
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts'
import { download, openPull, present, stayAlive } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const image = makeImage({ layers: [1000, 2_000_000] })
const ours = image.for('linux/amd64')
const { signal } = new AbortController()
stayAlive(t)

function open(
  t: Test,
  options: Parameters<typeof openPull>[1] = {},
  { retryMs = 5 }: { readonly retryMs?: number } = {},
) {
  const upstream = createFakeUpstream()
  upstream.add(image.blobs)
  const pull = openPull(upstream, options)
  let looks = 0
  const watch = <A extends unknown[], R>(look: (...asked: A) => R) => {
    return (...asked: A): R => {
      looks += 1
      return look(...asked)
    }
  }
  const blobs = { ...pull.blobs, isBusy: watch(pull.blobs.isBusy) }
  const reachOf = watch(pull.reachOf)
  const tags = createCompleteTags(
    {
      ...pull,
      canPeersComplete: () => false,
      blobs,
      reachOf,
      upstream,
      onLacking: () => {},
      clock: systemClock,
      log: silentLog,
    },
    { concurrency: 2, quietMs: 1, retryMs },
  )
  t.teardown(async () => {
    await tags.close()
    await pull.close()
  })
  const { completeness, store } = pull
  const until = async (isTrue: () => boolean) => {
    while (!isTrue()) await new Promise(setImmediate)
  }
  const complete = (digest = image.digest) => until(() => completeness.isComplete(digest))
  const idle = () => until(() => tags.pending() === 0)
  /** Settles when the queue has looked whether it may go on, so many times. */
  const looked = (times: number) => {
    const enough = looks + times
    return until(() => looks >= enough)
  }
  return { upstream, ...pull, store, tags, complete, idle, until, looked }
}

t.test('what was answered becomes complete, for this platform and no other', async t => {
  const { upstream, tags, complete, idle, store, used } = open(t)
  tags.want(repository, image.digest)
  t.equal(tags.pending(), 1)
  await complete()
  await idle()
  t.equal(store.stat(image.for('linux/arm64').digest), undefined)
  t.equal(upstream.count('getManifest'), 2)
  t.equal(upstream.count('getBlob'), 1 + ours.layers.length)
  t.strictSame(used, [], 'nobody used it yet')
})

t.test('what is complete or wanted already is not queued again', async t => {
  const { upstream, tags, complete, idle } = open(t)
  tags.want(repository, image.digest)
  tags.want(repository, image.digest)
  t.equal(tags.pending(), 1)
  await complete()
  await idle()
  const asked = upstream.asked.length
  tags.want(repository, image.digest)
  t.equal(tags.pending(), 0)
  t.equal(upstream.asked.length, asked)
})

t.test('while clients download it stands still, and goes on afterwards', async t => {
  const { upstream, tags, blobs, complete, until, looked } = open(t)
  const content = randomBytes(2_000_000)
  const digest = digestOf(content)
  const body = upstream.nextBody(content.length)
  const opening = blobs.open(repository, digest, { signal })
  await body.opened
  tags.want(repository, image.digest)
  await looked(1)
  t.equal(upstream.count('getManifest'), 0)
  body.send(content)
  body.end()
  await download(present(await opening)).whole
  await complete()
  await until(() => tags.pending() === 0)
})

t.test('what made room for others is not fetched again for an image that waits', async t => {
  const { upstream, tags, blobs, store, graph, idle, looked } = open(t)
  const content = randomBytes(2_000_000)
  const body = upstream.nextBody(content.length)
  const opening = blobs.open(repository, digestOf(content), { signal })
  await body.opened
  for (const bytes of [image.bytes, ours.bytes]) {
    graph.learn(digestOf(bytes), undefined, bytes)
    await store.put(digestOf(bytes), bytes)
  }
  tags.want(repository, image.digest)
  t.equal(tags.pending(), 1, 'it waits for the client')
  const [layer] = ours.layers
  if (layer === undefined) throw new Error('the image has no layer')
  await store.put(layer.digest, layer.bytes)
  await store.delete(layer.digest)
  t.equal(tags.pending(), 0)
  const asked = upstream.asked.length
  body.send(content)
  body.end()
  await download(present(await opening)).whole
  await idle()
  t.equal(upstream.asked.length, asked)
  tags.want(repository, image.digest)
  t.equal(tags.pending(), 1, 'whoever asks for it again has it fetched')
  await looked(1)
  await idle()
  t.not(store.stat(layer.digest), undefined)
})

t.test('a blob that turned out damaged is fetched for an image that waits', async t => {
  const { upstream, tags, blobs, store, graph, complete } = open(t)
  const content = randomBytes(2_000_000)
  const body = upstream.nextBody(content.length)
  const opening = blobs.open(repository, digestOf(content), { signal })
  await body.opened
  graph.learn(image.digest, undefined, image.bytes)
  const memory = store as MemoryStore
  await store.put(image.digest, image.bytes)
  tags.want(repository, image.digest)
  memory.damage(image.digest)
  t.equal(await store.get(image.digest, 1_000_000), undefined)
  t.equal(tags.pending(), 1)
  body.send(content)
  body.end()
  await download(present(await opening)).whole
  await complete()
})

t.test('what it was fetching gives way to a client and is continued by range', async t => {
  const { upstream, tags, blobs, complete, store, until } = open(t)
  const layer = ours.layers[1] ?? ours
  upstream.next('getBlob', async () => body(ours.config.bytes))
  upstream.next('getBlob', async () => body(ours.layers[0]?.bytes ?? Buffer.alloc(0)))
  const held = upstream.nextBody(layer.size)
  tags.want(repository, image.digest)
  await held.opened
  held.send(layer.bytes.subarray(0, 1_500_000))
  await until(() => store.partial(layer.digest) === 1_500_000)

  const content = randomBytes(1_500_000)
  upstream.add(content)
  const client = present(await blobs.open(repository, digestOf(content), { signal }))
  await held.closed
  await download(client).whole
  await complete()
  t.equal(upstream.asked.at(-1)?.offset, 1_500_000)

  function body(bytes: Buffer) {
    return {
      offset: 0,
      size: bytes.length,
      body: (async function* () {
        yield bytes
      })(),
    }
  }
})

t.test('while upstream is down nothing is asked, and its return starts it', async t => {
  const { upstream, tags, complete, looked } = open(t)
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  tags.want(repository, image.digest)
  await looked(5)
  t.equal(upstream.asked.length, 0)
  upstream.recover('reg.test')
  await complete()
})

t.test('what cannot be had now, or pauses, takes no place', async t => {
  const { upstream, tags, idle, until, complete } = open(t, {}, { retryMs: 3_600_000 })
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  tags.want(repository, image.digest)
  t.equal(tags.canBeHad(repository, image.digest), false)
  t.equal(tags.pending(), 0)
  upstream.next('getManifest', () => Promise.reject(failure('unreachable')))
  upstream.recover('reg.test')
  t.equal(tags.pending(), 1, 'now it waits for its turn')
  await until(() => upstream.count('getManifest') === 1)
  await idle()
  t.equal(upstream.count('getManifest'), 1, 'it pauses')
  upstream.recover('reg.test')
  await complete()
})

t.test('what is no longer wanted when its turn comes is not fetched', async t => {
  const { upstream, tags, complete } = open(t)
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  const wishes = { first: true, second: true }
  const other = makeImage({ salt: 'other' })
  const both = makeImage({ salt: 'both' })
  for (const { blobs } of [other, both]) upstream.add(blobs)
  tags.want(repository, other.digest, () => wishes.first)
  tags.want(repository, both.digest, () => wishes.first)
  tags.want(repository, both.digest)
  tags.want(repository, image.digest, () => wishes.first)
  tags.want(repository, image.digest, () => wishes.second)
  wishes.first = false
  upstream.recover('reg.test')
  t.equal(tags.pending(), 2)
  await complete()
  await complete(both.digest)
  t.notOk(upstream.asked.some(({ about }) => about.includes(other.digest)))
})

t.test('a full queue drops first what could not begin', async t => {
  const { upstream, tags, complete, blobs } = open(t)
  const content = randomBytes(2_000_000)
  const body = upstream.nextBody(content.length)
  const opening = blobs.open(repository, digestOf(content), { signal })
  await body.opened
  tags.want(repository, image.digest)
  const gone = { ...repository, registry: 'gone.test' }
  upstream.setReach('gone.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  for (let i = 0; i < 1_100; i += 1) tags.want(gone, digestOf(Buffer.from(`${i}`)))
  t.equal(tags.pending(), 1, 'it waits for the client')
  body.send(content)
  body.end()
  await download(present(await opening)).whole
  await complete()
})

t.test('what may pass is tried again, what is final is not', async t => {
  const { upstream, tags, complete, idle } = open(t)
  upstream.next('getManifest', () => Promise.reject(failure('unreachable')))
  upstream.next('getManifest', () => Promise.reject(failure('rate-limited')))
  tags.want(repository, image.digest)
  await complete()
  t.equal(upstream.count('getManifest'), 4)

  const gone = makeImage({ salt: 'gone' })
  tags.want(repository, gone.digest)
  await idle()
  t.equal(upstream.count('getManifest'), 5)
})

t.test('what failed is tried again as soon as upstream is back, whatever its pause', async t => {
  const { upstream, tags, complete, looked } = open(t, {}, { retryMs: 3_600_000 })
  upstream.next('getManifest', () => Promise.reject(failure('unreachable')))
  tags.want(repository, image.digest)
  await upstream.until(asked => asked.length === 1)
  await looked(2)
  t.equal(upstream.count('getManifest'), 1, 'it pauses')
  upstream.recover('reg.test', 'lab/other')
  upstream.recover('elsewhere.test')
  await looked(2)
  t.equal(upstream.count('getManifest'), 1, 'somebody else came back')
  upstream.recover('reg.test', 'lab/app')
  await complete()
})

t.test('a store without room ends it, without asking for the same thing for ever', async t => {
  const { upstream, tags, idle } = open(t, { store: createMemoryStore({ quotaBytes: 10 }) })
  tags.want(repository, image.digest)
  await idle()
  t.equal(upstream.count('getManifest'), 1)
})

t.test('closing stops what is under way and takes nothing more', async t => {
  const { upstream, tags } = open(t)
  upstream.next('getManifest', (_repository, _digest, ends) => {
    return new Promise((_, reject) => {
      ends.addEventListener('abort', () => reject(failure('unreachable')))
    })
  })
  tags.want(repository, image.digest)
  await upstream.until(asked => asked.length === 1)
  await tags.close()
  tags.want(repository, ours.digest)
  t.equal(tags.pending(), 0)
})
