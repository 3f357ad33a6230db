import t from 'tap'
import { type BlockHitParts, createTellHits } from '../../../src/http/admin/block-hits.ts'
import type { Digest } from '../../../src/oci/digest.ts'
import { formatTag } from '../../../src/oci/reference.ts'
import type { PinState } from '../../../src/ports/pin-book.ts'
import { manifestDigest, manifestType } from '../support.ts'
import { keyOf, nowMs } from './support.ts'

const other = `sha256:${'b'.repeat(64)}` as Digest
const pinTo = (digest: Digest): PinState => ({
  key: keyOf('pinned'),
  standing: 'blocked',
  target: { digest, mediaType: manifestType, size: 7 },
  stamp: { wallMs: nowMs, counter: 0 },
  origin: 'ab'.repeat(32),
  note: undefined,
  author: undefined,
  expiresAtMs: undefined,
})

/** Parts that know these tags, and answer with another digest or with nothing. */
const partsOf = (tags: readonly string[]): BlockHitParts => ({
  blockedAnswers: { tagsOf: async digest => (digest === manifestDigest ? tags.map(keyOf) : []) },
  pinBook: {
    get: key => ({ moved: pinTo(other), pinned: pinTo(manifestDigest) })[key.tag],
  },
  isComplete: () => true,
  imageHolders: async digest => {
    t.equal(digest, manifestDigest)
    return [{ id: 'cd'.repeat(32), holds: 2, of: 3 }]
  },
  answers: {
    nameOf: id => (id?.startsWith('cd') ? 'galley' : undefined),
    resolution: async key =>
      key.tag === 'gone'
        ? { found: false, reason: 'nothing is left' }
        : {
            ...{ found: true, digest: other, mediaType: manifestType, size: 7 },
            ...{ source: 'history', fresh: false, reason: 'newest earlier' },
          },
  },
})

t.test('tags that stand for a digest are told with what they are answered with', async t => {
  const tell = createTellHits(partsOf(['gone', 'moved', 'pinned']))
  t.strictSame(await tell(manifestDigest), {
    tags: [
      { reference: formatTag(keyOf('gone')), pinned: false, reason: 'nothing is left' },
      {
        ...{ reference: formatTag(keyOf('moved')), pinned: false, digest: other },
        ...{ source: 'history', reason: 'newest earlier' },
      },
      {
        ...{ reference: formatTag(keyOf('pinned')), pinned: true, digest: other },
        ...{ source: 'history', reason: 'newest earlier' },
      },
    ],
    moreTags: 0,
    completeHere: true,
    holders: [{ id: 'cd'.repeat(32), name: 'galley', holds: 2, of: 3 }],
  })
})

t.test('not more of them are resolved than somebody reads', async t => {
  const tags = Array.from({ length: 25 }, (_, at) => `t${at}`)
  const { tags: told, moreTags } = await createTellHits(partsOf(tags))(manifestDigest)
  t.strictSame([told.length, moreTags], [20, 5])
})
