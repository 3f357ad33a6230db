import { makeSingleImage, type TestManifest } from '../test/support/image.ts'
import { pull } from '../test/system/support/client.ts'
import { startDockerRegistry } from '../test/system/support/docker-registry.ts'
import type { HoldfastNode } from '../test/system/support/holdfast.ts'
import { runChild, startServer } from './child.ts'
import { startDockerProxy } from './docker-proxy.ts'
import { atMost, type Figure, times } from './figure.ts'
import type { Load, LoadResult } from './load.ts'
import { median } from './quantile.ts'
import {
  acceptHeaders,
  mirrorPath,
  own,
  registryName,
  type Scene,
  startBenchNode,
} from './scene.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** Who is asked, and where. */
interface Asked {
  readonly name: string
  readonly url: string
  readonly target: string
}

type Method = 'HEAD' | 'GET'

const methods: readonly Method[] = ['HEAD', 'GET']
const rounds = 5
const connections = 8
const image = { repository: 'app', tag: 'latest', salt: 'resolve', layers: [1024] }

/** A known tag, over and over: from fresh memory, offline, and asked upstream each time. */
export async function resolve(scene: Scene): Promise<readonly Figure[]> {
  const made = makeSingleImage(image)
  const ours = await startOurs(scene)
  const [registry, bare, proxy] = await startPeers(scene, made)
  const systems = [...Object.values(ours), registry, bare, proxy]
  const results = new Map<string, LoadResult[]>()
  for (let round = 1; round <= rounds; round += 1) {
    scene.say(`round ${round} of ${rounds}`)
    for (const asked of systems) {
      for (const method of methods) {
        const key = `${method} ${asked.name}`
        results.set(key, [...(results.get(key) ?? []), await load(asked, method)])
      }
    }
  }

  const middle = (method: Method, { name }: Asked, field: 'perSecond' | 'p50' | 'p99'): number =>
    median((results.get(`${method} ${name}`) ?? []).map(result => result[field]))

  function compare(method: Method, asked: Asked): Figure[] {
    const value = middle(method, asked, 'perSecond')
    const what = `${method} of a known tag, ${asked.name}`
    const beside = (peer: Asked, limit: number): Figure => ({
      what,
      value,
      unit: 'req/s',
      peer: { name: peer.name, value: middle(method, peer, 'perSecond') },
      aim: times(limit),
    })
    const latency = (field: 'p50' | 'p99', aim: Figure['aim']): Figure => ({
      what: `${what}, ${field}`,
      value: middle(method, asked, field),
      unit: 'ms',
      peer: { name: registry.name, value: middle(method, registry, field) },
      aim,
    })
    return [
      beside(registry, 15),
      beside(bare, 0.6),
      latency('p50', undefined),
      latency('p99', atMost(3)),
    ]
  }

  const fast = [ours.fresh, ours.offline, ours.refused].flatMap(asked =>
    methods.flatMap(method => compare(method, asked)),
  )
  const besideProxy = methods.map(
    (method): Figure => ({
      what: `${method} of a known tag, ${ours.asking.name}`,
      value: middle(method, ours.asking, 'perSecond'),
      unit: 'req/s',
      peer: { name: proxy.name, value: middle(method, proxy, 'perSecond') },
    }),
  )
  const logging = methods.map(
    (method): Figure => ({
      what: `${method} of a known tag, ${ours.logging.name}`,
      value: middle(method, ours.logging, 'perSecond'),
      unit: 'req/s',
      peer: { name: ours.fresh.name, value: middle(method, ours.fresh, 'perSecond') },
    }),
  )
  return [...fast, ...logging, ...besideProxy]
}

async function load({ name, url, target }: Asked, method: Method): Promise<LoadResult> {
  const order = {
    port: Number(new URL(url).port),
    method,
    target,
    headers: acceptHeaders,
    connections,
    durationMs: 2_000,
    warmupMs: 500,
  } satisfies Load
  const result = await runChild<LoadResult>('load', order)
  const good = result.statuses[200] ?? 0
  if (good !== result.requests || result.failures > 0) {
    throw new Error(`${method} ${name}: ${JSON.stringify(result)}`)
  }
  return result
}

async function publish(scene: Scene): Promise<Upstream> {
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  await upstream.tell({ do: 'publish', images: [image] })
  return upstream
}

const learn = (node: HoldfastNode) => pull(node.mirror, registryName, image.repository, image.tag)

const at = (name: string, node: HoldfastNode): Asked => ({
  name,
  url: node.mirror,
  target: mirrorPath(image.repository, 'manifests', image.tag),
})

const isFresh = { resolve: { freshForMs: 3_600_000 } }

async function startOurs(scene: Scene) {
  const alive = await publish(scene)
  const lost = await publish(scene)
  const fresh = await startBenchNode(scene, 'fresh', alive.url, isFresh)
  const asking = await startBenchNode(scene, 'asking', alive.url)
  const refused = await startBenchNode(scene, 'refused', lost.url)
  const logging = await startBenchNode(scene, 'logging', alive.url, {
    ...isFresh,
    log: { level: 'info' },
  })
  const online = await startBenchNode(scene, 'offline', lost.url)
  for (const node of [fresh, asking, refused, logging, online]) await learn(node)
  await online.stop()
  const offline = await startBenchNode(scene, 'offline', lost.url, { mode: 'offline' })
  await lost.tell({ do: 'refuse' })
  await learn(refused)
  return {
    fresh: at('online, fresh in memory', fresh),
    offline: at('mode offline', offline),
    refused: at('upstream known down', refused),
    asking: at('online, upstream asked each time', asking),
    logging: at('fresh in memory, every answer logged', logging),
  }
}

async function startPeers(
  scene: Scene,
  made: TestManifest,
): Promise<readonly [Asked, Asked, Asked]> {
  const { repository, tag } = image
  const target = `/v2/${repository}/manifests/${tag}`
  const registry = own(scene, await startDockerRegistry(`${scene.dir}/registry`))
  await registry.push(repository, tag, { ...made, manifests: [] })
  const { mediaType, digest } = made
  const bare = own(
    scene,
    await startServer('bare-route', { mediaType, digest, body: made.bytes.toString() }),
  )
  const upstream = await publish(scene)
  const proxy = own(scene, await startDockerProxy(`${scene.dir}/proxy`, upstream.url))
  return [
    { name: 'docker-registry', url: registry.url, target },
    { name: 'bare fastify route', url: bare.url, target },
    { name: 'docker-registry as proxy', url: proxy.url, target },
  ]
}
