import t, { type Test } from 'tap'
import { wireCompleting } from '../../src/daemon/completing.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createFakeUpstream, repositoryOf } from '../support/fake-upstream.ts'
import { makeImage } from '../support/image.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { openPull } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const { digest, mediaType, bytes } = makeImage()

async function open(t: Test, { keepsContent = true, completeTags = true }) {
  const upstream = createFakeUpstream()
  const store = createMemoryStore()
  const pull = openPull(upstream, { store })
  await pull.manifests.keep(repository, digest, mediaType, bytes)
  const owned = new AsyncDisposableStack()
  t.teardown(async () => {
    await owned.disposeAsync()
    await pull.close()
  })
  return wireCompleting(
    { store: { completeTags } as Parameters<typeof wireCompleting>[0]['store'] },
    {
      ...pull,
      content: { ...pull, store, keepsContent },
      inReach: { lately: () => undefined },
      upstream,
      members: undefined,
      clock: systemClock,
      log: silentLog,
    },
    owned,
  )
}

t.test('the rest of an image is fetched, after an answer only where that is wanted', async t => {
  const wanted = await open(t, {})
  wanted.fetchRest(repository, digest)
  t.equal(wanted.pending(), 1)
  const unwanted = await open(t, { completeTags: false })
  unwanted.fetchRest(repository, digest)
  t.equal(unwanted.pending(), 0)
  t.equal(unwanted.complete(repository, digest), true)
  t.equal(unwanted.pending(), 1, 'when an operator asks for it')
})

t.test('a node that keeps nothing fetches nothing ahead', async t => {
  const { complete, fetchRest, pending } = await open(t, { keepsContent: false })
  t.equal(complete(repository, digest), false)
  fetchRest(repository, digest)
  t.equal(pending(), 0)
})
