import t from 'tap'
import type { FailureClass } from '../../src/ports/errors.ts'
import type { TagLedger } from '../../src/ports/tag-ledger.ts'
import { createListTags } from '../../src/pull/list-tags.ts'
import { createFakeUpstream, failure, repositoryOf } from '../support/fake-upstream.ts'
import { stayAlive } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const { signal } = new AbortController()
stayAlive(t)

function open(known: readonly string[] = []) {
  const upstream = createFakeUpstream()
  const ledger: Pick<TagLedger, 'listTags'> = {
    listTags: (_repository, after, limit) =>
      known.filter(tag => after === undefined || tag > after).slice(0, limit),
  }
  const denied = new Set<FailureClass>(['denied', 'not-found'])
  const listTags = createListTags(
    { upstream, reachOf: upstream.reach, ledger, mayServe: (_, failed) => !denied.has(failed) },
    { deadlineMs: 20 },
  )
  return { upstream, list: () => listTags(repository, signal) }
}

t.test('the registry says its tags, in byte order and each once', async t => {
  const { upstream, list } = open(['old'])
  upstream.next('listTags', async () => ['b', 'a', 'B', 'a'])
  t.strictSame(await list(), { tags: ['B', 'a', 'b'], source: 'upstream' })
})

t.test('when it fails, is late or down, the ledger says what it knows, however much', async t => {
  const known = Array.from({ length: 2_500 }, (_, n) => `v${String(n).padStart(5, '0')}`)
  const { upstream, list } = open(known)
  const fromLedger = { tags: known, source: 'ledger' }
  upstream.next('listTags', () => Promise.reject(failure('unreachable')))
  t.strictSame(await list(), fromLedger)
  upstream.next('listTags', (_repository, ends) => {
    return new Promise((_, reject) => ends.addEventListener('abort', () => reject(ends.reason)))
  })
  t.strictSame(await list(), fromLedger)
  upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  t.strictSame(await list(), fromLedger)
  t.equal(upstream.count('listTags'), 2)
})

t.test('what policy denies, is not configured or not known is absent', async t => {
  const { upstream, list } = open(['old'])
  upstream.next('listTags', () => Promise.reject(failure('denied')))
  t.match(await list(), { absent: true, failure: 'denied' })
  upstream.setReach('reg.test', { state: 'unconfigured' })
  t.match(await list(), { absent: true, reason: /upstreams/ })
  const empty = open()
  empty.upstream.next('listTags', () => Promise.reject(failure('unreachable')))
  t.match(await empty.list(), { absent: true, failure: 'unreachable' })
})

t.test('a client that leaves is told nothing', async t => {
  const { upstream } = open()
  const leaving = new AbortController()
  const listTags = createListTags(
    { upstream, reachOf: upstream.reach, ledger: { listTags: () => [] }, mayServe: () => true },
    { deadlineMs: 1_000 },
  )
  upstream.next('listTags', (_repository, ends) => {
    return new Promise((_, reject) => ends.addEventListener('abort', () => reject(ends.reason)))
  })
  const listing = listTags(repository, leaving.signal)
  leaving.abort(new Error('gone'))
  await t.rejects(listing, { message: 'gone' })
})
