import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { buildImage } from '../system/support/built-image.ts'
import { until } from '../system/support/process.ts'
import { runnable } from '../system/support/runnable.ts'
import { startCluster } from './support/cluster.ts'
import { runAlways, streamAlways } from './support/cluster-pods.ts'
import type { ClusterNode } from './support/node.ts'
import { certsDir } from './support/node-config.ts'
import { healthPort, installRelease, rollbackRelease, untilRolledOut } from './support/release.ts'
import { requireLab } from './support/requirements.ts'
import { registriesBehind } from './support/traces.ts'
import { imageOf } from './support/upstream.ts'

requireLab()

/** No pod may be without its image for longer, in ms. */
const boundMs = 60_000

t.test('while pods start all the time', async t => {
  const cluster = await startCluster(t, { nodes: ['2.1', '1.7'] })
  const { nodes, upstream, dir } = cluster
  const [first, second] = nodes
  if (first === undefined || second === undefined) throw new Error('two nodes are wanted')
  const repository = imageOf('holdfast', '').slice(0, -1)
  for (const tag of ['1', '2', '3']) {
    const folder = join(dir, `image-${tag}`)
    await mkdir(folder)
    const name = `${repository}:${tag}`
    const built = { name, revision: tag.repeat(40), isForThis: true }
    const { archive } = await buildImage(folder, built)
    await upstream.copy(archive, 'holdfast', tag)
  }
  const away = { key: 'test/mirror', operator: 'NotIn', values: ['away'] }
  const release = await installRelease(cluster, {
    'image.repository': repository,
    'image.tag': '1',
    fallback: 'none',
    'secondPath.enabled': true,
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [away] }],
        },
      },
    },
  })
  const app = imageOf('app', 'stable')
  const { digest } = await upstream.push('app', 'stable', runnable('app'))
  for (const node of nodes) await runAlways(cluster, node, app, boundMs)
  const ids = () => Promise.all(nodes.map(node => release.idOf(node)))
  const before = await ids()

  /** The new image is on one node alone; the other one has to get it from there. */
  const upgradeOffline = async () => {
    await first.ctr('images', 'pull', '--hosts-dir', certsDir, `${repository}:3`)
    upstream.freeze()
    await release.upgrade({ 'image.tag': '3' })
  }
  const changes = [
    ['upgraded to auto', () => release.upgrade({ 'image.tag': '2', fallback: 'auto' }), '2', 1],
    ['rolled back to none', () => rollbackRelease(cluster, 1), '1', 0],
    ['rolled back to auto', () => rollbackRelease(cluster, 2), '2', 1],
    ['upgraded while the registry is frozen', upgradeOffline, '3', 0],
  ] as const
  for (const [what, change, tag, mounted] of changes) {
    await t.test(`it is ${what}, and no pod waits for long`, async t => {
      const stream = streamAlways(cluster, nodes, app, 2 * boundMs)
      await change()
      const pods = await stream.stop()
      const worstMs = Math.max(...pods.map(({ tookMs }) => tookMs))
      t.ok(
        pods.length >= nodes.length,
        `${pods.length} pods, the slowest ${Math.round(worstMs)} ms`,
      )
      t.ok(worstMs < boundMs)
      t.same([...new Set(pods.map(pod => pod.digest))], [digest])
      for (const node of nodes) {
        const [container] = (await release.podOn(node)).status.containerStatuses ?? []
        t.match(container?.image, `${repository}:${tag}`)
      }
      t.same(await ids(), before, 'each node stays who it is')
      for (const node of nodes) {
        const says = async () => (await registriesBehind(node)).length === mounted
        await until(`${node.name} has ${mounted || 'nobody'} behind the mirror`, says)
      }
      await upstream.restore()
    })
  }

  const metric = 'holdfast_mirror_target_requests_total'
  const counted = async (node: ClusterNode) => {
    const { status } = await release.podOn(node)
    const text = await node.run('curl', '-s', `http://${status.podIP}:${healthPort}/metrics`)
    const lines = text.split('\n').filter(line => line.startsWith(metric))
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }
  for (const [node, other] of [
    [first, second],
    [second, first],
  ] as const) {
    const what = `the mirror of a node is away (${node.proxyMode}): that of the other one is asked, and it counts`
    await t.test(what, async t => {
      // While its own was replaced by the last upgrade, the node may have asked there, too.
      const before = await counted(other)
      await cluster.kubectl('label', 'node', node.name, 'test/mirror=away')
      await until('the mirror is gone', () =>
        release.podOn(node).then(
          () => false,
          () => true,
        ),
      )
      upstream.freeze()
      const pod = await runAlways(cluster, node, app, boundMs)
      t.equal(pod.digest, digest, `${Math.round(pod.tookMs)} ms`)
      t.ok((await counted(other)) > before)
      await upstream.restore()
      await cluster.kubectl('label', 'node', node.name, 'test/mirror-')
      await untilRolledOut(cluster)
    })
  }
})
