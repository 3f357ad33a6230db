import t from 'tap'
import { noPods, type Pods } from '../../src/keep/watch-pods.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { formatReference, formatTag, type ImageName } from '../../src/oci/reference.ts'
import { makeImage } from '../support/image.ts'
import { gossip, key, large, type MeshNode, openMesh } from './mesh-nodes.support.ts'

/** A node whose one pod names an image so. */
const podOf = (name: ImageName, digest: Digest): Pods => ({
  ...noPods,
  state: () => ({ state: 'seen', failure: undefined }),
  containers: () => [
    {
      namespace: 'default',
      pod: 'app-0',
      container: 'main',
      images: [formatReference(name)],
      digest,
      firstMs: 0,
      lastMs: 0,
      unseenMs: 0,
    },
  ],
})

const untilSoon = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise(resolve => setTimeout(resolve, 50))
}

/** Word of it gets around until some others hold it. */
async function spread(from: MeshNode, others: readonly MeshNode[], digest: Digest) {
  const holding = () => others.filter(node => node.completeness.isComplete(digest))
  while (holding().length === 0) {
    await gossip(from, others)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  return holding()
}

t.test('what one node runs has a second copy on another, by its tag and by its digest', async t => {
  const other = makeImage({ salt: 'by digest', layers: [1_000] })
  const { tag: _, ...repository } = key
  const { node, nodes } = await openMesh(
    t,
    ['a', 'b', 'c'],
    { keep: { copies: 2 } },
    {
      a: { pods: podOf(key, large.digest) },
      b: { pods: podOf({ ...repository, digest: other.digest }, other.digest) },
    },
  )
  const [a, b, c] = [node(0), node(1), node(2)]
  a.publish(large)
  await a.resolve()
  await a.fill(large)
  await b.fill(other)
  for (const each of nodes) each.loseUplink()
  t.notOk(c.keeps.isKept(key))
  for (const each of nodes) each.repair()

  t.ok((await spread(a, [b, c], large.digest)).length > 0)
  t.ok(c.keeps.isKept(key), `${formatTag(key)} is kept on a node that does not run it`)
  t.ok((await spread(b, [a, c], other.digest)).length > 0)
  const kept = await c.keptImages()
  t.match(
    kept.map(({ digest, isHere }) => ({ digest, isHere })),
    [
      { digest: other.digest, isHere: false },
      { digest: large.digest, isHere: false },
    ],
  )
  await untilSoon(() => b.keeps.isKept(key))
  const wanted = await b.report.keepSet(10)
  t.match(
    wanted.map(({ why }) => why),
    ['keep', 'running'],
    'the report tells of both',
  )
})
