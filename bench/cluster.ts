import { type Cluster, pointAt, startCluster } from '../test/cluster/support/cluster.ts'
import { runBatch } from '../test/cluster/support/cluster-pods.ts'
import { importImage, installRelease } from '../test/cluster/support/release.ts'
import { requireLab } from '../test/cluster/support/requirements.ts'
import { imageOf } from '../test/cluster/support/upstream.ts'
import { buildImage } from '../test/system/support/built-image.ts'
import { runnable } from '../test/system/support/runnable.ts'
import { startDockerProxy } from './docker-proxy.ts'
import type { Aim, Figure } from './figure.ts'
import { loadFigure } from './mesh-scene.ts'
import { median } from './quantile.ts'
import type { Scene } from './scene.ts'

const rounds = 3
const images = 10
const podsPerImage = 3
/** Of each image, besides a userland. */
const layers = [4_000_000, 2_000_000, 500_000]
const boundMs = 300_000
const aim: Aim = { of: 'ratio', is: 'at most', limit: 1.1 }

/** What the pods of one round took from `kubectl apply` until all were ready, in ms. */
interface Round {
  /** None of the images was on a node. */
  readonly newMs: number
  /** They are there; every pod asks for its tag all the same. */
  readonly againMs: number
  /** The same while the registry is frozen; only with a mirror. */
  readonly frozenMs?: number
  /** Sent by the registry, in MB. */
  readonly megabytes: number
}

/**
 * How long 30 pods of 10 images on two nodes of a real Kubernetes take until all are ready, through the mirror of the chart, with a registry
 * that answers and with one that is frozen; beside the same nodes without Holdfast and a registry that answers, and with docker-registry as
 * a pull-through cache on each.
 */
export async function podsOnCluster(scene: Scene): Promise<readonly Figure[]> {
  requireLab()
  const cluster = await startCluster({ teardown: end => scene.owned.defer(end) })
  const { upstream, dir, nodes } = cluster
  const run = (named: readonly string[]) => runBatch(cluster, named, podsPerImage, boundMs)
  const round = async (who: string, index: number): Promise<Round> => {
    scene.say(`${who}, round ${index} of ${rounds}`)
    const named: string[] = []
    for (let image = 0; image < images; image += 1) {
      const repository = `${who}-${image}`
      const made = runnable(`${repository} ${index}`)
      await upstream.push(repository, `r${index}`, { ...made, layers: [...made.layers, ...layers] })
      named.push(imageOf(repository, `r${index}`))
    }
    const before = await upstream.bytesSent()
    const newMs = await run(named)
    const againMs = await run(named)
    const megabytes = ((await upstream.bytesSent()) - before) / 1e6
    if (who !== 'ours') return { newMs, againMs, megabytes }
    upstream.freeze()
    const frozenMs = await run(named)
    await upstream.restore()
    return { newMs, againMs, frozenMs, megabytes }
  }
  const all = async (who: string): Promise<readonly Round[]> => {
    const taken: Round[] = []
    for (let index = 1; index <= rounds; index += 1) taken.push(await round(who, index))
    return taken
  }

  const bare = await all('bare')
  const proxied = await withProxies(cluster, () => all('proxied'))
  const { archive } = await buildImage(dir, { isForThis: true })
  await importImage(nodes, archive)
  await installRelease(cluster)
  const ours = await all('ours')

  const of = (taken: readonly Round[], key: keyof Round) => median(taken.map(one => one[key] ?? 0))
  const peer = (key: keyof Round) => ({ name: 'without, registry up', value: of(bare, key) })
  const proxy = (key: keyof Round) => ({ name: 'docker-registry on each', value: of(proxied, key) })
  const pods = `${images * podsPerImage} pods of ${images} images on two nodes`
  return [
    { what: `${pods}, new`, unit: 'ms', value: of(ours, 'newMs'), peer: peer('newMs'), aim },
    { what: `${pods}, new`, unit: 'ms', value: of(ours, 'newMs'), peer: proxy('newMs') },
    { what: `${pods}, again`, unit: 'ms', value: of(ours, 'againMs'), peer: peer('againMs'), aim },
    { what: `${pods}, again`, unit: 'ms', value: of(ours, 'againMs'), peer: proxy('againMs') },
    {
      what: `${pods}, again, registry frozen`,
      unit: 'ms',
      value: of(ours, 'frozenMs'),
      peer: peer('againMs'),
      aim,
    },
    {
      what: 'what the registry sent for them',
      unit: 'MB',
      value: of(ours, 'megabytes'),
      peer: peer('megabytes'),
    },
    {
      what: 'what the registry sent for them',
      unit: 'MB',
      value: of(ours, 'megabytes'),
      peer: proxy('megabytes'),
    },
    await loadFigure('pods'),
  ]
}

/** Does it while each node's containerd asks a cache of its own before the registry. */
async function withProxies<T>(
  { nodes, upstream, dir }: Cluster,
  work: () => Promise<T>,
): Promise<T> {
  await using ends = new AsyncDisposableStack()
  for (const node of nodes) {
    const proxy = await startDockerProxy(`${dir}/proxy-${node.name}`, upstream.url, node.inNetwork)
    ends.defer(async () => void (await proxy.stop()))
    await pointAt(node, upstream.url, proxy.url)
    ends.defer(() => pointAt(node, upstream.url))
  }
  return work()
}
