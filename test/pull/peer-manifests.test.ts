import t, { type Test } from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import type { Reach } from '../../src/ports/upstream.ts'
import { createCompleteness } from '../../src/pull/completeness.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import { createManifests } from '../../src/pull/get-manifest.ts'
import { createInReach } from '../../src/pull/in-reach.ts'
import { createPeerBook } from '../../src/pull/peer-book.ts'
import { createPeerManifests } from '../../src/pull/peer-manifests.ts'
import { createFakeUpstream, repositoryOf } from '../support/fake-upstream.ts'
import { makeSingleImage } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'
import { stayAlive } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const image = makeSingleImage({ layers: [2_000] })
const { digest } = image
const self = nodeId('self')
const holder = nodeId('holder')

/** A node without content, and another one that holds the image whole. */
function open(t: Test) {
  stayAlive(t)
  const lab = createPeerLab()
  const members = lab.members(self)
  const upstream = createFakeUpstream()
  const store = createMemoryStore()
  const clock = systemClock
  const reach: { state: Reach } = { state: { state: 'reachable' } }
  const index = { isBusy: false, holds: new Set<Digest>(image.blobs.keys()) }
  const holders = {
    /** While its owners are busy, their answers come after the usual time. */
    async find(digests: readonly Digest[], _signal: AbortSignal, { patienceMs = 0 } = {}) {
      const isSilent = index.isBusy && patienceMs === 0
      const found = isSilent ? [] : digests.filter(of => index.holds.has(of))
      return new Map<Digest, NodeId[]>(found.map(of => [of, [holder]]))
    },
    lacks() {},
    lied() {},
  }
  lab.serve(self, {})
  lab.serve(holder, {
    async getManifest(of) {
      const bytes = image.blobs.get(of)
      return bytes && { mediaType: image.mediaType, bytes }
    },
  })
  const graph = createContentGraph({ store, catalog: createMemoryCatalog(), log: silentLog })
  const platforms = [{ os: 'linux', architecture: 'amd64' }]
  const completeness = createCompleteness({ graph, store, clock }, { platforms })
  const reachOf = () => reach.state
  const ending = new AbortController()
  const book = createPeerBook({ members, clock }, { zone: undefined })
  const client = lab.client(self)
  const peers = createPeerManifests(
    { members, holders, client, book, clock, reachOf, relaysFor: () => [] },
    { eachMs: 200, patientMs: 200, relayMs: 200, signal: ending.signal },
  )
  const manifests = createManifests(
    {
      ...{ store, graph, upstream, reachOf, peers, clock, log: silentLog },
      isPrivate: () => false,
      onFailed() {},
      onUse() {},
    },
    { deadlineMs: 1_000 },
  )
  const inReach = createInReach(
    { members, holders, completeness, manifests, clock },
    { budgetMs: 2_000 },
  )
  t.teardown(async () => {
    ending.abort()
    inReach.close()
    await manifests.close()
    completeness.close()
    await graph.close()
  })
  return { lab, index, reach, inReach }
}

t.test('what a live member holds whole is in reach, and what nobody holds is not', async t => {
  const { index, inReach } = open(t)
  t.ok(await inReach.isInReach(repository, digest))
  index.holds.clear()
  inReach.doubt()
  t.notOk(await inReach.isInReach(repository, digest))
})

t.test('it is found at the first question, before the registry is known to be down', async t => {
  const { index, reach, inReach } = open(t)
  index.isBusy = true
  t.equal(reach.state.state, 'reachable', 'one failure is not yet an outage')
  t.ok(await inReach.isInReach(repository, digest))
})
