import t from 'tap'
import type { Repository } from '../../src/oci/reference.ts'
import { createPeerContent } from '../../src/pull/serve-peers.ts'
import { createFakeUpstream, repositoryOf } from '../support/fake-upstream.ts'
import { makeSingleImage } from '../support/image.ts'
import { openPull } from '../support/pull-parts.ts'

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
