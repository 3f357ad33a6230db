import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { buildImage } from '../system/support/built-image.ts'
import { succeeds, until } from '../system/support/process.ts'
import { runnable } from '../system/support/runnable.ts'
import { startCluster } from './support/cluster.ts'
import { digestOfPod, type PodObject, runAlways, startAlways } from './support/cluster-pods.ts'
import { importImage, installRelease } from './support/release.ts'
import { requireLab } from './support/requirements.ts'
import { imageOf } from './support/upstream.ts'

requireLab()

/** How long a pod may take to run, in ms, on a busy machine. An outage lasts longer. */
const boundMs = 120_000

t.test('pods that ask at each start', async t => {
  const cluster = await startCluster(t, { nodes: ['2.1', '1.7'] })
  const { nodes, upstream } = cluster
  const [first, second] = nodes
  if (first === undefined || second === undefined) throw new Error('two nodes are wanted')
  const { archive } = await buildImage(cluster.dir, { isForThis: true })
  await importImage(nodes, archive)
  const release = await installRelease(cluster)
  const app = imageOf('app', 'stable')
  const push = async (salt: string, repository = 'app') =>
    (await upstream.push(repository, 'stable', runnable(salt))).digest
  /** A pod on each node, one after the other, runs this digest; how long each took, in ms. */
  const runEverywhere = async (t: Test, digest: string, what: string) => {
    for (const node of nodes) {
      const pod = await runAlways(cluster, node, app, boundMs)
      t.equal(pod.digest, digest, `${node.name}, ${what}: ${Math.round(pod.tookMs)} ms`)
    }
  }

  /** Resolves when every node knows that the registry answers again; each is asked to ask it. */
  const restore = async () => {
    await upstream.restore()
    for (const node of nodes) {
      await until(`the registry answers ${node.name}`, async () => {
        await succeeds(release.holdfast(node, 'refresh', app))
        return /registry\.lab +answers/.test(await release.holdfast(node, 'status'))
      })
    }
  }

  let known = ''
  await t.test('online get what the tag stands for now', async t => {
    for (const salt of ['one', 'two']) {
      known = await push(salt)
      await runEverywhere(t, known, `pushed ${salt}`)
    }
  })

  const faults = {
    frozen: { begin: () => upstream.freeze(), code: 28 },
    refused: { begin: () => upstream.refuse(), code: 7 },
    'cut off': { begin: () => upstream.cutOff(), code: 28 },
  }
  for (const [name, { begin, code }] of Object.entries(faults)) {
    await t.test(`get the last known digest while the registry is ${name}`, async t => {
      const solo = `solo-${code}-${name.length}`
      const digest = await push(solo, solo)
      const image = imageOf(solo, 'stable')
      t.equal((await runAlways(cluster, first, image, boundMs)).digest, digest)
      await begin()
      const asked = first.run('curl', '--silent', '--max-time', '2', `${upstream.url}/v2/`)
      await t.rejects(asked, new RegExp(`: ${code}\n`), 'the fault is there')
      await runEverywhere(t, known, name)
      const other = await runAlways(cluster, second, image, boundMs)
      t.equal(other.digest, digest, 'also from what the other node alone had')
      t.comment(`from the other node: ${Math.round(other.tookMs)} ms`)
      await restore()
    })
  }

  /** The power of both nodes is cut while the registry is frozen; how long it takes from then until pods of before run again, in ms. */
  const cutPower = async (t: Test) => {
    const pods = await Promise.all(nodes.map(node => startAlways(cluster, node, app)))
    for (const pod of pods) await pod.started(boundMs)
    upstream.freeze()
    for (const node of nodes) await node.powerOff()
    const beganMs = performance.now()
    for (const node of nodes) await node.powerOn()
    return {
      async haveStarted(withinMs: number) {
        await until('both run again', async () => (await running()) === nodes.length, withinMs)
        const { items } = await cluster.get<{ items: PodObject[] }>('pods')
        t.same(items.map(digestOfPod), [known, known])
        const tookMs = Math.round(performance.now() - beganMs)
        t.comment(`${nodes.length} nodes back: ${tookMs} ms`)
        for (const pod of pods) await pod.remove()
      },
    }
  }
  /** How many pods run that ran before the power was cut. */
  const running = async () => {
    const { items } = await cluster.get<{ items: PodObject[] }>('pods')
    return items.filter(({ status }) => {
      const [container] = status.containerStatuses ?? []
      return container?.ready === true && container.restartCount === 1
    }).length
  }

  await t.test('run again after a power cut while the registry is frozen', async t => {
    await (await cutPower(t)).haveStarted(180_000)
    await restore()
  })

  await t.test('get what is pinned, whatever the registry says', async t => {
    await release.holdfast(first, 'pin', app, known)
    const moved = await push('three')
    t.not(moved, known)
    await runEverywhere(t, known, 'pinned')
    await release.holdfast(second, 'unpin', app)
    await runEverywhere(t, moved, 'no longer pinned')
  })

  await t.test('with nobody behind the mirror run again after a power cut, too', async t => {
    known = await push('four')
    await release.upgrade({ fallback: 'none' })
    await (await cutPower(t)).haveStarted(180_000)
    await restore()
  })

  await t.test('with the registry behind it run again once that answers, or before', async t => {
    await release.upgrade({ fallback: 'upstream' })
    const cut = await cutPower(t)
    await setTimeout(30_000)
    t.comment(`${await running()} of ${nodes.length} while the registry hangs`)
    await restore()
    await cut.haveStarted(180_000)
  })
})
