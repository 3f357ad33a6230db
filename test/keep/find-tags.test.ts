import t from 'tap'
import { createFindTags, type TagSearch } from '../../src/keep/find-tags.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { formatTag } from '../../src/oci/reference.ts'
import type { TagLedger } from '../../src/ports/tag-ledger.ts'
import { answer, image, keyOf, today } from '../ports/tag-ledger.support.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const tag = (i: number) => keyOf('reg.lab', 'app', String(i).padStart(4, '0'))
const nameOf = (i: number) => formatTag(tag(i))

/** A ledger of that many tags, every third of which is complete here. */
async function fill(tags: number) {
  const clock = createMovableClock(today)
  const ledger = createMemoryLedger({ clock })
  for (let i = 0; i < tags; i++) await answer(ledger, String(i % 3), { key: tag(i), dateMs: today })
  return { clock, ledger, isComplete: (digest: Digest) => digest === image('0').digest }
}

t.test('pages follow each other while tags come and go', async t => {
  const parts = await fill(10)
  const find = createFindTags(parts)
  const first = await find({}, { after: undefined, limit: 4 })
  t.strictSame(
    first.tags.map(({ key, isComplete }) => [formatTag(key), isComplete]),
    [0, 1, 2, 3].map(i => [nameOf(i), i % 3 === 0]),
  )
  t.equal(first.next, nameOf(3))
  const late = keyOf('reg.lab', 'app', '0003-late')
  await answer(parts.ledger, '0', { key: late, dateMs: today })
  await answer(parts.ledger, '0', { key: keyOf('reg.lab', 'app', '0000-late'), dateMs: today })
  const second = await find({}, { after: first.next, limit: 7 })
  t.strictSame(
    second.tags.map(({ key }) => formatTag(key)),
    [formatTag(late), ...[4, 5, 6, 7, 8, 9].map(nameOf)],
    'what came behind the page is not missed, what came before it shifts nothing',
  )
  t.equal(second.next, undefined, 'a full page that is the last says so')
})

t.test('what is incomplete here is found, and a pin decides for its tag', async t => {
  const parts = await fill(4)
  await parts.ledger.setPin(tag(1), image('0'), {})
  await parts.ledger.setPin(tag(3), image('9'), {})
  const { tags } = await createFindTags(parts)(
    { isIncomplete: true },
    { after: undefined, limit: 9 },
  )
  t.strictSame(
    tags.map(({ key, isComplete }) => [formatTag(key), isComplete]),
    [nameOf(2), nameOf(3)].map(name => [name, false]),
  )
})

t.test('a search gives way to others, and ends where its time is up', async t => {
  const { clock, ledger, isComplete } = await fill(250)
  const stretches: number[] = []
  let turns = 0
  const counted: Pick<TagLedger, 'find'> = {
    find(filter, after, keys) {
      stretches.push(turns)
      setImmediate(() => turns++)
      clock.pass(13)
      return ledger.find(filter, after, keys)
    },
  }
  const find = createFindTags({ ledger: counted, isComplete, clock })
  const nothing: TagSearch = { source: 'push' }
  const first = await find(nothing, { after: undefined, limit: 10 })
  t.strictSame(first, { tags: [], next: nameOf(199) }, 'nothing yet, and where it goes on')
  t.strictSame(stretches, [0, 1], 'others had their turn between two stretches')
  t.strictSame(await find(nothing, { after: first.next, limit: 10 }), {
    tags: [],
    next: undefined,
  })
})
