import t from 'tap'
import { createCoveredTags } from '../../src/keep/covered-tags.ts'
import type { TagReference } from '../../src/oci/reference.ts'

const keyOf = (tag: string): TagReference => ({ registry: 'a.lan', repository: 'app', tag })

t.test('tags are counted by pattern, and once where several cover them', async t => {
  let walks = 0
  const covered = createCoveredTags(async function* (beginnings) {
    walks += 1
    t.strictSame(beginnings, ['a.lan/a', 'a.lan/1', 'a.lan/x'], 'no more is walked than these')
    for (const tag of ['a1', 'a2', 'b1']) yield { key: keyOf(tag) }
  })
  const of = (text: string) => ({
    beginning: `a.lan/${text}`,
    matches: ({ tag }: TagReference) => tag.includes(text),
  })
  t.strictSame(await covered([of('a'), of('1'), of('x')]), { byPattern: [2, 2, 0], any: 3 })
  t.strictSame(await covered([]), { byPattern: [], any: 0 })
  t.equal(walks, 1, 'nothing is walked for nothing')
})
