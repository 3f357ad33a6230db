import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Repository } from '../../src/oci/reference.ts'
import { createListReferrers } from '../../src/pull/list-referrers.ts'
import { createFakeUpstream, failure, repositoryOf } from '../support/fake-upstream.ts'
import { makeReferrer, makeSingleImage } from '../support/image.ts'
import { openPull, stayAlive } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const image = makeSingleImage()
const signature = makeReferrer({ subject: image, payload: 'held' })
const other = makeReferrer({ subject: image, payload: 'not held' })
const { signal } = new AbortController()
stayAlive(t)
const isPrivate = (r: Repository) => r.repository.startsWith('secret/')

function open(t: Test) {
  const upstream = createFakeUpstream()
  const { graph, store, reachOf, close } = openPull(upstream)
  t.teardown(close)
  const listReferrers = createListReferrers(
    { upstream, reachOf, graph, isPrivate },
    { deadlineMs: 20, patientMs: 5_000 },
  )
  const list = (options?: { isPatient: boolean }) =>
    listReferrers(repository, image.digest, signal, options)
  const hold = async (seenIn: Repository) => {
    graph.learn(signature.digest, signature.mediaType, signature.bytes)
    graph.addSighting(signature.digest, seenIn)
    await store.put(signature.digest, signature.bytes)
  }
  return { upstream, list, hold }
}

const digests = (answer: object) =>
  'descriptors' in answer ? (answer.descriptors as { digest: string }[]).map(d => d.digest) : answer

t.test('the registry says what refers to a manifest; nothing is an answer, too', async t => {
  const { upstream, list, hold } = open(t)
  await hold(repository)
  t.strictSame(await list(), { descriptors: [], source: 'upstream' })
  upstream.next('listReferrers', async () => [other])
  t.strictSame(digests(await list()), [other.digest])
})

t.test('offline it is what is held, and what the registry said last', async t => {
  const { upstream, list, hold } = open(t)
  await hold(repository)
  upstream.next('listReferrers', async () => [other, signature])
  await list()
  upstream.next('listReferrers', () => Promise.reject(failure('unreachable')))
  t.match(await list(), { source: 'store' })
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  t.strictSame(digests(await list()), [signature.digest, other.digest], 'each once')
})

t.test('what was seen only in a private repository is not listed in another', async t => {
  const { upstream, list, hold } = open(t)
  await hold(repositoryOf('secret/app'))
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  t.match(await list(), { absent: true, failure: 'unreachable' })
})

t.test('without any knowledge it is absent, with the reason', async t => {
  const { upstream, list } = open(t)
  upstream.next('listReferrers', (_repository, _digest, ends) => {
    return new Promise((_, reject) => ends.addEventListener('abort', () => reject(ends.reason)))
  })
  t.match(await list(), { absent: true, reason: /20 ms/, failure: 'unreachable' })
  upstream.setReach('reg.test', { state: 'unconfigured' })
  t.match(await list(), { absent: true, reason: /upstreams/ })
})

t.test('who is patient waits for a registry that is late', async t => {
  const { upstream, list } = open(t)
  const late = (_repository: unknown, _digest: unknown, ends: AbortSignal) =>
    setTimeout(200, [other], { signal: ends })
  upstream.next('listReferrers', late)
  t.match(await list(), { absent: true, failure: 'unreachable' })
  upstream.next('listReferrers', late)
  t.strictSame(digests(await list({ isPatient: true })), [other.digest])
})
