import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { takeFoundImages } from '../../src/keep/found-images.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { parseManifest } from '../../src/oci/manifest.ts'
import { formatRepository, formatTag, type TagReference } from '../../src/oci/reference.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { FoundImage } from '../../src/ports/neighbour-store.ts'
import type { TagLedger } from '../../src/ports/tag-ledger.ts'
import { makeBlob } from '../ports/content-store.support.ts'
import { makeImage } from '../support/image.ts'
import { createMemoryStore } from '../support/memory-store.ts'

const image = makeImage({ platforms: ['linux/amd64'] })

/** A neighbour, and what is written down of it. */
async function open(t: Test, known: readonly string[] = []) {
  const store = createMemoryStore()
  for (const [digest, bytes] of image.blobs) await store.put(digest, bytes)
  const listeners: ((images: readonly FoundImage[]) => void)[] = []
  const seen: string[] = []
  const observed: string[] = []
  const learned: Digest[] = []
  const ledger = {
    live: (key: TagReference) => (known.includes(formatTag(key)) ? {} : undefined),
    async observeLocal(key, { digest, mediaType, size }, source) {
      t.strictSame(
        learned.slice(-2),
        [image.digest, image.manifests[0]?.digest],
        'its manifests are known before others hear of it',
      )
      observed.push(`${formatTag(key)} ${digest} ${mediaType} ${size} ${source}`)
    },
  } as Pick<TagLedger, 'live' | 'observeLocal'>
  const found = takeFoundImages({
    neighbour: {
      stat: store.stat,
      get: store.get,
      onImages: listener => {
        listeners.push(listener)
        return () => void listeners.splice(0)
      },
    },
    ledger,
    learn(digest, bytes) {
      const content = parseManifest(bytes, undefined)
      learned.push(digest)
      return { mediaType: content.mediaType, content }
    },
    addSighting: (digest, repository) =>
      void seen.push(`${formatRepository(repository)} ${digest}`),
    log: silentLog,
  })
  t.teardown(() => found.close())
  /** Tells the images by name, and waits until they are taken up. */
  async function tell(names: readonly string[], digest: Digest = image.digest): Promise<void> {
    const images = names.map(name => ({ name, digest, mediaType: 'text/wrong', size: 1 }))
    for (const listener of listeners) listener(images)
    await nextTurn() // nothing in memory waits longer
  }
  return { tell, seen, observed, store }
}

const told = (reference: string) =>
  `${reference} ${image.digest} ${image.mediaType} ${image.size} containerd`

t.test('a tag that nothing is known about is what the neighbour has, by its bytes', async t => {
  const { tell, seen, observed } = await open(t)
  await tell(['registry.lab/app:1', 'docker.io/library/nginx:latest'])
  t.strictSame(observed, [told('registry.lab/app:1'), told('docker.io/library/nginx:latest')])
  t.strictSame(seen, [
    `registry.lab/app ${image.digest}`,
    `docker.io/library/nginx ${image.digest}`,
  ])
})

t.test('a tag that has a record keeps it', async t => {
  const { tell, seen, observed } = await open(t, ['registry.lab/app:1'])
  await tell(['registry.lab/app:1'])
  t.strictSame(observed, [])
  t.strictSame(
    seen,
    [`registry.lab/app ${image.digest}`],
    'its content was seen there all the same',
  )
})

t.test('a digest tells where content was seen, and of no tag', async t => {
  const { tell, seen, observed } = await open(t)
  await tell([`registry.lab/app@${image.digest}`])
  t.strictSame(observed, [])
  t.strictSame(seen, [`registry.lab/app ${image.digest}`])
})

t.test('what is no reference to a registry is passed over', async t => {
  const { tell, seen, observed } = await open(t)
  await tell([image.digest, 'import-2026-11-20:v1', 'lab/app:1', 'registry.lab/UPPER:1', ''])
  t.strictSame([...seen, ...observed], [])
})

t.test('an image whose manifest is not held, or is none, is passed over', async t => {
  const { tell, observed, store } = await open(t)
  const { content, digest } = makeBlob(50)
  await tell(['registry.lab/app:1'], digestOf(Buffer.from('elsewhere')))
  t.strictSame(observed, [])
  await store.put(digest, content)
  const again = await open(t)
  await again.store.put(digest, content)
  await again.tell(['registry.lab/app:1'], digest)
  t.strictSame(again.observed, [])
})
