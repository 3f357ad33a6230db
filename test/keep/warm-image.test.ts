import t from 'tap'
import { fetchTree, type Hindrance, type WarmPart } from '../../src/keep/warm-image.ts'
import { digestOf } from '../../src/oci/digest.ts'

const { signal } = new AbortController()
const root = {
  repository: { registry: 'a.lan', repository: 'app' },
  digest: digestOf(Buffer.from('image')),
  platforms: [],
}
const away: Hindrance = { reason: 'the registry says 503', isFinal: false }

/** An image of one blob of 300 bytes, and a store that lately refused what is larger than `fits` bytes. */
function source(fits: number, fetched: Hindrance | undefined) {
  const blob: WarmPart = { digest: digestOf(Buffer.from('blob')), kind: 'blob', size: 300 }
  return {
    missing: () => [blob],
    fetch: async () => fetched,
    isFull: (bytes?: number) => bytes !== undefined && bytes > fits,
  }
}

t.test('what stands in the way of something that would fit passes', async t => {
  t.equal(await fetchTree(source(300, away), root, 'all', signal), away)
})

t.test('what does not fit is told, and not tried again', async t => {
  const hindrance = await fetchTree(source(299, away), root, 'all', signal)
  t.match(hindrance, { reason: /store is full.* of 300 bytes does not fit/, isFinal: true })
})

t.test('what was fetched and is still missing cannot be stored', async t => {
  const hindrance = await fetchTree(source(300, undefined), root, 'all', signal)
  t.match(hindrance, { reason: /of 300 bytes cannot be stored/, isFinal: true })
})
