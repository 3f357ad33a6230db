import t from 'tap'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { NeededContent } from '../../src/pull/completeness.ts'
import { findGaps } from '../../src/pull/find-gaps.ts'
import { repositoryOf } from '../support/fake-upstream.ts'

const digest = (text: string): Digest => digestOf(Buffer.from(text))
const [index, manifest, layer, config] = ['i', 'm', 'l', 'c'].map(digest) as [
  Digest,
  Digest,
  Digest,
  Digest,
]
const unread = (of: Digest): NeededContent => ({ digest: of, isUnread: true })
const blob = (of: Digest): NeededContent => ({ digest: of, isUnread: false })

/** An image of which a node learns more with every manifest that others deliver. */
function find(
  needs: readonly (readonly NeededContent[] | undefined)[],
  others: readonly Digest[],
  signal = new AbortController().signal,
) {
  const asked: string[] = []
  let round = 0
  const gaps = findGaps(
    {
      completeness: { needs: () => needs[Math.min(round, needs.length - 1)] },
      manifests: {
        async fetchFromPeers(_repository, wanted) {
          asked.push(wanted)
          round += 1
          return others.includes(wanted) ? ({} as never) : undefined
        },
      },
      holders: {
        async find(digests) {
          if (digests.length > 256) throw new Error('that is more than one question holds')
          asked.push(...digests)
          return new Map(others.filter(one => digests.includes(one)).map(one => [one, ['b']]))
        },
      },
    },
    { repository: repositoryOf('lab/app'), target: index },
    { patienceMs: 100, signal },
  )
  return gaps.then(found => ({ found, asked }))
}

t.test('what others hold is no gap', async t => {
  t.strictSame(await find([[]], []), { found: [], asked: [] })
  t.match(await find([[blob(layer), blob(config)]], [layer, config]), { found: [] })
  t.strictSame((await find([[blob(layer), blob(config)]], [config])).found, [blob(layer)])
})

t.test('an image of many parts is looked up in several questions', async t => {
  const parts = Array.from({ length: 600 }, (_, at) => digest(String(at)))
  const { found, asked } = await find([parts.map(blob)], parts.slice(0, -1))
  t.strictSame(found, parts.slice(-1).map(blob))
  t.equal(asked.length, 600)
})

t.test('manifests are read from others until it is known what they need', async t => {
  const steps = [[unread(index)], [unread(manifest)], [blob(layer)]]
  t.strictSame(await find(steps, [index, manifest, layer]), {
    found: [],
    asked: [index, manifest, layer],
  })
  t.strictSame(await find(steps, [index]), { found: [unread(manifest)], asked: [index, manifest] })
})

t.test(
  'an image that has nothing for them, has too much or has no end, is told as such',
  async t => {
    t.equal((await find([undefined], [])).found, undefined)
    const many = Array.from({ length: 4_097 }, (_, at) => blob(digest(String(at))))
    t.equal((await find([many], [])).found, undefined)
    t.equal((await find([[unread(index)]], [index])).found, undefined)
  },
)

t.test('an end that is called for is no verdict', async t => {
  const ended = AbortSignal.abort(new Error('enough'))
  await t.rejects(find([[blob(layer)]], [], ended), { message: 'enough' })
  await t.rejects(find([[unread(index)]], [], ended), { message: 'enough' })
})
