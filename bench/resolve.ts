import { makeSingleImage, type TestManifest } from '../test/support/image.ts'
import { pull } from '../test/system/support/client.ts'
import { startDockerRegistry } from '../test/system/support/docker-registry.ts'
import type { HoldfastNode } from '../test/system/support/holdfast.ts'
import { runChild, startServer } from './child.ts'
import { startDockerProxy } from './docker-proxy.ts'
import { type Aim, atMost, beside, type Figure, times } from './figure.ts'
import type { Load, LoadResult } from './load.ts'
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
    for (const method of methods) {
      for (const asked of systems) {
        const key = `${method} ${asked.name}`
        results.set(key, [...(results.get(key) ?? []), await load(asked, method)])
      }
    }
  }

  const of = (method: Method, { name }: Asked, field: 'perSecond' | 'p50' | 'p99'): number[] =>
    (results.get(`${method} ${name}`) ?? []).map(result => result[field])

  function rate(method: Method, asked: Asked, peer: Asked, aim?: Aim): Figure {
    const rates = of(method, asked, 'perSecond')
    const compared = beside(rates, peer.name, of(method, peer, 'perSecond'))
    return { what: `${method} of a known tag, ${asked.name}`, unit: 'req/s', ...compared, aim }
  }

  function latency(method: Method, asked: Asked, field: 'p50' | 'p99', aim?: Aim): Figure {
    const compared = beside(of(method, asked, field), registry.name, of(method, registry, field))
    return {
      what: `${method} of a known tag, ${asked.name}, ${field}`,
      unit: 'ms',
      ...compared,
      aim,
    }
  }

  const fast = [ours.fresh, ours.offline, ours.refused].flatMap(asked =>
    methods.flatMap(method => [
      rate(method, asked, registry, times(15)),
      rate(method, asked, bare, times(0.6)),
      latency(method, asked, 'p50'),
      latency(method, asked, 'p99', atMost(3)),
    ]),
  )
  return [
    ...fast,
    ...methods.map(method => rate(method, ours.logging, ours.fresh)),
    ...methods.map(method => rate(method, ours.asking, proxy)),
  ]
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
