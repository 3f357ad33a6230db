import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { type BeginHash, hashFetched } from '../../../src/adapters/containerd/hash-fetched.ts'
import { createHasher } from '../../../src/adapters/disk/hasher.ts'
import { digestHex } from '../../../src/oci/digest.ts'
import { makeBlob } from '../../ports/content-store.support.ts'

const algorithm = 'sha256'
const MiB = 1024 * 1024

/** At most so many bytes at a time. */
const source = (content: Buffer, most: number) => async (into: Uint8Array, position: number) =>
  content.copy(into.subarray(0, most), 0, position)

t.test('blobs of all sizes are hashed', async t => {
  const hasher = createHasher()
  t.teardown(() => hasher.close())
  for (const size of [1, 1_000, MiB, MiB + 1, 8 * MiB, 9_000_001]) {
    const { content, digest } = makeBlob(size)
    for (const most of [4 * MiB, 700_000]) {
      if (size <= MiB && most < size) continue
      const hex = await hashFetched({ algorithm, size }, source(content, most), hasher.begin)
      t.equal(hex, digestHex(digest), `${size} bytes by ${most}`)
    }
  }
})

t.test('of what is shorter than it should be that much is hashed', async t => {
  const hasher = createHasher()
  t.teardown(() => hasher.close())
  const { content, digest } = makeBlob(2 * MiB)
  const hex = await hashFetched({ algorithm, size: 5 * MiB }, source(content, MiB), hasher.begin)
  t.equal(hex, digestHex(digest))
})

t.test('the next piece is fetched while the one before is hashed', async t => {
  const steps: string[] = []
  const content = makeBlob(12 * MiB).content
  const away = Promise.withResolvers<void>()
  const begin: BeginHash = () => ({
    async update(bytes) {
      steps.push('hash')
      await away.promise
      return bytes
    },
    finish: async () => 'hex',
    stop: () => t.fail('nothing failed'),
  })
  const fetch: ReturnType<typeof source> = async (into, position) => {
    steps.push('fetch')
    if (position === 4 * MiB) away.resolve()
    return source(content, 4 * MiB)(into, position)
  }
  await hashFetched({ algorithm, size: content.length }, fetch, begin)
  t.strictSame(steps, ['fetch', 'hash', 'fetch', 'hash', 'fetch', 'hash'])
})

t.test('a source that fails ends the hash', async t => {
  const hasher = createHasher()
  t.teardown(() => hasher.close())
  let stopped = 0
  const begin: BeginHash = algorithm => {
    const hash = hasher.begin(algorithm)
    const stop = () => {
      stopped += 1
      hash.stop()
    }
    return { ...hash, stop }
  }
  const { content } = makeBlob(2 * MiB)
  const failing: ReturnType<typeof source> = async (into, position) => {
    if (position >= MiB) throw new Error('it went away')
    return source(content, MiB)(into, position)
  }
  await t.rejects(hashFetched({ algorithm, size: content.length }, failing, begin), /went away/)
  t.equal(stopped, 1)
})

t.test('a thread that dies is told', async t => {
  const hasher = createHasher()
  t.teardown(() => hasher.close())
  const started = once(process, 'worker')
  const { content } = makeBlob(4 * MiB)
  const fatal: ReturnType<typeof source> = async (into, position) => {
    const [worker]: Worker[] = await started
    if (position === 2 * MiB) await worker?.terminate()
    return source(content, MiB)(into, position)
  }
  const hex = hashFetched({ algorithm, size: content.length }, fatal, hasher.begin)
  await t.rejects(hex, /ended with code/)
})
