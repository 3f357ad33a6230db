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
  t.strictSame(await covered([of('a'), of('1'), of('x')]), {
    byPattern: [2, 2, 0],
    any: 3,
    first: ['a1', 'a2', 'b1'].map(keyOf),
  })
  t.strictSame(await covered([]), { byPattern: [], any: 0, first: [] })
  t.equal(walks, 1, 'nothing is walked for nothing')
})

t.test('the first of many are named', async t => {
  const covered = createCoveredTags(async function* () {
    for (let at = 0; at < 150; at++) yield { key: keyOf(at % 2 === 0 ? `a${at}` : `b${at}`) }
  })
  const every = { beginning: 'a.lan/', matches: () => true }
  const { any, first } = await covered([every])
  t.strictSame([any, first.length, first[1]?.tag], [150, 100, 'b1'])
  const some = await covered([{ ...every, matches: ({ tag }) => tag.startsWith('b') }])
  t.strictSame([some.any, some.first[0]?.tag], [75, 'b1'])
})
