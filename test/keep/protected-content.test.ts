import t from 'tap'
import {
  type Protection,
  type ProtectionParts,
  protectedContent,
} from '../../src/keep/protected-content.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { contentOf } from './support.ts'

const d = (name: string): Digest => contentOf(name, 20).digest

const protect = (parts: Partial<ProtectionParts>): ReadonlyMap<Digest, Protection> =>
  protectedContent({
    treeOf: digest => [digest],
    kept: () => [],
    tagsInUse: () => [],
    isComplete: () => false,
    inFlight: () => [],
    pulled: () => [],
    fitsBeside: () => () => true,
    ...parts,
  })

const namesOf = (found: ReadonlyMap<Digest, Protection>): Set<Digest> => new Set(found.keys())

t.test('nothing is protected when nobody wants it', async t => {
  t.equal(protect({}).size, 0)
})

t.test('what is kept or worked with is protected with its tree', async t => {
  const found = protect({
    kept: () => [d('pinned')],
    inFlight: () => [d('pulled')],
    treeOf: digest => (digest === d('pinned') ? [digest, d('layer'), d('signature')] : [digest]),
  })
  t.strictSame(
    new Map([...found].sort()),
    new Map(
      (
        [
          [d('pinned'), 'kept'],
          [d('layer'), 'kept'],
          [d('signature'), 'kept'],
          [d('pulled'), 'arriving'],
        ] as const
      ).toSorted(),
    ),
  )
})

t.test('what is kept is told as that, also while it is being pulled', async t => {
  const found = protect({ kept: () => [d('pinned')], pulled: () => [d('pinned')] })
  t.equal(found.get(d('pinned')), 'kept')
})

t.test('a pull that does not fit beside what is kept protects nothing', async t => {
  const found = protect({
    kept: () => [d('pinned')],
    inFlight: () => [d('imported')],
    pulled: () => [d('small'), d('large')],
    fitsBeside(kept) {
      t.strictSame(kept, new Set([d('pinned')]), 'what passes does not count')
      return image => image === d('small')
    },
  })
  t.strictSame(namesOf(found), new Set([d('imported'), d('small'), d('pinned')]))
})

t.test(
  'of a tag in use, the newest complete digest is protected until a newer one is complete',
  async t => {
    const complete = new Set([d('old'), d('older')])
    const parts = {
      tagsInUse: () => [[d('newest'), d('old'), d('older')]],
      isComplete: (digest: Digest) => complete.has(digest),
    }
    t.strictSame(namesOf(protect(parts)), new Set([d('old')]))
    complete.add(d('newest'))
    t.strictSame(namesOf(protect(parts)), new Set([d('newest')]))
    complete.clear()
    t.equal(protect(parts).size, 0)
  },
)
