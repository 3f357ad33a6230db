import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { createChunkHashes } from '../../../src/adapters/peer-http/chunk-hashes.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import type { BlobReader } from '../../../src/ports/content-store.ts'
import { peerChunkBytes } from '../../../src/ports/peer-port.ts'

const never = new AbortController().signal
const repository = { registry: 'a.lab', repository: 'b' }

function blobOf(chunks: number, extra = 0) {
  const bytes = randomBytes(chunks * peerChunkBytes + extra)
  const state = { read: 0, open: 0, most: 0 }
  const open = async (): Promise<BlobReader> => {
    state.open += 1
    state.most = Math.max(state.most, state.open)
    return {
      size: bytes.length,
      async read(into, position) {
        // Short, as a growing blob's reads are.
        const part = bytes.subarray(position, position + Math.min(into.length, 300_000))
        into.set(part)
        state.read += part.length
        return part.length
      },
      close: async () => {
        state.open -= 1
      },
    }
  }
  return { bytes, digest: digestOf(bytes), state, open }
}

t.test('only chunks that were never asked for are read', async t => {
  const { bytes, digest, state, open } = blobOf(3, 5)
  const hashes = createChunkHashes()
  const tell = (first: number, last: number) =>
    hashes.tell({ digest, repository, first, last }, open, never)
  await tell(1, 1)
  t.equal(state.read, peerChunkBytes)
  const told = await tell(0, 3)
  t.equal(state.read, bytes.length)
  const last = createHash('sha256')
    .update(bytes.subarray(3 * peerChunkBytes))
    .digest()
  t.same(told?.hashes.slice(96), last)
  await tell(0, 3)
  t.equal(state.read, bytes.length)
  t.equal(state.open, 0)
})

t.test('what is remembered is bounded', async t => {
  const hashes = createChunkHashes({ cacheBytes: 600 })
  const blobs = [1, 2, 3, 4].map(() => blobOf(1))
  const tell = async () => {
    for (const { digest, open } of blobs) await hashes.tell({ digest, repository }, open, never)
  }
  await tell()
  await tell()
  t.ok(blobs.every(({ state }) => state.read === 2 * peerChunkBytes))
})

t.test('two blobs are hashed at a time, and too many more are refused', async t => {
  const hashes = createChunkHashes()
  const blob = blobOf(1)
  const asked = Array.from({ length: 50 }, (_, first) =>
    hashes.tell({ digest: digestOf(Buffer.of(first)), repository }, blob.open, never).then(
      () => 'told',
      error => error.code,
    ),
  )
  const outcomes = await Promise.all(asked)
  t.equal(outcomes.filter(outcome => outcome === 'told').length, 34)
  t.equal(outcomes.filter(outcome => outcome === 'busy').length, 16)
  t.equal(blob.state.most, 2)
})

t.test('who asked and left ends the work, and the blob is closed', async t => {
  const { digest, state, open } = blobOf(8)
  const abort = new AbortController()
  const telling = createChunkHashes().tell({ digest, repository }, open, abort.signal)
  abort.abort(new Error('changed my mind'))
  await t.rejects(telling, { message: 'changed my mind' })
  t.equal(state.open, 0)
  t.ok(state.read < 8 * peerChunkBytes)
})

t.test(
  'a blob that is not held has none, an empty one no chunks, and a damaged one fails',
  async t => {
    const hashes = createChunkHashes()
    const digest = digestOf(Buffer.alloc(0))
    t.equal(await hashes.tell({ digest, repository }, async () => undefined, never), undefined)
    const short = (size: number) => async () => ({
      size,
      read: async () => 0,
      close: async () => {},
    })
    t.match(await hashes.tell({ digest, repository }, short(0), never), { size: 0, first: 0 })
    await t.rejects(hashes.tell({ digest, repository }, short(5), never))
  },
)
