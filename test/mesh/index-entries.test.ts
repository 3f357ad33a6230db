import t from 'tap'
import { createIndexEntries } from '../../src/mesh/index-entries.ts'
import { hashDigests, shardOf } from '../../src/mesh/index-message.ts'
import type { Digest } from '../../src/oci/digest.ts'
import type { Member } from '../../src/ports/members.ts'
import { createMovableClock } from '../support/movable-clock.ts'

/** Digests of one shard. */
const digestsOf = (shard: number, count: number): readonly Digest[] =>
  Array.from({ length: count }, (_, at) => {
    const head = shard.toString(16).padStart(2, '0')
    return `sha256:${head}${at.toString(16).padStart(62, '0')}` as Digest
  })

const holdings = (digests: readonly Digest[]) => ({
  shard: shardOf(digests[0] as Digest),
  hash: hashDigests(digests),
  digests,
})

function open() {
  const clock = createMovableClock(0)
  const members = { get: () => ({ state: 'alive' }) as Member, alive: () => [] }
  return createIndexEntries({ members, clock, random: () => 0.5 }, { zone: undefined })
}

t.test('a node that holds more than is kept of one goes on being found for as much', async t => {
  const entries = open()
  const told = [0, 1, 2, 3, 4].map(shard => digestsOf(shard, 4_000))
  for (const digests of told) entries.put('a', [holdings(digests)])
  t.equal(entries.size(), 20_000)
  const [first = []] = told
  const without = first.slice(1)
  t.strictSame(entries.put('a', [holdings(without)]), [])
  t.equal(entries.size(), 19_999, 'one blob less is one entry less')
  t.strictSame(entries.holders(first[5] as Digest, 'b'), ['a'])
  entries.put('a', [holdings(digestsOf(5, 10))])
  t.equal(entries.size(), 20_000)
})
