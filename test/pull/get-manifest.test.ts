import t, { type Test } from 'tap'
import type { Repository } from '../../src/oci/reference.ts'
import { HoldfastError } from '../../src/ports/errors.ts'
import { isAbsent } from '../../src/pull/absent.ts'
import { createFakeUpstream, failure, repositoryOf } from '../support/fake-upstream.ts'
import { makeImage } from '../support/image.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { openPull, present } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const image = makeImage()
const { digest, mediaType, bytes } = image
const { signal } = new AbortController()

function open(t: Test, options: Parameters<typeof openPull>[1] = {}) {
  const upstream = createFakeUpstream()
  upstream.add(image.blobs)
  const pull = openPull(upstream, options)
  t.teardown(() => pull.close())
  return { upstream, ...pull, get: pull.manifests.get }
}

const held = (store: ReturnType<typeof createMemoryStore>) =>
  new Promise<void>(resolve => store.onChange(() => resolve()))

t.test('a manifest comes from upstream once, then from the store, always as it is', async t => {
  const store = createMemoryStore()
  const { upstream, get, graph, used } = open(t, { store })
  const stored = held(store)
  const first = present(await get(repository, digest, signal))
  t.strictSame(first, { digest, mediaType, bytes, source: 'upstream' })
  await stored
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  const again = present(await get(repository, digest, signal))
  t.strictSame(again, { digest, mediaType, bytes, source: 'store' })
  t.equal(upstream.count('getManifest'), 1)
  t.strictSame(graph.seenIn(digest), [repository])
  t.ok(graph.reachable(digest).has(image.for('linux/amd64').digest), 'its children are known')
  t.strictSame(used, [digest, digest])
})

t.test('a popular manifest is read once, and served no longer than it is held', async t => {
  const store = createMemoryStore()
  let reads = 0
  const counting = {
    ...store,
    get: (wanted: typeof digest, maxBytes: number) => {
      reads += 1
      return store.get(wanted, maxBytes)
    },
  }
  const { upstream, get, manifests } = open(t, { store: counting })
  await manifests.keep(repository, digest, mediaType, bytes)
  for (let n = 0; n < 3; n++) present(await get(repository, digest, signal))
  t.equal(reads, 1)
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  await store.delete(digest)
  t.ok(isAbsent(await get(repository, digest, signal)))
})

t.test('what cannot be stored is asked for once a pull, and is not held', async t => {
  const store = createMemoryStore({ quotaBytes: 0 })
  const { upstream, get, graph } = open(t, { store })
  present(await get(repository, digest, signal))
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  t.strictSame(present(await get(repository, digest, signal)).bytes, bytes)
  t.equal(upstream.count('getManifest'), 1)
  t.equal(graph.describe(digest), undefined, 'nobody is told that it is here')
  const child = image.for('linux/amd64').digest
  t.ok(isAbsent(await get(repository, child, signal)), 'what did not come is not at hand')
})

t.test('what could not be stored and is now is served no longer than it is held', async t => {
  const store = createMemoryStore()
  let isFull = true
  const filling: typeof store.put = async (...blob) => {
    if (isFull) throw new HoldfastError('store-full', 'no room')
    await store.put(...blob)
  }
  const { upstream, get } = open(t, { store: { ...store, put: filling } })
  present(await get(repository, digest, signal))
  isFull = false
  await store.put(digest, bytes)
  present(await get(repository, digest, signal))
  await store.delete(digest)
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  t.ok(isAbsent(await get(repository, digest, signal)))
})

t.test('a manifest is served with the type it had upstream', async t => {
  const { upstream, get } = open(t)
  const type = 'application/vnd.oci.image.index.v1+json; charset=utf-8'
  upstream.next('getManifest', async () => ({ digest, mediaType: type, bytes }))
  t.equal(present(await get(repository, digest, signal)).mediaType, type)
})

t.test('many who ask at once are one question, and are answered before the disk is', async t => {
  const store = createMemoryStore()
  const syncing = Promise.withResolvers<void>()
  const slow = { ...store, put: () => syncing.promise }
  const { upstream, get } = open(t, { store: slow })
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => get(repository, digest, signal)),
  )
  for (const answer of answers) t.strictSame(present(answer).bytes, bytes)
  t.strictSame(present(await get(repository, digest, signal)).bytes, bytes, 'still being written')
  t.equal(upstream.count('getManifest'), 1)
  syncing.resolve()
})

t.test('a client that leaves does not end the question', async t => {
  const store = createMemoryStore()
  const { upstream, get } = open(t, { store })
  const answer = Promise.withResolvers<{
    digest: typeof digest
    mediaType: string
    bytes: Buffer
  }>()
  upstream.next('getManifest', () => answer.promise)
  const leaving = new AbortController()
  const asking = get(repository, digest, leaving.signal)
  await upstream.until(asked => asked.length === 1)
  leaving.abort(new Error('gone'))
  await t.rejects(asking, { message: 'gone' })
  const stored = held(store)
  answer.resolve({ digest, mediaType, bytes })
  await stored
  t.ok(store.stat(digest))
})

t.test('one that is late is absent, but neither suspect nor given up', async t => {
  const store = createMemoryStore()
  const { upstream, get, completeness } = open(t, { store, deadlineMs: 10 })
  const answer = Promise.withResolvers<{
    digest: typeof digest
    mediaType: string
    bytes: Buffer
  }>()
  upstream.next('getManifest', () => answer.promise)
  t.match(await get(repository, digest, signal), { absent: true, reason: /late/ })
  t.equal(completeness.isSuspect(digest), false)
  const stored = held(store)
  answer.resolve({ digest, mediaType, bytes })
  await stored
})

t.test('who comes while a question hangs is not made to hang with it', async t => {
  const clock = createMovableClock(0)
  const { upstream, get } = open(t, { clock })
  upstream.next('getManifest', (_repository, _digest, ends) => {
    return new Promise((_, reject) => {
      ends.addEventListener('abort', () => reject(failure('unreachable')))
    })
  })
  const leaver = new AbortController()
  const hanging = [get(repository, digest, leaver.signal)]
  await new Promise(setImmediate)
  clock.pass(1_999)
  hanging.push(get(repository, digest, leaver.signal))
  await new Promise(setImmediate)
  t.equal(upstream.count('getManifest'), 1, 'at first it is shared')
  clock.pass(1)
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  hanging.push(get(repository, digest, leaver.signal))
  await new Promise(setImmediate)
  t.equal(
    upstream.count('getManifest'),
    1,
    'what is known to be down is not asked: it is all there is',
  )
  upstream.recover('reg.test')
  present(await get(repository, digest, signal))
  t.equal(upstream.count('getManifest'), 2)
  leaver.abort()
  for (const each of hanging) await t.rejects(each)
})

t.test('what is verified but not yet durable is shared, however slow the disk', async t => {
  const clock = createMovableClock(0)
  const disk = Promise.withResolvers<void>()
  const store = { ...createMemoryStore(), put: () => disk.promise }
  const { upstream, get } = open(t, { clock, store })
  present(await get(repository, digest, signal))
  clock.pass(60_000)
  present(await get(repository, digest, signal))
  t.equal(upstream.count('getManifest'), 1)
  disk.resolve()
})

t.test('one that fails as unreachable is suspect; other failures say nothing about it', async t => {
  const { upstream, get, completeness } = open(t)
  for (const code of ['denied', 'not-found', 'rate-limited', 'clock'] as const) {
    upstream.next('getManifest', () => Promise.reject(failure(code)))
    t.match(await get(repository, digest, signal), { absent: true, failure: code })
    t.equal(completeness.isSuspect(digest), false)
  }
  upstream.next('getManifest', () => Promise.reject(failure('unreachable', 'wrong-digest')))
  t.match(await get(repository, digest, signal), { absent: true, failure: 'unreachable' })
  t.equal(completeness.isSuspect(digest), true)
})

t.test('what is down or not configured is not asked', async t => {
  const { upstream, get } = open(t)
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'rate-limited' })
  t.match(await get(repository, digest, signal), { absent: true, failure: 'rate-limited' })
  upstream.setReach('reg.test', { state: 'unconfigured' })
  t.match(await get(repository, digest, signal), { absent: true, reason: /upstreams/ })
  t.equal(upstream.count('getManifest'), 0)
})

t.test('content that is no manifest is absent here, from either side', async t => {
  const { upstream, get, store } = open(t)
  const { config } = image.for('linux/amd64')
  upstream.next('getManifest', async () => ({
    digest: config.digest,
    mediaType: 'application/json',
    bytes: config.bytes,
  }))
  t.match(await get(repository, config.digest, signal), { absent: true })
  t.equal(store.stat(config.digest), undefined)
  await store.put(config.digest, config.bytes)
  t.match(await get(repository, config.digest, signal), { absent: true })
  t.equal(upstream.count('getManifest'), 1)
})

t.test('a full store is no reason to refuse', async t => {
  const { get, completeness, graph } = open(t, { store: createMemoryStore({ quotaBytes: 1 }) })
  t.strictSame(present(await get(repository, digest, signal)).bytes, bytes)
  t.ok(graph.manifest(digest))
  t.equal(completeness.isComplete(digest), false)
})

t.test(
  'another repository gets a private manifest only when its own registry has it, too',
  async t => {
    const secret = repositoryOf('secret/app')
    const isPrivate = (r: Repository) => r.repository.startsWith('secret/')
    const { upstream, get, graph } = open(t, { isPrivate })
    const slow = Promise.withResolvers<{
      digest: typeof digest
      mediaType: string
      bytes: Buffer
    }>()
    upstream.next('getManifest', () => slow.promise)
    upstream.next('getManifest', () => Promise.reject(failure('not-found')))
    const asking = get(secret, digest, signal)
    await upstream.until(asked => asked.length === 1)
    t.match(
      await get(repository, digest, signal),
      { absent: true },
      'not out of the running flight',
    )
    slow.resolve({ digest, mediaType, bytes })
    t.ok(present(await asking))
    upstream.next('getManifest', () => Promise.reject(failure('denied')))
    t.match(await get(repository, digest, signal), { absent: true, failure: 'denied' })
    t.match(await get(secret, digest, signal), { source: 'store' })
    t.match(await get(repository, digest, signal), { source: 'upstream' }, 'it does have it')
    t.match(await get(repository, digest, signal), { source: 'store' })
    t.strictSame(graph.seenIn(digest), [secret, repository])
  },
)

t.test('a manifest that came with a tag is kept', async t => {
  const { upstream, manifests, store, graph } = open(t)
  const target = await manifests.keep(repository, digest, mediaType, bytes)
  t.strictSame(target, { digest, mediaType, size: bytes.length })
  t.ok(store.stat(digest))
  t.strictSame(graph.describe(digest), target)
  t.strictSame(graph.seenIn(digest), [repository])
  t.equal(upstream.count('getManifest'), 0)
})

t.test('the background fetches a manifest and hears when it is stored', async t => {
  const { upstream, manifests, store, used } = open(t)
  t.equal(await manifests.fetch(repository, digest, signal), undefined)
  t.ok(store.stat(digest))
  t.equal(await manifests.fetch(repository, digest, signal), undefined)
  t.equal(upstream.count('getManifest'), 1)
  t.strictSame(used, [])
})

t.test('closing ends the questions under way, and makes nothing suspect', async t => {
  const { upstream, manifests, completeness } = open(t)
  upstream.next('getManifest', (_repository, _digest, ends) => {
    return new Promise((_, reject) => {
      ends.addEventListener('abort', () => reject(failure('unreachable')))
    })
  })
  const asking = manifests.get(repository, digest, signal)
  await upstream.until(asked => asked.length === 1)
  await manifests.close()
  t.match(await asking, { absent: true })
  t.equal(completeness.isSuspect(digest), false)
})
