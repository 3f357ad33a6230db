import t from 'tap'
import { rankOwners } from '../../src/ledger/rendezvous.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import type { Reach } from '../../src/ports/upstream.ts'
import { createRelays } from '../../src/pull/relays.ts'
import { repositoryOf } from '../support/fake-upstream.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'

const repository = repositoryOf('lab/app')
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const ids = names.map(nodeId)
const digests = Array.from({ length: 200 }, (_, i) => digestOf(Buffer.from(`blob ${i}`)))
const [digest = digestOf(Buffer.from(''))] = digests
const down: Reach = { state: 'down', sinceMs: 0, failure: 'unreachable' }

function openNodes() {
  const lab = createPeerLab()
  for (const id of ids) lab.serve(id, {})
  for (const id of ids) lab.say(id, { upstreams: ['reg.test'] })
  const failed = new Set<NodeId>()
  const relaysOf = (self: NodeId, reach: Reach = { state: 'reachable' }) =>
    createRelays({
      members: lab.members(self),
      book: { failedLately: id => failed.has(id) },
      reachOf: () => reach,
      clock: systemClock,
    })
  return { lab, failed, relaysOf }
}

/** The node at a place of the digest's order, from 0 on. */
const ranked = (place: number, of = digest): NodeId => rankOwners(of, ids, ids.length)[place] ?? ''

t.test('a node leans on those before it, in one order, and on three at the most', async t => {
  const { relaysOf } = openNodes()
  for (const place of ids.keys()) {
    const before = rankOwners(digest, ids, Math.min(place, 3))
    t.strictSame(relaysOf(ranked(place))(repository, digest), before)
  }
})

t.test('however differently nodes see the mesh, no two wait for each other', async t => {
  const { failed, relaysOf } = openNodes()
  const leansOn = new Set<string>()
  for (const self of ids) {
    // Everybody misses somebody else.
    const missing = ids.filter((_, i) => (i + ids.indexOf(self)) % 3 === 0)
    failed.clear()
    for (const id of missing) failed.add(id)
    for (const of of digests) {
      for (const other of relaysOf(self)(repository, of)) {
        t.notOk(leansOn.has(`${of} ${other} ${self}`))
        leansOn.add(`${of} ${self} ${other}`)
      }
    }
  }
  t.ok(leansOn.size > 1_000)
})

t.test('who fetches first is another one for other blobs', async t => {
  const counts = ids.map(id => digests.filter(of => ranked(0, of) === id).length)
  for (const count of counts) t.ok(count > 10 && count < 40, `${counts}`)
})

t.test('only who says it reaches the registry is asked; any registry is every one', async t => {
  const { lab, relaysOf } = openNodes()
  lab.say(ranked(0), { upstreams: ['other.test'] })
  lab.say(ranked(1), { upstreams: ['*'] })
  t.strictSame(relaysOf(ranked(3))(repository, digest), [ranked(1), ranked(2)])
})

t.test('who is in doubt since a moment ago is asked, who failed or is gone is not', async t => {
  const { lab, failed, relaysOf } = openNodes()
  const lastSeenMs = systemClock.monotonicMs()
  lab.say(ranked(0), { state: 'suspect', lastSeenMs })
  t.strictSame(relaysOf(ranked(2))(repository, digest), [ranked(0), ranked(1)])
  lab.say(ranked(0), { state: 'suspect', lastSeenMs: lastSeenMs - 10_001 })
  t.strictSame(relaysOf(ranked(2))(repository, digest), [ranked(1)])
  lab.say(ranked(0), { state: 'gone', lastSeenMs })
  t.strictSame(relaysOf(ranked(2))(repository, digest), [ranked(1)])
  failed.add(ranked(1))
  t.strictSame(relaysOf(ranked(2))(repository, digest), [], 'then it fetches itself')
})

t.test('who does not reach the registry asks anyone who does', async t => {
  const { relaysOf } = openNodes()
  const others = rankOwners(digest, ids.slice(1), 5)
  t.strictSame(relaysOf(ids[0] ?? '', down)(repository, digest), others)
  t.strictSame(relaysOf(ids[0] ?? '')(repository, digest, { hasFailed: true }), others)
})
