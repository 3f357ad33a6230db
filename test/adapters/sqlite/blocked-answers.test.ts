import t from 'tap'
import { formatTag, type TagReference } from '../../../src/oci/reference.ts'
import { image, nginx, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makeDirectory, openIn } from './support.ts'

const plain = { note: undefined, author: undefined }
const tag = (name: string): TagReference => ({ ...nginx, tag: name })

/** A ledger, and what it says of blocked digests. */
async function start(t: Parameters<typeof openIn>[0]) {
  const clock = createMovableClock(today)
  const opened = await openIn(t, await makeDirectory(t), { clock })
  const { ledger, blockedAnswers, exclusions } = opened
  return {
    ...opened,
    async see(name: string, what: string) {
      clock.pass(1_000)
      await ledger.observeLocal(tag(name), image(what), 'import')
    },
    block: (what: string) => exclusions.set('block', image(what).digest, plain),
    unblock: (what: string) => exclusions.lift('block', image(what).digest, undefined),
    tagsOf: async (what: string) =>
      (await blockedAnswers.tagsOf(image(what).digest)).map(formatTag),
  }
}

t.test('the history has what is blocked in its place', async t => {
  const { see, block, ledger, blockedAnswers } = await start(t)
  for (const what of ['old', 'bad', 'new']) await see('a', what)
  await block('bad')
  const all = ['new', 'bad', 'old'].map(what => ({ digest: image(what).digest }))
  t.match(blockedAnswers.history(tag('a')), all)
  t.match(ledger.history(tag('a')), [all[0], all[2]])
  await block('new')
  t.match(blockedAnswers.history(tag('a')), all)
})

t.test('a digest stands for tags and pins, blocked or not', async t => {
  const { see, block, unblock, tagsOf, ledger } = await start(t)
  await see('live', 'bad')
  await see('moved', 'bad')
  await see('moved', 'good')
  await see('pinned', 'good')
  await ledger.setPin(tag('pinned'), image('bad'), {})
  await see('elsewhere', 'bad')
  await ledger.setPin(tag('elsewhere'), image('good'), {})
  const hit = [formatTag(tag('live')), formatTag(tag('pinned'))]
  t.strictSame(await tagsOf('bad'), hit)
  await block('bad')
  t.strictSame(await tagsOf('bad'), hit, 'as before it was blocked')
  t.equal(ledger.live(tag('live')), undefined)
  await unblock('bad')
  t.strictSame(await tagsOf('bad'), hit)
  await ledger.removePin(tag('elsewhere'))
  t.strictSame(await tagsOf('bad'), [formatTag(tag('elsewhere')), ...hit])
})

t.test('what was blocked on its way to another blocked digest stands for nothing', async t => {
  const { see, block, tagsOf } = await start(t)
  await see('a', 'older')
  await see('a', 'newer')
  await block('newer')
  t.strictSame((await tagsOf('older')).length, 1, 'it is answered instead')
  await block('older')
  t.strictSame(
    [(await tagsOf('older')).length, (await tagsOf('newer')).length],
    [1, 1],
    'either would come back',
  )
})

t.test('a tag is found before it is written', async t => {
  const { ledger, tagsOf } = await start(t)
  const writing = ledger.observeLocal(tag('a'), image('bad'), 'import')
  t.strictSame(await tagsOf('bad'), [formatTag(tag('a'))])
  await writing
})

t.test(
  'of a digest that many tags are pinned to all are found, and others have their turn',
  async t => {
    const { ledger, tagsOf } = await start(t)
    const tags = Array.from({ length: 1_001 }, (_, i) => tag(`v${i}`))
    await Promise.all(tags.map(one => ledger.setPin(one, image('bad'), {})))
    let turns = 0
    const counted = setInterval(() => {
      turns += 1
    }, 0)
    t.teardown(() => clearInterval(counted))
    t.strictSame(await tagsOf('bad'), tags.map(formatTag).sort())
    t.ok(turns > 1, `${turns} turns`)
  },
)
