import t from 'tap'
import { type Platform, parsePlatform } from '../../src/oci/platform.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createCompleteness } from '../../src/pull/completeness.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import { createImagePlatforms } from '../../src/pull/image-platforms.ts'
import { createPlatformStates } from '../../src/pull/platform-states.ts'
import { createStartable } from '../../src/pull/startable.ts'
import type { TestBlob } from '../support/blob.ts'
import { makeImage, makeReferrer, makeSingleImage } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

const platforms = (...names: readonly string[]): Platform[] =>
  names.flatMap(name => parsePlatform(name) ?? [])

function open() {
  const store = createMemoryStore()
  const catalog = createMemoryCatalog()
  const graph = createContentGraph({ store, catalog, log: silentLog })
  const clock = createMovableClock(0)
  const completeness = createCompleteness(
    { graph, store, clock },
    { platforms: platforms('linux/amd64') },
  )
  const hold = async (...blobs: readonly TestBlob[]) => {
    for (const { digest, mediaType, bytes } of blobs) {
      if (/manifest|index/.test(mediaType)) graph.learn(digest, mediaType, bytes)
      await store.put(digest, bytes)
    }
  }
  const imagePlatforms = createImagePlatforms(
    { graph, store, catalog, timers: createMovableTimers(clock), log: silentLog },
    [],
  )
  imagePlatforms.begin()
  const startable = createStartable(
    { graph, imagePlatforms, completeness },
    { platforms: platforms('linux/amd64') },
  )
  const statesOf = createPlatformStates({ graph, imagePlatforms, startable })
  return { statesOf, hold, settled: imagePlatforms.close }
}

const image = makeImage({ layers: [1000, 2000], attestations: true })
const amd64 = image.for('linux/amd64')
const arm64 = image.for('linux/arm64')

t.test('each platform is judged by itself, those that clients need first', async t => {
  const { statesOf, hold } = open()
  await hold(image, amd64, amd64.config, ...amd64.layers, arm64, arm64.config)
  t.match(statesOf(image.digest, platforms('linux/riscv64', 'linux/amd64')), [
    { platform: 'linux/riscv64', isWanted: true, state: 'absent', missing: [] },
    { platform: 'linux/amd64', isWanted: true, state: 'complete', manifest: amd64.digest },
    {
      platform: 'linux/arm64',
      isWanted: false,
      state: 'incomplete',
      manifest: arm64.digest,
      missing: arm64.layers.map(({ digest, bytes }) => ({ digest, size: bytes.length })),
    },
  ])
})

t.test('of what is not here only its manifest is missing', async t => {
  const { statesOf, hold } = open()
  const unknown = statesOf(image.digest, platforms('linux/amd64', 'linux/amd64'))
  t.match(unknown, [
    { state: 'incomplete', manifest: undefined, missing: [{ digest: image.digest }] },
  ])
  t.equal(unknown.length, 1, 'a platform that is wanted twice is told once')
  await hold(image)
  t.match(statesOf(image.digest, []), [
    { platform: 'linux/amd64', missing: [{ digest: amd64.digest, kind: 'manifest' }] },
    { platform: 'linux/arm64', missing: [{ digest: arm64.digest, kind: 'manifest' }] },
  ])
})

t.test('an image that is in no index is for the platform that its config names', async t => {
  const { statesOf, hold, settled } = open()
  const single = makeSingleImage({ salt: 'single', platform: 'linux/arm64' })
  await hold(single)
  const both = platforms('linux/amd64', 'linux/arm64')
  t.match(
    statesOf(single.digest, both),
    both.map(() => ({ state: 'incomplete' })),
    'nobody knows before its config is here',
  )
  await hold(single.config, ...single.layers)
  await settled()
  t.match(statesOf(single.digest, platforms('linux/amd64')), [
    {
      platform: 'linux/amd64',
      isWanted: true,
      state: 'absent',
      manifest: undefined,
      missing: [],
    },
    { platform: 'linux/arm64', isWanted: false, state: 'complete', manifest: single.digest },
  ])
})

t.test('an artifact is for whoever wants it', async t => {
  const { statesOf, hold, settled } = open()
  const artifact = makeReferrer({ subject: image })
  await hold(artifact, artifact.config, ...artifact.layers)
  await settled()
  t.match(statesOf(artifact.digest, platforms('linux/arm64')), [
    { platform: 'linux/arm64', state: 'complete', manifest: artifact.digest },
  ])
})
