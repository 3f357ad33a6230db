import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { writeArchive } from '../system/support/archive.ts'
import { buildImage } from '../system/support/built-image.ts'
import { until } from '../system/support/process.ts'
import { runnable } from '../system/support/runnable.ts'
import { startCluster } from './support/cluster.ts'
import { runAlways, startAlways } from './support/cluster-pods.ts'
import { importImage, installRelease, runCronJob, untilRolledOut } from './support/release.ts'
import { requireLab } from './support/requirements.ts'
import { imageOf } from './support/upstream.ts'

requireLab()

/** How long a pod may take to run, in ms, on a busy machine. */
const boundMs = 120_000

/** Of a node: below a path that is its own. */
const dropFolder = '/var/lib/images'

t.test('what comes to a cluster before anybody asks for it', async t => {
  const cluster = await startCluster(t, { nodes: ['2.1', '1.7'] })
  const { nodes, upstream, dir } = cluster
  const [first, second] = nodes
  if (first === undefined || second === undefined) throw new Error('two nodes are wanted')
  const { archive } = await buildImage(dir, { isForThis: true })
  await importImage(nodes, archive)
  const warmed = [await upstream.push('galley', 'stable'), await upstream.push('bridge', 'stable')]
  const images = ['galley', 'bridge'].map(repository => imageOf(repository, 'stable'))
  const release = await installRelease(cluster, {
    'paths.drop': dropFolder,
    'warm.enabled': true,
    'warm.images': images,
  })

  await t.test('the CronJob has every node fetch what is listed', async t => {
    const log = await runCronJob(cluster, 'holdfast-warm')
    t.match(log, /2 of 2/)
    upstream.freeze()
    for (const node of nodes) {
      for (const [index, image] of images.entries()) {
        const pod = await runAlways(cluster, node, image, boundMs)
        t.equal(pod.digest, warmed[index]?.digest, `${node.name} runs ${image}`)
      }
    }
  })

  await t.test('an archive in the drop folder of a node is for pods of all', async t => {
    const image = makeImage(runnable('dropped'))
    const name = imageOf('dropped', '1')
    const written = join(dir, 'dropped.tar')
    await writeArchive(written, name, image)
    await copyFile(written, join(first.path(dropFolder), 'dropped.tar'))
    for (const node of nodes) {
      await until(`${node.name} knows it`, async () =>
        (await release.holdfast(node, 'tags')).includes(name),
      )
      const pod = await runAlways(cluster, node, name, boundMs)
      t.equal(pod.digest, image.digest, node.name)
    }
  })

  await t.test('a node that was never online is given Holdfast by another one', async t => {
    const bundle = '/var/lib/holdfast/self.tar'
    await release.holdfast(first, 'export', '--self', '--output', bundle)
    const third = await cluster.addNode('2.1')
    await third.ctr('images', 'import', first.path(bundle))
    await untilRolledOut(cluster)
    const [image = ''] = images
    const pod = await runAlways(cluster, third, image, boundMs)
    t.equal(pod.digest, warmed[0]?.digest)
    await upstream.restore()
  })

  await t.test('what pods of one node run is kept on another, too', async t => {
    const { digest } = await upstream.push('solo', 'stable')
    const image = imageOf('solo', 'stable')
    const pod = await startAlways(cluster, first, image)
    await pod.started(boundMs)
    await until(
      'the report finds its copies',
      async () => {
        const told = await release.report(second, '--running')
        const item = told.items.find(({ reference }) => reference === image)
        return item?.copies.every(({ held, wanted }) => held >= wanted && wanted === 2)
      },
      90_000,
    )
    upstream.freeze()
    await first.powerOff()
    t.equal((await runAlways(cluster, second, image, boundMs)).digest, digest)
    await upstream.restore()
  })
})
