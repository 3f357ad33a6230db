import t from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import { type Platform, parsePlatform } from '../../src/oci/platform.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import { createImageHolders } from '../../src/pull/image-holders.ts'
import { makeImage } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'

const image = makeImage({ layers: [1000, 2000] })
const ours = image.for('linux/amd64')
const [a, b, c] = ['a', 'b', 'c'].map(one => one.repeat(64)) as [NodeId, NodeId, NodeId]

t.test('nodes are told with how much of what clients here need they hold', async t => {
  const graph = createContentGraph({
    store: createMemoryStore(),
    catalog: createMemoryCatalog(),
    log: silentLog,
  })
  const asked: (readonly Digest[])[] = []
  const parts = [ours.config.digest, ...ours.layers.map(({ digest }) => digest)]
  const holds = new Map<Digest, readonly NodeId[]>([
    [image.digest, [c, b]],
    [ours.digest, [b, a]],
    ...parts.map(digest => [digest, [b]] as const),
    [image.for('linux/arm64').digest, [c]],
  ])
  const holders = {
    find: async (digests: readonly Digest[]) => {
      asked.push(digests)
      return new Map([...holds].filter(([digest]) => digests.includes(digest)))
    },
  }
  const platforms = [parsePlatform('linux/amd64') as Platform]
  const find = createImageHolders({ graph, holders }, { platforms })
  const { signal } = new AbortController()
  t.strictSame(
    await find(image.digest, signal),
    [
      { id: b, holds: 1, of: 1 },
      { id: c, holds: 1, of: 1 },
    ],
    'of an image that nobody here has read only its manifest is known',
  )
  for (const { digest, mediaType, bytes } of [image, ours]) graph.learn(digest, mediaType, bytes)
  t.strictSame(await find(image.digest, signal), [
    { id: b, holds: 5, of: 5 },
    { id: a, holds: 1, of: 5 },
    { id: c, holds: 1, of: 5 },
  ])
  t.strictSame(asked, [[image.digest], [image.digest, ours.digest, ...parts]])
  const others = [parsePlatform('linux/s390x') as Platform]
  const d = 'd'.repeat(64) as NodeId
  holds.set(image.digest, [c, b, d])
  const foreign = await createImageHolders({ graph, holders }, { platforms: others })(
    image.digest,
    signal,
  )
  const alone = foreign.filter(({ indexOnly }) => indexOnly === true).map(({ id }) => id)
  t.strictSame(alone, [d], 'the others hold a manifest of some platform')
  t.ok(
    foreign.every(one => one.holds < one.of),
    'nobody has all of it',
  )
})
