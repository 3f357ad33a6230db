import t from 'tap'
import { describeWanted, listKeepSet } from '../../src/keep/wanted-images.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { formatReference, type TagReference } from '../../src/oci/reference.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const clock = createMovableClock(Date.parse('2026-11-21T12:00:00Z'))
const keyOf = (tag: string): TagReference => ({ registry: 'reg.test', repository: 'lab/app', tag })
const digest = (text: string): Digest => digestOf(Buffer.from(text))
const targetOf = (text: string) => ({ digest: digest(text), mediaType: 'text/x', size: 1 })

const blockedAnswers = { of: () => undefined }

/** A ledger in which three tags are known, each with what it pointed to. */
async function openLedger(tags: Readonly<Record<string, readonly string[]>>) {
  const ledger = createMemoryLedger({ clock })
  for (const [tag, images] of Object.entries(tags)) {
    for (const image of images) {
      clock.pass(1_000)
      await ledger.observeLocal(keyOf(tag), targetOf(image), 'import')
    }
  }
  const targets = async function* () {
    yield* ledger.liveTargets()
  }
  const list = async (isKept: (key: TagReference) => boolean, limit = 10) =>
    (await listKeepSet(targets(), { ledger, blockedAnswers, isKept, blocked: [] }, limit)).map(
      ({ key, ...rest }) => ({
        ...rest,
        tag: formatReference(key),
      }),
    )
  return { ledger, list }
}

t.test('what is kept is listed with what it pointed to, the newest first', async t => {
  const { list } = await openLedger({ a: ['one', 'two'], b: ['three'] })
  t.match(await list(({ tag }) => tag === 'a'), [
    {
      tag: 'reg.test/lab/app:a',
      why: 'keep',
      digests: [digest('two'), digest('one')],
      confirmedAtMs: Number,
    },
  ])
  t.strictSame(await list(() => false), [])
  t.equal((await list(() => true, 1)).length, 1)
})

t.test('a pin is in it whatever is kept, and answers with itself alone', async t => {
  const { ledger, list } = await openLedger({ a: ['one', 'two'], b: ['three'] })
  await ledger.setPin(keyOf('a'), targetOf('one'), {})
  const pinned = [
    { why: 'pin', isPinned: true, digests: [digest('one')], confirmedAtMs: undefined },
  ]
  t.match(await list(() => false), pinned)
  t.match(await list(({ tag }) => tag === 'a'), pinned)
  t.match(describeWanted({ ledger, blockedAnswers }, keyOf('a'), 'named'), {
    why: 'named',
    isPinned: true,
    digests: [digest('one')],
  })
})

t.test('what is named by a digest stands for itself', async t => {
  const { ledger } = await openLedger({ a: ['one'] })
  const key = { registry: 'reg.test', repository: 'lab/app', digest: digest('any') }
  t.strictSame(describeWanted({ ledger, blockedAnswers }, key, 'running'), {
    key,
    why: 'running',
    isPinned: false,
    digests: [digest('any')],
    confirmedAtMs: undefined,
  })
})

t.test('five earlier digests are looked at, no more; an unknown tag has none', async t => {
  const images = ['1', '2', '3', '4', '5', '6', '7', '8']
  const { ledger } = await openLedger({ a: images })
  const { digests } = describeWanted({ ledger, blockedAnswers }, keyOf('a'), 'keep')
  t.strictSame(digests, ['8', '7', '6', '5', '4', '3'].map(digest))
  t.match(describeWanted({ ledger, blockedAnswers }, keyOf('z'), 'named'), {
    digests: [],
    confirmedAtMs: undefined,
  })
})
