import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { trackCommits } from '../../src/pull/commits.ts'
import { createMemoryStore } from '../support/memory-store.ts'

const bytes = Buffer.from('some bytes')
const digest = digestOf(bytes)

/** A store whose disk is as slow as the test says. */
function openSlowStore() {
  const inner = createMemoryStore()
  const disk = Promise.withResolvers<void>()
  const slow = {
    ...inner,
    put: async (wanted: typeof digest, content: Uint8Array) => {
      await disk.promise
      return inner.put(wanted, content)
    },
  }
  return { disk, ...trackCommits(slow) }
}

t.test('nothing on its way: nothing to wait for', t => {
  t.equal(trackCommits(createMemoryStore()).settled(), undefined)
  t.end()
})

t.test('what is being stored is waited for until it is there', async t => {
  const { store, settled, disk } = openSlowStore()
  const storing = store.put(digest, bytes)
  const settling = settled()
  t.ok(settling)
  disk.resolve()
  await settling
  t.ok(store.stat(digest))
  await storing
  t.equal(settled(), undefined)
})

t.test('what could not be stored is waited for no longer, and told to who stored it', async t => {
  const { store, settled, disk } = openSlowStore()
  const storing = store.put(digest, bytes)
  const settling = settled()
  disk.reject(new Error('no disk'))
  await settling
  await t.rejects(storing, { message: 'no disk' })
  t.equal(settled(), undefined)
})

t.test('a download counts from its commit on, and is written and read as before', async t => {
  const { store, settled } = trackCommits(createMemoryStore())
  const writer = await store.write(digest, bytes.length)
  await writer.write(bytes)
  t.equal(writer.offset, bytes.length)
  t.equal(settled(), undefined)
  const committing = writer.commit()
  t.ok(settled())
  await committing
  await writer.release()
  t.same(await store.get(digest, 100), bytes)
})
