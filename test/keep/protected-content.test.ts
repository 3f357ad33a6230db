import t from 'tap'
import { type ProtectionParts, protectedContent } from '../../src/keep/protected-content.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { contentOf } from './support.ts'

const d = (name: string): Digest => contentOf(name, 20).digest

function protect(parts: Partial<ProtectionParts>): Set<Digest> {
  return new Set(
    protectedContent({
      treeOf: digest => [digest],
      kept: () => [],
      tagsInUse: () => [],
      isComplete: () => false,
      inFlight: () => [],
      ...parts,
    }),
  )
}

t.test('nothing is protected when nobody wants it', async t => {
  t.equal(protect({}).size, 0)
})

t.test('what is kept or worked with is protected with its tree', async t => {
  const found = protect({
    kept: () => [d('pinned')],
    inFlight: () => [d('pulled')],
    treeOf: digest => (digest === d('pinned') ? [digest, d('layer'), d('signature')] : [digest]),
  })
  t.strictSame(found, new Set([d('pinned'), d('layer'), d('signature'), d('pulled')]))
})

t.test(
  'of a tag in use, the newest complete digest is protected until a newer one is complete',
  async t => {
    const complete = new Set([d('old'), d('older')])
    const parts = {
      tagsInUse: () => [[d('newest'), d('old'), d('older')]],
      isComplete: (digest: Digest) => complete.has(digest),
    }
    t.strictSame(protect(parts), new Set([d('old')]))
    complete.add(d('newest'))
    t.strictSame(protect(parts), new Set([d('newest')]))
    complete.clear()
    t.equal(protect(parts).size, 0)
  },
)
