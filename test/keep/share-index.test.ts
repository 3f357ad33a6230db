import t from 'tap'
import { createShareIndex } from '../../src/keep/share-index.ts'
import { decodeShare, encodeShare, type Share, shareKey } from '../../src/keep/warm-share.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { SaidWord } from '../../src/ports/word-book.ts'
import { makeShareImage } from './warm-runner.support.ts'

const [first, second, third] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)] as const
const job = { id: 'night-1', createdAtMs: 7, images: ['a.test/one:v1', 'a.test/two:v1'] }
const digests = ['one', 'two'].map(name => digestOf(Buffer.from(name)))

function share(
  { jobAtMs = 7, images = 2 }: { jobAtMs?: number; images?: number } = {},
  named: readonly (Digest | undefined)[] = digests,
): Share {
  const all = Array.from({ length: images }, (_, at) => makeShareImage({ digest: named[at] }))
  return { jobAtMs, state: 'running', countedSinceMs: 3, bytes: 5, totalBytes: 9, images: all }
}

const word = (key: string, value: string): SaidWord => ({
  key,
  value,
  atMs: 3,
  origin: first,
  note: undefined,
  author: undefined,
})

/** An index whose words the test replaces, and how often it read one. */
function open(words: readonly SaidWord[]) {
  let list = words
  let count = 0
  const index = createShareIndex({ list: () => list }, (text, images) => {
    count += 1
    return decodeShare(text, images)
  })
  return {
    index,
    say(...said: readonly SaidWord[]) {
      list = said
    },
    count: () => count,
  }
}

t.test('shares are found by job and node', t => {
  const { index } = open([
    word(shareKey('night-1', first), encodeShare(share())),
    word(shareKey('night-1', second), encodeShare(share({ jobAtMs: 6 }))),
    word(shareKey('night-1', third), 'rubbish'),
    word(shareKey('night-2', first), encodeShare(share())),
  ])
  t.strictSame([...index.of(job).byNode], [[first, { share: share(), atMs: 3 }]])
  t.strictSame(index.one(job, first), share())
  for (const other of [second, third, 'd'.repeat(64)]) t.equal(index.one(job, other), undefined)
  t.strictSame(index.of({ ...job, id: 'night-3' }), { byNode: new Map(), agreed: [] })
  t.end()
})

t.test('all take the word of the first that said what a tag stands for', t => {
  const said = (node: string, named: readonly (Digest | undefined)[]) =>
    word(shareKey('night-1', node), encodeShare(share({}, named)))
  const [one, two] = digests
  const { index, say } = open([said(third, [two, two]), said(second, [undefined, one])])
  t.strictSame(index.of(job).agreed, [two, one])
  say(said(first, [one, undefined]), said(second, [undefined, one]))
  t.strictSame(index.of(job).agreed, [one, one])
  t.end()
})

t.test('a word is read once, until its node says another', t => {
  const own = word(shareKey('night-1', first), encodeShare(share()))
  const other = word(shareKey('night-1', second), encodeShare(share()))
  const elsewhere = word(shareKey('night-2', first), encodeShare(share()))
  const { index, say, count } = open([own, other])
  t.equal(count(), 0, 'not before it is asked for')
  index.one(job, first)
  t.equal(count(), 1)
  const before = index.of(job)
  t.equal(count(), 2)
  say(own, other, elsewhere)
  t.equal(index.of(job), before, 'of another job')
  t.equal(count(), 2)
  say(own, word(other.key, encodeShare(share({}, [undefined]))), elsewhere)
  t.not(index.of(job), before)
  t.equal(count(), 3)
  t.end()
})

t.test('a word that came before its job counts once that is here', t => {
  const said = word(shareKey('night-1', first), encodeShare(share({ jobAtMs: 8, images: 1 })))
  const { index } = open([said])
  t.equal(index.one(job, first), undefined)
  t.equal(index.of(job).byNode.size, 0)
  const next = { ...job, createdAtMs: 8, images: ['a.test/one:v1'] }
  t.match(index.one(next, first), { jobAtMs: 8 })
  t.strictSame([...index.of(next).byNode.keys()], [first])
  t.end()
})
