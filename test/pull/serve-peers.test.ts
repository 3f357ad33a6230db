import t from 'tap'
import type { Repository } from '../../src/oci/reference.ts'
import { createPeerContent } from '../../src/pull/serve-peers.ts'
import { createFakeUpstream, repositoryOf } from '../support/fake-upstream.ts'
import { makeSingleImage } from '../support/image.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { openPull, present } from '../support/pull-parts.ts'

const secret = repositoryOf('secret/app')
const other = repositoryOf('lab/app')
const isPrivate = ({ repository }: Repository) => repository.startsWith('secret/')
const { signal } = new AbortController()

t.test('other nodes get what is private under its own repository alone', async t => {
  const pull = openPull(createFakeUpstream(), { isPrivate })
  t.teardown(pull.close)
  const image = makeSingleImage()
  const [layer] = image.layers
  if (layer === undefined) throw new Error('no layer')
  for (const [digest, bytes] of image.blobs) await pull.store.put(digest, bytes)
  pull.graph.learn(image.digest, image.mediaType, image.bytes)
  pull.graph.addSighting(image.digest, secret)
  const content = createPeerContent({ ...pull, isPrivate })
  const { digest } = layer

  for (const [repository, isServed] of [
    [secret, true],
    [other, false],
  ] as const) {
    const manifest = await content.getManifest(image.digest, repository, signal)
    t.equal(manifest !== undefined, isServed, `the manifest under ${repository.repository}`)
    const question = { digest, repository, offset: 0, relay: false, priority: 'pull' } as const
    const blob = await content.openBlob(question, 'member', signal)
    await blob?.close()
    t.equal(blob !== undefined, isServed, `a layer under ${repository.repository}`)
  }
})

t.test('other nodes get a verified manifest before it is stored, by the same rules', async t => {
  const memory = createMemoryStore()
  const disk = Promise.withResolvers<void>()
  const put: typeof memory.put = async (...blob) => {
    await disk.promise
    await memory.put(...blob)
  }
  const upstream = createFakeUpstream()
  const pull = openPull(upstream, { isPrivate, store: { ...memory, put } })
  t.teardown(pull.close)
  const image = makeSingleImage()
  upstream.add(image.blobs)
  const content = createPeerContent({ ...pull, isPrivate })
  const ask = (repository: Repository) => content.getManifest(image.digest, repository, signal)
  const { mediaType, bytes } = present(await pull.manifests.get(secret, image.digest, signal))
  t.equal(memory.stat(image.digest), undefined)
  t.strictSame(await ask(secret), { mediaType, bytes })
  t.equal(await ask(other), undefined)
  const stored = new Promise<void>(resolve => memory.onChange(() => resolve()))
  disk.resolve()
  await stored
  t.strictSame(await ask(secret), { mediaType, bytes })
  await memory.delete(image.digest)
  t.equal(await ask(secret), undefined, 'no longer than it is held')
})

t.test('other nodes get a manifest that found no room here', async t => {
  const upstream = createFakeUpstream()
  const store = createMemoryStore({ quotaBytes: 0 })
  const pull = openPull(upstream, { store })
  t.teardown(pull.close)
  const image = makeSingleImage()
  upstream.add(image.blobs)
  await pull.manifests.fetch(other, image.digest, signal)
  t.equal(store.stat(image.digest), undefined)
  const content = createPeerContent({ ...pull, isPrivate })
  t.match(await content.getManifest(image.digest, other, signal), { bytes: image.bytes })
})
