import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { rankOwners } from '../../src/ledger/rendezvous.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { createPeerBlobs } from '../../src/pull/peer-blobs.ts'
import { createPeerBook } from '../../src/pull/peer-book.ts'
import { createRelays } from '../../src/pull/relays.ts'
import { createPeerContent } from '../../src/pull/serve-peers.ts'
import { createFakeUpstream, failure, repositoryOf } from '../support/fake-upstream.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'
import { download, openPull, present, stayAlive } from '../support/pull-parts.ts'
import { watchWaiting } from '../support/waited.ts'

const repository = repositoryOf('lab/app')
const size = 3_000_000
const content = randomBytes(size)
const digest = digestOf(content)
const { signal } = new AbortController()
const down = { state: 'down', sinceMs: 0, failure: 'unreachable' } as const

/** A manifest that tells the size of a layer. */
function manifestOf(layer: Digest, bytes: number) {
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size }
  const layers = [
    { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size: bytes },
  ]
  const text = JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers })
  const manifest = Buffer.from(text)
  return [digestOf(manifest), type, manifest] as const
}

/** Nodes that share an upstream and an index that is what the test says. */
function openMesh(
  t: Test,
  names: readonly string[],
  {
    patienceMs = 10_000,
    parallelFromBytes = 2 ** 40,
    relayMs = 5_000,
    more = [],
  }: {
    readonly patienceMs?: number
    readonly parallelFromBytes?: number
    readonly relayMs?: number
    /** What upstream holds, too. */
    readonly more?: readonly Buffer[]
  } = {},
) {
  stayAlive(t)
  const lab = createPeerLab({ patienceMs })
  const index = new Map<Digest, NodeId[]>()
  const busy = { isIndex: false }
  const lacking: [NodeId, Digest][] = []
  const lying: [NodeId, Digest][] = []
  const drop = (id: NodeId, of: Digest) =>
    index.set(of, index.get(of)?.filter(other => other !== id) ?? [])
  const nodes = names.map(name => openNode(name))

  function openNode(name: string) {
    const id = nodeId(name)
    const upstream = createFakeUpstream()
    upstream.add(content, ...more)
    const store = createMemoryStore()
    const members = lab.members(id)
    const book = createPeerBook(
      { members, clock: systemClock, random: () => 0 },
      { zone: undefined },
    )
    const holders = {
      async find(
        digests: readonly Digest[],
        _signal: AbortSignal,
        { patienceMs = 0 }: { readonly patienceMs?: number } = {},
      ) {
        const known = (of: Digest) =>
          busy.isIndex && patienceMs === 0 ? [] : (index.get(of) ?? [])
        return new Map(digests.map(of => [of, known(of)] as const))
      },
      lacks(other: NodeId, of: Digest) {
        lacking.push([other, of])
        drop(other, of)
      },
      lied(other: NodeId, of: Digest) {
        lying.push([other, of])
        drop(other, of)
      },
    }
    const pull = openPull(upstream, {
      store,
      flights: { stallMs: 10_000 },
      sources: owner =>
        createPeerBlobs(
          {
            upstream: owner,
            members,
            holders,
            book,
            client: lab.client(id),
            relaysFor: createRelays({ members, book, reachOf: owner.reach, clock: systemClock }),
            clock: systemClock,
          },
          {
            firstByteMs: patienceMs,
            patientMs: patienceMs,
            relayMs,
            parallelFromBytes,
            signal,
          },
        ),
    })
    t.teardown(() => pull.close())
    lab.serve(id, createPeerContent({ ...pull, isPrivate: () => false }))
    lab.say(id, { upstreams: ['reg.test'] })
    const get = async (of = digest) =>
      download(present(await pull.blobs.open(repository, of, { signal })))
    return {
      ...pull,
      id,
      upstream,
      store,
      get,
      open: () => pull.blobs.open(repository, digest, { signal }),
      /** It holds the blob and the index knows. */
      async hold() {
        await store.put(digest, content)
        index.set(digest, [...(index.get(digest) ?? []), id])
      },
      loseUplink() {
        upstream.setReach('reg.test', down)
        lab.say(id, { upstreams: [] })
      },
    }
  }
  return { lab, index, busy, lacking, lying, nodes }
}

type Mesh = ReturnType<typeof openMesh>
function nth({ nodes }: Mesh, at: number): Mesh['nodes'][number] {
  const node = nodes[at]
  if (node === undefined) throw new Error(`no node ${at}`)
  return node
}

t.test('a blob comes from a holder, and upstream is not asked', async t => {
  const mesh = openMesh(t, ['a', 'b', 'c'])
  const [a, b] = [nth(mesh, 0), nth(mesh, 1)]
  await b.hold()
  t.ok((await (await a.get()).whole).equals(content))
  t.equal(a.upstream.count('getBlob'), 0)
  t.ok(a.store.stat(digest), 'and is held here now')
})

t.test('one stale entry never hides a healthy holder', async t => {
  for (const how of ['lost it', 'is dead', 'stands still'] as const) {
    const mesh = openMesh(t, ['a', 'b', 'c'])
    const [a, b, c] = [nth(mesh, 0), nth(mesh, 1), nth(mesh, 2)]
    for (const node of mesh.nodes) node.loseUplink()
    await b.hold()
    await c.hold()
    mesh.index.set(digest, [b.id, c.id])
    if (how === 'lost it') await b.store.delete(digest)
    if (how === 'is dead') mesh.lab.kill(b.id)
    if (how === 'stands still') mesh.lab.freeze(b.id)
    t.ok((await (await a.get()).whole).equals(content), how)
    t.ok(mesh.lab.wasAsked(b.id))
    if (how === 'lost it') t.strictSame(mesh.lacking, [[b.id, digest]])
  }
})

for (const fault of ['kill', 'freeze'] as const) {
  t.test(`when the holder dies in the middle (${fault}), another sends the rest`, async t => {
    const mesh = openMesh(t, ['a', 'b', 'c'], { patienceMs: 700 })
    const [a, b, c] = [nth(mesh, 0), nth(mesh, 1), nth(mesh, 2)]
    await b.hold()
    await c.hold()
    a.loseUplink()
    mesh.index.set(digest, [b.id, c.id])
    const client = await a.get()
    await client.reached(1_000_000)
    mesh.lab[fault](b.id)
    t.ok((await client.whole).equals(content))
  })

  t.test(`when the only holder dies in the middle (${fault}), upstream sends the rest`, async t => {
    const mesh = openMesh(t, ['a', 'b'], { patienceMs: 700 })
    const [a, b] = [nth(mesh, 0), nth(mesh, 1)]
    await b.hold()
    const client = await a.get()
    await client.reached(1_000_000)
    mesh.lab[fault](b.id)
    t.ok((await client.whole).equals(content))
    t.ok((a.upstream.asked.at(-1)?.offset ?? 0) > 0, 'by range')
  })
}

t.test(
  'when there is no other, the client is cut in time and the next is told at once',
  async t => {
    for (const fault of ['kill', 'freeze'] as const) {
      const mesh = openMesh(t, ['a', 'b'], { patienceMs: 700 })
      const [a, b] = [nth(mesh, 0), nth(mesh, 1)]
      a.loseUplink()
      b.loseUplink()
      await b.hold()
      const client = await a.get()
      await client.reached(1_000_000)
      mesh.lab[fault](b.id)
      await t.rejects(client.whole, { code: 'blob-interrupted' })
      t.ok(client.bytes().equals(content.subarray(0, client.bytes().length)), 'what came is good')
      const waitedMs = watchWaiting()
      t.match(await a.open(), { absent: true, failure: 'unreachable', reason: /known to be down/ })
      t.ok(waitedMs() < 500)
    }
  },
)

t.test('a peer that lies is told of, and its bytes are never completed', async t => {
  const mesh = openMesh(t, ['a', 'b', 'c'])
  const [a, b, c] = [nth(mesh, 0), nth(mesh, 1), nth(mesh, 2)]
  for (const node of mesh.nodes) node.loseUplink()
  await b.hold()
  await c.hold()
  b.store.damage(digest)
  mesh.index.set(digest, [b.id, c.id])
  const opened = present(await a.open())
  const client = download(opened)
  await t.rejects(client.whole, { code: 'blob-in-doubt' })
  t.ok(client.bytes().length < size)
  t.ok((await (await a.get()).whole).equals(content), 'from the other one')
  t.strictSame(mesh.lying, [[b.id, digest]])
})

t.test(
  'a holder is found at the first question, before the registry is known to be down',
  async t => {
    const mesh = openMesh(t, ['a', 'b'])
    const [a, b] = [nth(mesh, 0), nth(mesh, 1)]
    await b.hold()
    mesh.busy.isIndex = true
    mesh.lab.say(b.id, { upstreams: [] }) // nor is it asked to fetch
    a.upstream.answer('getBlob', () => Promise.reject(failure('unreachable')))
    const waitedMs = watchWaiting()
    t.ok((await (await a.get()).whole).equals(content))
    t.ok(waitedMs() < 500, 'at the second look')
    t.equal(a.upstream.count('getBlob'), 1)
  },
)

t.test('a holder in doubt is asked at the first look, not at the second', async t => {
  for (const isSecond of [false, true]) {
    const mesh = openMesh(t, ['a', 'b'])
    const [a, b] = [nth(mesh, 0), nth(mesh, 1)]
    await b.hold()
    mesh.busy.isIndex = isSecond
    mesh.lab.say(b.id, { upstreams: [], state: 'suspect', lastSeenMs: systemClock.monotonicMs() })
    a.upstream.answer('getBlob', () => Promise.reject(failure('unreachable')))
    if (isSecond) t.match(await a.open(), { absent: true, failure: 'unreachable' })
    else t.ok((await (await a.get()).whole).equals(content))
    t.equal(mesh.lab.wasAsked(b.id), !isSecond)
  }
})

t.test('32 clients of one holder all get it', async t => {
  const mesh = openMesh(t, ['a', 'b'])
  const [a, b] = [nth(mesh, 0), nth(mesh, 1)]
  a.loseUplink()
  await b.hold()
  const clients = await Promise.all(Array.from({ length: 32 }, () => a.get()))
  for (const client of clients) t.ok((await client.whole).equals(content))
  t.equal(mesh.lab.asked.filter(({ to }) => to === b.id).length, 1)
})

t.test('a holder that begins late is raced, and the loser cut off', async t => {
  const mesh = openMesh(t, ['a', 'b', 'c'], { patienceMs: 5_000 })
  const [a, b, c] = [nth(mesh, 0), nth(mesh, 1), nth(mesh, 2)]
  await b.hold()
  await c.hold()
  mesh.index.set(digest, [b.id, c.id])
  mesh.lab.freeze(b.id)
  const waitedMs = watchWaiting()
  t.ok((await (await a.get()).whole).equals(content))
  t.ok(waitedMs() < 2_000, 'long before its patience ends')
  t.equal(a.upstream.count('getBlob'), 0)
})

t.test('what nobody holds is fetched from upstream once for all', async t => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const mesh = openMesh(t, names)
  const clients = await Promise.all(mesh.nodes.map(node => node.get()))
  for (const client of clients) t.ok((await client.whole).equals(content))
  const counts = mesh.nodes.map(({ id, upstream }) => [id, upstream.count('getBlob')] as const)
  const [first] = rankOwners(digest, names.map(nodeId), 1)
  t.strictSame(
    counts.filter(([, count]) => count > 0),
    [[first, 1]],
  )
})

t.test('who fetches for all is one who reaches the registry', async t => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const mesh = openMesh(t, names)
  const ranked = rankOwners(digest, names.map(nodeId), 5)
  for (const node of mesh.nodes) if (node.id !== ranked[3]) node.loseUplink()
  const clients = await Promise.all(mesh.nodes.map(node => node.get()))
  for (const client of clients) t.ok((await client.whole).equals(content))
  for (const { id, upstream } of mesh.nodes) {
    t.equal(upstream.count('getBlob'), id === ranked[3] ? 1 : 0)
  }
})

/** Five nodes in the order in which they fetch for all; nobody holds anything. */
function openRelay(t: Test, { patienceMs = 2_000 } = {}) {
  const mesh = openMesh(t, ['a', 'b', 'c', 'd', 'e'], { patienceMs })
  const ids = mesh.nodes.map(({ id }) => id)
  const inOrder = rankOwners(digest, ids, ids.length)
  const [owner, second, ...others] = inOrder.map(id => nth(mesh, ids.indexOf(id)))
  if (owner === undefined || second === undefined) throw new Error('no nodes')
  const waitedMs = watchWaiting()
  return {
    lab: mesh.lab,
    owner,
    second,
    others,
    /** All but the first pull it; the second one fetches it for all. */
    async takesOver(
      withinMs: number,
      clients: readonly ReturnType<typeof owner.get>[] = [second, ...others].map(node =>
        node.get(),
      ),
    ) {
      for (const client of clients) t.ok((await (await client).whole).equals(content))
      t.ok(waitedMs() < withinMs)
      t.ok(mesh.lab.wasAsked(owner.id))
      t.equal(second.upstream.count('getBlob'), 1)
      for (const { upstream } of others) t.equal(upstream.count('getBlob'), 0)
    },
  }
}

t.test('when who fetches for all is denied, the next one fetches for all', async t => {
  const { owner, takesOver } = openRelay(t)
  owner.upstream.answer('getBlob', () => Promise.reject(failure('denied')))
  await takesOver(900)
})

t.test('when who fetches for all is dead, the next one fetches for all', async t => {
  const { lab, owner, takesOver } = openRelay(t)
  lab.kill(owner.id)
  await takesOver(900)
})

t.test('when who fetches for all stands still, the next one fetches for all', async t => {
  const { lab, owner, takesOver } = openRelay(t)
  lab.freeze(owner.id)
  await takesOver(1_700)
})

t.test('when who fetches for all gets nothing for long, the next one fetches for all', async t => {
  const { owner, takesOver } = openRelay(t)
  const body = owner.upstream.nextBody(size)
  await takesOver(3_500)
  await body.closed // nobody reads along any more
})

t.test('when who fetches for all is slow, everybody waits for it', async t => {
  const { owner, second, others } = openRelay(t)
  const body = owner.upstream.nextBody(size)
  const opening = [second, ...others].map(node => node.get())
  await body.opened
  await new Promise(resolve => setTimeout(resolve, 1_500)) // longer than silence is borne
  for (let at = 0; at < size; at += 500_000) {
    body.send(content.subarray(at, at + 500_000))
    await new Promise(resolve => setTimeout(resolve, 300))
  }
  body.end()
  for (const client of opening) t.ok((await (await client).whole).equals(content))
  for (const { upstream } of [second, ...others]) t.equal(upstream.count('getBlob'), 0)
})

/** A small blob whose registry takes its time for the first byte, and then sends it in pieces; ms. Nodes know its size. */
async function openSlowSmall(
  t: Test,
  { firstMs, eachMs, relayMs = 5_000 }: { firstMs: number; eachMs: number; relayMs?: number },
) {
  const blob = randomBytes(200_000)
  const of = digestOf(blob)
  const mesh = openMesh(t, ['a', 'b', 'c'], { patienceMs: 2_000, relayMs, more: [blob] })
  for (const { upstream, graph } of mesh.nodes) {
    graph.learn(...manifestOf(of, blob.length))
    upstream.answer('getBlob', async () => ({ offset: 0, size: blob.length, body: slowly() }))
  }
  async function* slowly() {
    await new Promise(resolve => setTimeout(resolve, firstMs))
    for (let at = 0; at < blob.length; at += 40_000) {
      yield blob.subarray(at, at + 40_000)
      await new Promise(resolve => setTimeout(resolve, eachMs))
    }
  }
  return {
    ...mesh,
    of,
    asked: () => mesh.nodes.reduce((sum, { upstream }) => sum + upstream.count('getBlob'), 0),
  }
}

t.test('a small blob that comes slowly is fetched once for all who pull it', async t => {
  const { nodes, of, asked } = await openSlowSmall(t, { firstMs: 0, eachMs: 250 })
  const clients = await Promise.all(nodes.map(node => node.get(of)))
  for (const client of clients) t.equal(digestOf(await client.whole), of)
  t.equal(asked(), 1)
})

t.test('behind all pulls who fetches for all is waited for as long as it is at it', async t => {
  for (const relayMs of [5_000, 1_000]) {
    const { nodes, of, asked } = await openSlowSmall(t, { firstMs: 2_500, eachMs: 0, relayMs })
    const ends = await Promise.all(nodes.map(({ blobs }) => blobs.fetch(repository, of, signal)))
    t.strictSame(ends, [undefined, undefined, undefined])
    t.equal(asked(), 1, `where a client waits ${relayMs} ms`)
  }
})

t.test('behind all pulls a node that is slow to say what it holds is waited for', async t => {
  for (const who of ['the store', 'a client'] as const) {
    const mesh = openMesh(t, ['a', 'b'])
    const [a, b] = [nth(mesh, 0), nth(mesh, 1)]
    await b.hold()
    mesh.busy.isIndex = true
    mesh.lab.say(b.id, { upstreams: [] }) // nor is it asked to fetch
    if (who === 'a client') await (await a.get()).whole
    else t.equal(await a.blobs.fetch(repository, digest, signal), undefined)
    t.equal(a.upstream.count('getBlob'), who === 'a client' ? 1 : 0, who)
  }
})

t.test('who fetches for all may be in doubt', async t => {
  const { lab, owner, second, others } = openRelay(t)
  lab.say(owner.id, { state: 'suspect', lastSeenMs: systemClock.monotonicMs() })
  const clients = await Promise.all([second, ...others].map(node => node.get()))
  for (const client of clients) t.ok((await client.whole).equals(content))
  t.equal(owner.upstream.count('getBlob'), 1)
  for (const { upstream } of [second, ...others]) t.equal(upstream.count('getBlob'), 0)
})

for (const fault of ['kill', 'freeze'] as const) {
  t.test(
    `when who fetches for all dies in the middle (${fault}), one fetches the rest`,
    async t => {
      const { lab, owner, second, others, takesOver } = openRelay(t, { patienceMs: 700 })
      const body = owner.upstream.nextBody(size)
      const opening = [second, ...others].map(node => node.get())
      body.send(content.subarray(0, 2_000_000))
      for (const client of opening) await (await client).reached(1_500_000)
      lab[fault](owner.id)
      await takesOver(2_500, opening)
      t.ok((second.upstream.asked[0]?.offset ?? 0) >= 1_500_000, 'by range')
    },
  )
}

t.test('two who see each other differently still fetch one copy', async t => {
  const { lab, owner, second, others } = openRelay(t)
  const [third] = others
  if (third === undefined) throw new Error('no third node')
  // Only the second one knows that the first reaches the registry: who asks the second hears from the first through it.
  lab.hide(owner.id, third.id)
  t.ok((await (await third.get()).whole).equals(content))
  t.equal(owner.upstream.count('getBlob'), 1)
  for (const { upstream } of [second, third]) t.equal(upstream.count('getBlob'), 0)
})

t.test('many blobs at once are each fetched once, by different nodes', async t => {
  // The same every time: of bytes by chance, a node would be the first owner of none once in 1500 runs.
  const more = Array.from({ length: 40 }, (_, n) => Buffer.alloc(100_000, `layer ${n},`))
  const mesh = openMesh(t, ['a', 'b', 'c', 'd', 'e'], { patienceMs: 2_000, more })
  const pulls = mesh.nodes.flatMap(node =>
    more.map(async blob => t.ok((await (await node.get(digestOf(blob))).whole).equals(blob))),
  )
  await Promise.all(pulls)
  const counts = mesh.nodes.map(({ upstream }) => upstream.count('getBlob'))
  t.equal(
    counts.reduce((sum, count) => sum + count, 0),
    more.length,
  )
  for (const count of counts) t.ok(count > 0 && count < 20, `${counts}`)
})

t.test('a large blob comes from several at once, and whoever fails is done without', async t => {
  const big = randomBytes(60 * 1024 * 1024 + 17)
  const of = digestOf(big)
  for (const [fault, patienceMs] of [
    ['none', 10_000],
    ['dies', 10_000],
    ['stands still', 700],
    ['lost it', 10_000],
  ] as const) {
    const mesh = openMesh(t, ['a', 'b', 'c', 'd'], { parallelFromBytes: 1_000_000, patienceMs })
    const a = nth(mesh, 0)
    const others = mesh.nodes.slice(1)
    for (const { store } of others) await store.put(of, big)
    for (const node of mesh.nodes) node.loseUplink()
    mesh.index.set(
      of,
      others.map(({ id }) => id),
    )
    a.graph.learn(...manifestOf(of, big.length))
    const client = download(present(await a.blobs.open(repository, of, { signal })))
    await client.reached(18_000_000)
    const last = nth(mesh, 3)
    if (fault === 'dies') mesh.lab.kill(last.id)
    if (fault === 'stands still') mesh.lab.freeze(last.id)
    if (fault === 'lost it') await last.store.delete(of)
    t.ok((await client.whole).equals(big), fault)
    const askers = new Set(mesh.lab.asked.map(({ to }) => to))
    t.ok(askers.size >= 2, 'of several')
  }
})

t.test('who lies among several is found by its own list of hashes', async t => {
  const big = randomBytes(40 * 1024 * 1024)
  const of = digestOf(big)
  const mesh = openMesh(t, ['a', 'b', 'c'], { parallelFromBytes: 1_000_000 })
  const [a, b, c] = [nth(mesh, 0), nth(mesh, 1), nth(mesh, 2)]
  for (const node of mesh.nodes) node.loseUplink()
  for (const { store } of [b, c]) await store.put(of, big)
  mesh.index.set(of, [b.id, c.id])
  a.graph.learn(...manifestOf(of, big.length))
  mesh.lab.faultsOf(c.id).lie = bytes => bytes.map(byte => byte ^ 1)
  const client = download(present(await a.blobs.open(repository, of, { signal })))
  await t.rejects(client.whole, { code: 'blob-in-doubt' })
  t.ok(client.bytes().length < big.length)
  const again = download(present(await a.blobs.open(repository, of, { signal })))
  t.ok((await again.whole).equals(big))
  while (mesh.lying.length === 0) await new Promise(setImmediate)
  t.strictSame(mesh.lying, [[c.id, of]])
})

t.test('two who each take the other for the first wait for neither', async t => {
  const mesh = openMesh(t, ['a', 'b'], { patienceMs: 5_000 })
  const [a, b] = [nth(mesh, 0), nth(mesh, 1)]
  // Each believes of itself that it has no uplink, and of the other that it has one.
  a.upstream.setReach('reg.test', down)
  b.upstream.setReach('reg.test', down)
  const waitedMs = watchWaiting()
  const answers = await Promise.all([a.open(), b.open()])
  for (const answer of answers) t.match(answer, { absent: true })
  t.ok(waitedMs() < 1_500, 'long before the patience of either ends')
})
