import { randomBytes } from 'node:crypto'
import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { createPassingBytes } from '../../src/pull/passing-bytes.ts'
import { createMemoryStore } from '../support/memory-store.ts'

const content = randomBytes(300_000)
const digest = digestOf(content)
const piece = 100_000

/** A blob of which the first third was stored before the room ran out. */
async function openPassing() {
  const writer = await createMemoryStore().write(digest, content.length)
  await writer.write(content.subarray(0, piece))
  let lowest = 0
  const consumers = { lowest: () => lowest, moved: () => Promise.resolve() }
  const bytes = await createPassingBytes(digest, writer, consumers)
  return {
    bytes,
    readersAreAt: (position: number) => {
      lowest = position
    },
  }
}

t.test('what was stored before the room ran out is read on from there', async t => {
  const { bytes } = await openPassing()
  await bytes.append(content.subarray(piece, 2 * piece))
  await bytes.append(content.subarray(2 * piece))
  t.equal(bytes.canRead(0), true)
  const into = new Uint8Array(content.length)
  for (let at = 0; at < content.length; ) {
    const count = await bytes.read(into.subarray(at), at)
    if (count === 0) break
    at += count
  }
  t.ok(content.equals(into))
  t.equal(await bytes.verify(), true)
})

t.test('who comes when later bytes have gone cannot begin with those that were stored', async t => {
  const { bytes, readersAreAt } = await openPassing()
  t.equal(bytes.canRead(piece - 1), true)
  readersAreAt(2 * piece)
  await bytes.append(content.subarray(piece, 2 * piece))
  await bytes.append(content.subarray(2 * piece))
  t.equal(bytes.canRead(0), false)
  t.equal(bytes.canRead(piece), false)
  t.equal(bytes.canRead(2 * piece), true)
})
