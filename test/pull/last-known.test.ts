import t from 'tap'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { Platform } from '../../src/oci/platform.ts'
import type { Observation } from '../../src/ports/tag-ledger.ts'
import { createFindLastKnown } from '../../src/pull/last-known.ts'
import { repositoryOf } from '../support/fake-upstream.ts'

const digest = (text: string): Digest => digestOf(Buffer.from(text))
const [image, layer, other] = [digest('image'), digest('layer'), digest('other')]
const amd64 = { os: 'linux', architecture: 'amd64' }
const arm64 = { os: 'linux', architecture: 'arm64' }
const key = { ...repositoryOf('lab/app'), tag: 'v1' }
const { signal } = new AbortController()

/** What is left of an image that has something for some platforms, where others hold some of it. */
function find(
  needs: Readonly<Record<string, readonly Digest[]>>,
  { held = [], platforms }: { readonly held?: readonly Digest[]; readonly platforms: Platform[] },
) {
  const asked: unknown[] = []
  const findLastKnown = createFindLastKnown(
    {
      ledger: { live: () => ({ digest: image, origin: 'b' }) as Observation },
      completeness: {
        needs: (_, [platform] = []) =>
          needs[platform?.architecture ?? '']?.map(one => ({ digest: one, isUnread: false })),
      },
      manifests: { fetchFromPeers: async () => undefined },
      holders: {
        async find(digests, _, options) {
          asked.push(options?.saidBy)
          return new Map(digests.filter(one => held.includes(one)).map(one => [one, ['b']]))
        },
      },
    },
    { patienceMs: 100 },
  )
  return findLastKnown(key, platforms, signal).then(found => ({ found, asked }))
}

t.test('what is here or at other nodes is no gap', async t => {
  const platforms = [amd64]
  t.match(await find({ amd64: [] }, { platforms }), { found: { digest: image, gaps: [] } })
  const there = await find({ amd64: [layer] }, { platforms, held: [layer] })
  t.strictSame(there, { found: { digest: image, gaps: [] }, asked: ['b'] })
})

t.test('what nobody holds is told once, for whichever of the platforms', async t => {
  const needs = { amd64: [layer, other], arm64: [layer] }
  const { found } = await find(needs, { platforms: [amd64, arm64], held: [other] })
  t.strictSame(found, { digest: image, gaps: [layer] })
})

t.test('a platform that it has nothing for needs nothing', async t => {
  const { found } = await find({ amd64: [layer] }, { platforms: [arm64] })
  t.strictSame(found, { digest: image, gaps: [] })
})

t.test('of a tag that was never seen nothing is known', async t => {
  const parts = {
    completeness: { needs: () => [] },
    manifests: { fetchFromPeers: async () => undefined },
  }
  const find = createFindLastKnown(
    { ...parts, ledger: { live: () => undefined }, holders: { find: async () => new Map() } },
    { patienceMs: 100 },
  )
  t.equal(await find(key, [amd64], signal), undefined)
})
