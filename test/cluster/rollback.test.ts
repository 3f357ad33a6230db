import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { buildImage } from '../system/support/built-image.ts'
import { until } from '../system/support/process.ts'
import { runnable } from '../system/support/runnable.ts'
import { startCluster } from './support/cluster.ts'
import { runAlways } from './support/cluster-pods.ts'
import { importImage, installRelease } from './support/release.ts'
import { requireLab } from './support/requirements.ts'
import { registriesBehind } from './support/traces.ts'
import { imageOf } from './support/upstream.ts'

requireLab()

t.test('a rollback from fallback auto without hooks is mended by what its pods tell', async t => {
  const cluster = await startCluster(t, { nodes: ['2.1', '1.7'] })
  const { nodes, upstream, helm, kubectl } = cluster
  const { archive } = await buildImage(cluster.dir)
  await importImage(nodes, archive)
  const release = await installRelease(cluster, { fallback: 'none' })
  await release.upgrade({ fallback: 'auto' })
  const behind = async () => (await Promise.all(nodes.map(registriesBehind))).map(one => one.length)
  const areAllBehind = async () => isDeepStrictEqual(await behind(), [1, 1])
  await until('the registry stands behind on every node', areAllBehind, 60_000)

  const inNamespace = ['--namespace', 'ship']
  const waiting = ['--no-hooks', '--wait', '--timeout', '30s']
  const rollback = ['rollback', 'holdfast', ...inNamespace, ...waiting]
  await t.rejects(helm(...rollback), /deadline/)
  const told = await kubectl('describe', 'pods', ...inNamespace)
  t.match(told, /umount: .*superuser.* --set leavingAuto=true/)
  const { digest } = await upstream.push('app', 'v1', runnable('app'))
  for (const node of nodes) {
    const pod = await runAlways(cluster, node, imageOf('app', 'v1'), 60_000)
    t.equal(pod.digest, digest, `${node.name} pulls meanwhile`)
  }

  await release.upgrade({ fallback: 'none', leavingAuto: true })
  t.strictSame(await behind(), [0, 0])
  await release.upgrade({ leavingAuto: false })
  t.notMatch(
    await kubectl('get', 'daemonset', 'holdfast', ...inNamespace, '-o=yaml'),
    'privileged: true',
  )
})
