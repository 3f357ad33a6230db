import t, { type Test } from 'tap'
import { wireCompleting } from '../../src/daemon/completing.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createFakeUpstream, repositoryOf } from '../support/fake-upstream.ts'
import { makeImage } from '../support/image.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { openPull } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const image = makeImage()
const { digest, mediaType, bytes } = image

type Offered = ReadonlyMap<Digest, Buffer> | undefined

async function open(
  t: Test,
  { keepsContent = true, completeTags = true, fits = true, offered = undefined as Offered },
) {
  const upstream = createFakeUpstream()
  if (offered !== undefined) upstream.add(offered)
  const store = createMemoryStore()
  const pull = openPull(upstream, { store })
  await pull.manifests.keep(repository, digest, mediaType, bytes)
  const owned = new AsyncDisposableStack()
  t.teardown(async () => {
    await owned.disposeAsync()
    await pull.close()
  })
  const completing = wireCompleting(
    { store: { completeTags } as Parameters<typeof wireCompleting>[0]['store'] },
    {
      ...pull,
      content: { ...pull, store, keepsContent },
      mayFit: () => fits,
      inReach: { lately: () => undefined },
      upstream,
      members: undefined,
      clock: systemClock,
      log: silentLog,
    },
    owned,
  )
  return { ...completing, completeness: pull.completeness }
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

t.test('the rest of what no store of this size takes is not fetched', async t => {
  const { complete, fetchRest, pending } = await open(t, { fits: false })
  fetchRest(repository, digest)
  t.equal(pending(), 0)
  complete(repository, digest)
  t.equal(pending(), 1, 'unless an operator asks for it')
})

t.test('a node that keeps nothing fetches nothing ahead', async t => {
  const { complete, fetchRest, pending } = await open(t, { keepsContent: false })
  t.equal(complete(repository, digest), false)
  fetchRest(repository, digest)
  t.equal(pending(), 0)
})

t.test(
  'an image whose registry lacks a part is suspect: its tag is not answered with it',
  async t => {
    const ours = image.for('linux/amd64')
    const [layer] = ours.layers
    const offered = new Map([...image.blobs].filter(([held]) => held !== layer?.digest))
    const { complete, completeness, pending } = await open(t, { offered })
    complete(repository, digest)
    t.equal(completeness.isSuspect(digest), false)
    while (pending() > 0) await new Promise(done => setTimeout(done, 20))
    t.strictSame(
      completeness.missing(digest).map(one => one.digest),
      [layer?.digest],
    )
    t.equal(completeness.isSuspect(digest), true)
  },
)
