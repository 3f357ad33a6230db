import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { Standing } from '../../src/keep/outlook.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import type { TestBlob } from '../support/blob.ts'
import {
  makeImage,
  makeReferrer,
  makeSingleImage,
  type TestImage,
  type TestManifest,
} from '../support/image.ts'
import { gossip, key, large, type MeshNode, openMesh, until } from './mesh-nodes.support.ts'

const { signal } = new AbortController()
const keep = { patterns: ['reg.test/**'] }
const older = makeImage({ salt: 'older', layers: [1_500_000, 1_000] })

const tagged = (tag: string): TagReference => ({ ...key, tag })

/** A node learned the tag at this image from its registry. */
async function learn(
  node: MeshNode,
  tag: string,
  image: Pick<TestImage, 'digest' | 'mediaType' | 'bytes'>,
  dateMs: number,
): Promise<void> {
  const at = tagged(tag)
  const { digest, mediaType } = image
  await node.ledger.observeUpstream({
    key: at,
    digest,
    mediaType,
    size: image.bytes.length,
    asked: node.ledger.askedNow(at),
    dateMs,
    overTls: false,
  })
}

/** What the report of a node says of each tag: verdict, and how each node stands. */
async function reportOf(node: MeshNode, nodes: readonly MeshNode[]) {
  const report = await node.report.make(await node.report.keepSet(100), { signal })
  const tags: Record<string, unknown> = {}
  for (const { wanted, verdict, standings, gaps, copies } of report.images) {
    const each = nodes.map(({ id }): Standing | undefined => standings.get(id))
    const held = copies.map(copy => `${copy.platform} ${copy.held}/${copy.wanted}`)
    tags[wanted.key.tag ?? ''] = { verdict, each, gaps: gaps.map(({ kind }) => kind), held }
  }
  return { verdict: report.verdict, tags }
}

t.test('every node tells the same of the whole mesh, whoever holds what', async t => {
  const mesh = await openMesh(t, ['a', 'b', 'c'], { keep })
  const [a, b, c] = [mesh.node(0), mesh.node(1), mesh.node(2)]
  const now = Date.now()
  const alone = makeImage({ salt: 'alone', layers: [1_000_000] })
  const broken = makeImage({ salt: 'broken', layers: [1_000_000, 2_000] })
  const unheld = makeImage({ salt: 'unheld' })
  await learn(a, 'both', large, now)
  await learn(a, 'alone', alone, now)
  await learn(a, 'broken', broken, now)
  await learn(a, 'unheld', unheld, now)
  await learn(a, 'moved', older, now - 60_000)
  await learn(a, 'moved', broken, now)
  await gossip(a, [b, c])
  for (const node of [a, b]) await node.fill(large)
  for (const node of [a, b]) await node.fill(older)
  await a.fill(alone)
  const [layer] = broken.for('linux/amd64').layers
  for (const [digest, bytes] of broken.for('linux/amd64').blobs) {
    if (digest !== layer?.digest) await a.store.put(digest, bytes)
  }
  await a.store.put(broken.digest, broken.bytes)
  await until(() => a.completeness.missingCount(broken.digest) === 1)
  for (const node of mesh.nodes) node.loseUplink()

  for (const node of [a, c]) {
    t.match(await reportOf(node, mesh.nodes), {
      verdict: 'not-ready',
      tags: {
        both: { verdict: 'ready', each: ['here', 'here', 'in-reach'], held: ['linux/amd64 2/2'] },
        alone: { verdict: 'at-risk', each: ['here', 'in-reach', 'in-reach'], gaps: [] },
        broken: { verdict: 'not-ready', each: ['lacking', 'lacking', 'lacking'], gaps: ['blob'] },
        unheld: { verdict: 'not-ready', gaps: ['manifest'], held: ['linux/amd64 0/2'] },
      },
    })
  }
  t.match(await reportOf(a, mesh.nodes), {
    tags: { moved: { verdict: 'not-ready', each: ['older', 'lacking', 'lacking'] } },
  })
})

t.test('what the report calls ready is pulled, what it calls not ready is not', async t => {
  const mesh = await openMesh(t, ['a', 'b'], { keep })
  const [a, b] = [mesh.node(0), mesh.node(1)]
  await learn(a, 'latest', large, Date.now())
  await gossip(a, [b])
  for (const node of mesh.nodes) node.loseUplink()
  t.match(await reportOf(b, mesh.nodes), { tags: { latest: { verdict: 'not-ready' } } })
  t.match(await b.resolve(), { found: false })
  await a.fill(large)
  let verdict: unknown
  while (verdict !== 'at-risk') verdict = (await reportOf(b, mesh.nodes)).verdict // the index hears of it
  t.match(await reportOf(b, mesh.nodes), { tags: { latest: { each: ['here', 'in-reach'] } } })
  t.match(await b.resolve(), { found: true })
  t.strictSame(await b.pull(large, large.digest), [])
})

t.test('what was found damaged counts as missing', async t => {
  const mesh = await openMesh(t, ['a', 'b'], { keep })
  const [a, b] = [mesh.node(0), mesh.node(1)]
  await learn(a, 'latest', large, Date.now())
  for (const node of [a, b]) await node.fill(large)
  await gossip(a, [b])
  for (const node of mesh.nodes) node.loseUplink()
  t.match(await reportOf(a, mesh.nodes), { verdict: 'ready' })
  const [layer] = large.for('linux/amd64').layers
  if (layer === undefined) throw new Error('no layer')
  async function damage({ dataDir, scrub }: MeshNode, { digest, bytes }: TestBlob) {
    const path = join(dataDir, 'blobs', ...digest.split(':'))
    await writeFile(path, Buffer.alloc(bytes.length, 1))
    t.equal(await scrub.check(digest, signal), 'damaged')
  }
  await damage(a, layer)
  let each: unknown
  while (!isDeepStrictEqual(each, ['in-reach', 'here'])) {
    const { tags } = await reportOf(a, mesh.nodes)
    each = (tags['latest'] as { each: unknown }).each // the index hears of it
  }
  t.match(await reportOf(a, mesh.nodes), {
    tags: { latest: { verdict: 'at-risk', held: ['linux/amd64 1/2'], gaps: [] } },
  })
  await damage(b, layer)
  let verdict: unknown
  while (verdict !== 'not-ready') verdict = (await reportOf(a, mesh.nodes)).verdict
  t.match(await reportOf(a, mesh.nodes), {
    tags: { latest: { each: ['lacking', 'lacking'], held: ['linux/amd64 0/2'], gaps: ['blob'] } },
  })
})

t.test('a node that does not answer is not judged, and its copy does not count', async t => {
  const mesh = await openMesh(t, ['a', 'b'], { keep })
  const [a, b] = [mesh.node(0), mesh.node(1)]
  await learn(a, 'latest', large, Date.now())
  for (const node of [a, b]) await node.fill(large)
  t.match(await reportOf(a, mesh.nodes), {
    verdict: 'not-ready',
    tags: { latest: { each: ['here', 'unaware'] } },
  })
  await gossip(a, [b])
  t.match(await reportOf(a, mesh.nodes), { verdict: 'ready' })
  mesh.lab.kill(b.id)
  t.match(await reportOf(a, mesh.nodes), {
    verdict: 'at-risk',
    tags: { latest: { each: ['here', undefined], held: ['linux/amd64 1/2'] } },
  })
})

t.test(
  'a pin is what counts, and a tag that is not kept is looked at when it is named',
  async t => {
    const mesh = await openMesh(t, ['a'])
    const a = mesh.node(0)
    await learn(a, 'latest', large, Date.now())
    await a.fill(older)
    t.strictSame(await reportOf(a, mesh.nodes), { verdict: 'not-ready', tags: {} })
    const [named] = (await a.report.make([a.report.named(key)], { signal })).images
    t.match(named, { verdict: 'not-ready', wanted: { why: 'named', digests: [large.digest] } })
    const target = { digest: older.digest, mediaType: older.mediaType, size: older.bytes.length }
    await a.ledger.setPin(key, target, {})
    t.match(await reportOf(a, mesh.nodes), {
      verdict: 'ready',
      tags: { latest: { each: ['here'], held: ['linux/amd64 1/1'] } },
    })
    const [pinned] = await a.report.keepSet(100)
    t.match(pinned, { why: 'pin', digests: [older.digest], confirmedAtMs: undefined })
  },
)

t.test('nodes with clients of other platforms are judged by what they need', async t => {
  const mesh = await openMesh(t, ['a', 'b'], { keep, platforms: ['linux/amd64', 'linux/arm64'] })
  const [a, b] = [mesh.node(0), mesh.node(1)]
  await learn(a, 'latest', large, Date.now())
  for (const node of [a, b]) await node.fill(large)
  await gossip(a, [b])
  for (const node of mesh.nodes) node.loseUplink()
  t.match(await reportOf(a, mesh.nodes), {
    verdict: 'not-ready',
    tags: {
      latest: {
        each: ['lacking', 'lacking'],
        held: ['linux/amd64 2/2', 'linux/arm64 0/2'],
        gaps: ['manifest'],
      },
    },
  })
})

/** A node pulled an image that is in no index, and knows what its config says. */
async function fillSingle(node: MeshNode, image: TestManifest): Promise<void> {
  for (const [digest, bytes] of image.blobs) await node.store.put(digest, bytes)
  await until(() => node.completeness.isComplete(image.digest))
  await until(() => node.imagePlatforms.of(image.digest) !== undefined)
}

t.test('an image in no index is not ready where its config names another platform', async t => {
  const mesh = await openMesh(t, ['a'], { keep })
  const a = mesh.node(0)
  const arm = makeSingleImage({ salt: 'arm', platform: 'linux/arm64' })
  const amd = makeSingleImage({ salt: 'amd', platform: 'linux/amd64', flavour: 'docker' })
  await learn(a, 'arm', arm, Date.now())
  await learn(a, 'amd', amd, Date.now())
  for (const image of [arm, amd]) await fillSingle(a, image)
  a.loseUplink()
  t.match(await reportOf(a, mesh.nodes), {
    verdict: 'not-ready',
    tags: {
      arm: { verdict: 'not-ready', each: ['not-for'], held: [] },
      amd: { verdict: 'ready', each: ['here'], held: ['linux/amd64 1/1'] },
    },
  })
  const asked = { asking: 'GET', signal } as const
  t.match(
    await a.resolveTag(tagged('arm'), asked),
    { found: true, digest: arm.digest },
    'whoever asks for it gets it: containerd judges for itself',
  )
})

t.test('in a mesh it is ready where nodes that run it hold it, whoever tells', async t => {
  const each = { arm: { platforms: ['linux/arm64'] } }
  const mesh = await openMesh(t, ['amd', 'arm', 'other'], { keep }, each)
  const [amd, arm, other] = [mesh.node(0), mesh.node(1), mesh.node(2)]
  const single = makeSingleImage({ salt: 'arm', platform: 'linux/arm64' })
  await learn(arm, 'latest', single, Date.now())
  await gossip(arm, [amd, other])
  await fillSingle(arm, single)
  for (const node of mesh.nodes) node.loseUplink()
  const ready = {
    verdict: 'ready',
    tags: {
      latest: {
        verdict: 'ready',
        each: ['not-for', 'here', 'not-for'],
        held: ['linux/arm64 1/1'],
      },
    },
  }
  for (const node of mesh.nodes) t.match(await reportOf(node, mesh.nodes), ready)
  t.equal(amd.store.stat(single.config.digest), undefined, 'who told holds nothing of it')

  mesh.lab.kill(arm.id)
  t.match(await reportOf(amd, mesh.nodes), { verdict: 'not-ready' })
})

t.test('an image that is named by its digest is judged without a ledger', async t => {
  const mesh = await openMesh(t, ['a', 'b'])
  const [a, b] = [mesh.node(0), mesh.node(1)]
  await a.fill(large)
  for (const node of mesh.nodes) node.loseUplink()
  const { tag: _, ...repository } = key
  const named = (image: TestImage) => b.report.named({ ...repository, digest: image.digest })
  let made = await b.report.make([named(large), named(older)], { signal })
  while (made.images[0]?.verdict !== 'at-risk') {
    made = await b.report.make([named(large), named(older)], { signal }) // the index hears of it
  }
  t.match(made.images, [
    { verdict: 'at-risk', copies: [{ held: 1, wanted: 2 }] },
    { verdict: 'not-ready', gaps: [{ kind: 'manifest' }] },
  ])
  t.strictSame(
    [...(made.images[0]?.standings ?? [])],
    [
      [b.id, 'in-reach'],
      [a.id, 'here'],
    ],
  )
})

t.test('a tag that is kept by its name is not ready while nothing is known of it', async t => {
  const patterns = ['reg.test/lab/app:awaited', 'reg.test/none/**']
  const mesh = await openMesh(t, ['a'], { keep: { patterns } })
  const a = mesh.node(0)
  t.match(await reportOf(a, [a]), {
    verdict: 'not-ready',
    tags: { awaited: { verdict: 'not-ready', each: ['unaware'] } },
  })
  t.strictSame(a.report.emptyKeeps(await a.report.keepSet(100)), [
    { pattern: 'reg.test/none/**', isSaid: false },
  ])
})

t.test('what is larger than the store of a node may ever be is told', async t => {
  const small = { store: { quotaBytes: '1MB', minFreeBytes: '1MiB' } }
  const mesh = await openMesh(t, ['a', 'b', 'c'], { keep }, { b: small, c: small })
  const [a, c] = [mesh.node(0), mesh.node(2)]
  await learn(a, 'large', large, Date.now())
  await gossip(a, mesh.nodes.slice(1))
  await a.fill(large)
  for (const node of [a, c]) {
    const { images } = await node.report.make(await node.report.keepSet(100), { signal })
    const [{ holders, noRoom } = { holders: [], noRoom: new Map() }] = images
    t.strictSame(holders, [a.id])
    t.strictSame([...noRoom.keys()].sort(), [mesh.node(1).id, c.id].sort())
    t.match(noRoom.get(c.id), { why: 'quota', quotaBytes: 1_000_000 })
    t.ok(noRoom.get(c.id).bytes > 2_001_000, 'with its manifests')
  }
})

/** Blocks a digest on this node. */
const block = (node: MeshNode, { digest }: TestImage) =>
  node.exclusions.set('block', digest, { note: undefined, author: undefined })

t.test(
  'a pin that is blocked is told: what starts instead is a risk, nothing is worse',
  async t => {
    const mesh = await openMesh(t, ['a'])
    const a = mesh.node(0)
    await a.fill(older)
    await a.fill(large)
    const target = { digest: large.digest, mediaType: large.mediaType, size: large.bytes.length }
    await learn(a, 'earlier', older, Date.now())
    for (const tag of ['earlier', 'alone']) await a.ledger.setPin(tagged(tag), target, {})
    t.match(await reportOf(a, [a]), { verdict: 'ready' })
    await block(a, large)
    t.match(await reportOf(a, [a]), {
      tags: {
        alone: { verdict: 'not-ready', each: ['unaware'] },
        earlier: { verdict: 'at-risk', each: ['here'] },
      },
    })
    const kept = await a.report.keepSet(100)
    t.strictSame(
      kept.map(({ key: { tag }, why, digests }) => [tag, why, digests]),
      [
        ['alone', 'pin', []],
        ['earlier', 'pin', [older.digest]],
      ],
    )
    t.match(a.report.named(tagged('alone')), { blocked: { digest: large.digest, isPin: true } })
    await a.exclusions.lift('block', large.digest, undefined)
    t.match(await reportOf(a, [a]), { verdict: 'ready' })
  },
)

t.test('a kept tag of which all is blocked is in the report', async t => {
  const mesh = await openMesh(t, ['a'], { keep })
  const a = mesh.node(0)
  await learn(a, 'latest', older, Date.now() - 60_000)
  await learn(a, 'latest', large, Date.now())
  await a.fill(older)
  await block(a, large)
  t.match(await reportOf(a, [a]), { verdict: 'ready' }, 'an earlier digest is what the block wants')
  await block(a, older)
  t.match(await reportOf(a, [a]), { tags: { latest: { verdict: 'not-ready' } } })
  const images = await a.report.keepSet(100)
  t.match(images, [{ why: 'keep', blocked: { digest: large.digest, isPin: false } }])
  t.strictSame(a.report.emptyKeeps(images), [])
})

t.test('what refers to an image is told: whole on some nodes, in parts, or on none', async t => {
  const mesh = await openMesh(t, ['a', 'b'], { keep })
  const [a, b] = [mesh.node(0), mesh.node(1)]
  await learn(a, 'latest', large, Date.now())
  for (const node of [a, b]) await node.fill(large)
  await gossip(a, [b])
  const signature = makeReferrer({ subject: large, artifactType: 'a/signature' })
  const sbom = makeReferrer({ subject: large, artifactType: 'a/sbom', payload: 'parts' })
  for (const [digest, bytes] of signature.blobs) await a.store.put(digest, bytes)
  await b.store.put(sbom.digest, sbom.bytes)
  await until(() => a.graph.referrers(large.digest).length === 1)
  await until(() => b.graph.referrers(large.digest).length === 1)

  async function referrersOf(node: MeshNode) {
    const { images } = await node.report.make(await node.report.keepSet(100), { signal })
    t.match(images, [{ verdict: 'ready' }])
    const each = images[0]?.referrers ?? []
    return Object.fromEntries(each.map(one => [one.artifactType, `${one.held} of ${one.wanted}`]))
  }
  for (const node of [a, b]) {
    t.strictSame(await referrersOf(node), { 'a/signature': '1 of 2', 'a/sbom': '0 of 2' })
  }
  for (const [digest, bytes] of sbom.blobs) await b.store.put(digest, bytes)
  for (const [digest, bytes] of signature.blobs) await b.store.put(digest, bytes)
  await until(() => b.graph.referrers(large.digest).length === 2)
  t.strictSame(await referrersOf(a), { 'a/signature': '2 of 2', 'a/sbom': '1 of 2' })
})
