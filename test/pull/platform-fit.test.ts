import t from 'tap'
import { parsePlatform } from '../../src/oci/platform.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import { createPlatformFit } from '../../src/pull/platform-fit.ts'
import type { TestBlob } from '../support/blob.ts'
import { makeImage, makeSingleImage } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'

function open() {
  const parts = { store: createMemoryStore(), catalog: createMemoryCatalog(), log: silentLog }
  const graph = createContentGraph(parts)
  const learn = (manifests: readonly Pick<TestBlob, 'digest' | 'mediaType' | 'bytes'>[]) => {
    for (const { digest, mediaType, bytes } of manifests) graph.learn(digest, mediaType, bytes)
  }
  return { graph, learn, fit: createPlatformFit(graph) }
}

const platforms = (...names: readonly string[]) =>
  names.map(parsePlatform).filter(platform => platform !== undefined)

const image = makeImage({ platforms: ['linux/amd64', 'linux/arm64'], attestations: true })
const arm64 = image.for('linux/arm64')

t.test('an image and its parts fit the platform it is chosen for', async t => {
  const { learn, fit } = open()
  learn([image, ...image.manifests])
  for (const { digest } of [arm64, arm64.config, ...arm64.layers]) {
    t.equal(fit(digest)(platforms('linux/arm64')), true)
    t.equal(fit(digest)(platforms('linux/arm64/v9')), true, 'which runs it, too')
    t.equal(fit(digest)(platforms('linux/amd64')), false)
    t.equal(fit(digest)(platforms('linux/amd64', 'linux/arm64')), true)
    t.equal(fit(digest)([]), false)
  }
})

t.test('an index fits everybody, and so do attestations and what is in no index', async t => {
  const { graph, learn, fit } = open()
  const alone = makeSingleImage({ salt: 'alone' })
  learn([image, ...image.manifests, alone])
  const { manifests } = JSON.parse(image.bytes.toString()) as { manifests: TestBlob[] }
  const attestation = manifests.at(-1)
  const bytes = attestation && image.blobs.get(attestation.digest)
  if (attestation === undefined || bytes === undefined) throw new Error('no attestation')
  learn([{ ...attestation, bytes }])
  t.equal(graph.manifest(attestation.digest)?.content.kind, 'image', 'it looks like one')
  for (const one of [image, attestation, alone, ...alone.layers]) {
    t.equal(fit(one.digest)(platforms('windows/amd64')), true)
  }
})

t.test('as long as the index is not known an image may be for anybody', async t => {
  const { learn, fit } = open()
  t.equal(fit(arm64.digest)(platforms('linux/amd64')), true)
  learn([arm64])
  t.equal(fit(arm64.digest)(platforms('linux/amd64')), true)
  t.equal(fit(arm64.config.digest)(platforms('linux/amd64')), true)
  learn([image])
  t.equal(fit(arm64.config.digest)(platforms('linux/amd64')), false)
})

t.test('a layer that images for two platforms share fits both', async t => {
  const { learn, fit } = open()
  const layers = [[{ name: 'etc/common', data: 'the same for all' }]]
  const both = makeImage({ layers })
  learn([both, ...both.manifests])
  const [common] = both.for('linux/amd64').layers
  if (common === undefined) throw new Error('no layer')
  t.equal(both.for('linux/arm64').layers[0]?.digest, common.digest)
  t.equal(fit(common.digest)(platforms('linux/amd64')), true)
  t.equal(fit(common.digest)(platforms('linux/arm64')), true)
  t.equal(fit(common.digest)(platforms('linux/s390x')), false)
})
