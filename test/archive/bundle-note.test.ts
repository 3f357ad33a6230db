import t from 'tap'
import {
  bundlesUpTo,
  decodeNote,
  encodeNote,
  requireEarlier,
} from '../../src/archive/bundle-note.ts'
import { digestOf } from '../../src/oci/digest.ts'

const digest = (text: string) => digestOf(Buffer.from(text))
const [a, b, c] = [digest('a'), digest('b'), digest('c')]

const base = { id: digest('base'), name: 'base.tar.zst', blobs: [a] }
const monday = { id: digest('monday'), name: 'monday "x".tar.zst', blobs: [b] }

t.test('a note is read as it was written', async t => {
  const note = { blobs: [a], needs: [b], earlier: [base, monday] }
  t.strictSame(decodeNote(encodeNote(note)), note)
})

t.test('a bundle goes with the one before it and with all that this one goes with', async t => {
  const bytes = encodeNote({ blobs: [c], needs: [], earlier: [base] })
  t.strictSame(bundlesUpTo(bytes, 'next.tar.zst'), [
    base,
    { id: digestOf(bytes), name: 'next.tar.zst', blobs: [c] },
  ])
})

t.test('what a later version wrote is not understood, and said to be no fault', async t => {
  const later = Buffer.from('{"formatVersion":2,"blobs":7}')
  t.equal(decodeNote(later), undefined)
  t.throws(() => bundlesUpTo(later, 'x.tar.zst'), { code: 'manifest', message: /later version/ })
})

for (const [what, text] of [
  ['no JSON', '{'],
  ['no object', '[]'],
  ['no version', '{}'],
  ['version 0', '{"formatVersion":0}'],
  ['a text for a list', '{"formatVersion":1,"blobs":"x"}'],
  ['a digest that is none', '{"formatVersion":1,"needs":["sha256:1"]}'],
  ['earlier bundles that are no list', '{"formatVersion":1,"earlier":{}}'],
  ['an earlier bundle without an id', '{"formatVersion":1,"earlier":[{"name":"x"}]}'],
] as const) {
  t.test(`a note with ${what} is refused`, async t => {
    t.throws(() => decodeNote(Buffer.from(text)), { name: 'ArchiveRefusal', code: 'manifest' })
  })
}

t.test(
  'what is lacking is told by the bundles that hold it, the first to import first',
  async t => {
    const note = { blobs: [], needs: [a, b, c], earlier: [base, monday] }
    t.doesNotThrow(() => requireEarlier(note, () => true))
    t.throws(() => requireEarlier(note, digest => digest !== a), {
      code: 'no-base',
      message: `it goes with another bundle: ${a} is not here; import "base.tar.zst" (${base.id}) first`,
    })
    t.throws(() => requireEarlier(note, () => false), {
      message: `it goes with another bundle: ${a} and 2 more are not here; import "base.tar.zst" (${base.id}), then "monday \\"x\\".tar.zst" (${monday.id}) first`,
    })
    t.throws(() => requireEarlier({ ...note, earlier: [] }, () => false), {
      code: 'no-base',
      message: /import an earlier one first$/,
    })
  },
)
