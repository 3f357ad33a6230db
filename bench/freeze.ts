import { setTimeout as delay } from 'node:timers/promises'
import { ask, pull } from '../test/system/support/client.ts'
import type { HoldfastNode } from '../test/system/support/holdfast.ts'
import { until } from '../test/system/support/process.ts'
import { runChild } from './child.ts'
import { startDockerProxy } from './docker-proxy.ts'
import { atMost, type Figure } from './figure.ts'
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

const timeoutMs = 1_000
const rounds = 5
const image = { repository: 'app', tag: 'latest', salt: 'freeze', layers: [1024] }
const target = mirrorPath(image.repository, 'manifests', image.tag)

/** As long as anyone waits here for a peer. */
const patienceMs = 10_000

interface Outage {
  readonly firstMs: number
  readonly alone: LoadResult
  readonly eight: LoadResult
  readonly backMs: number
}

/** The upstream freezes: it accepts connections and answers nothing any more. */
export async function freeze(scene: Scene): Promise<readonly Figure[]> {
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  await upstream.tell({ do: 'publish', images: [image] })
  const node = await startBenchNode(scene, 'node', upstream.url, { resolve: { timeoutMs } })
  const proxy = own(scene, await startDockerProxy(`${scene.dir}/proxy`, upstream.url))
  await pull(node.mirror, registryName, image.repository, image.tag)
  const proxied = `${proxy.url}/v2/${image.repository}/manifests/${image.tag}`
  await ask(proxied)

  const outages: Outage[] = []
  for (let round = 1; round <= rounds; round += 1) {
    scene.say(`outage ${round} of ${rounds}`)
    outages.push(await suffer(node, upstream))
  }
  await upstream.tell({ do: 'freeze' })
  const registryMs = await timed(proxied)
  await upstream.tell({ do: 'thaw' })

  const all = (pick: (outage: Outage) => number) => outages.map(pick)
  return [
    {
      what: 'HEAD that discovers the freeze, median',
      value: median(all(({ firstMs }) => firstMs)),
      unit: 'ms',
      peer: { name: `docker-registry as proxy, ${patienceMs / 1000} s waited`, value: registryMs },
      aim: atMost(timeoutMs + 50),
    },
    {
      what: `HEAD that discovers the freeze, worst of ${rounds}`,
      value: Math.max(...all(({ firstMs }) => firstMs)),
      unit: 'ms',
      aim: atMost(timeoutMs + 50),
    },
    after(
      'one connection',
      all(({ alone }) => alone.p99),
    ),
    after(
      '8 connections',
      all(({ eight }) => eight.p99),
    ),
    {
      what: 'fresh again after the thaw, median',
      value: median(all(({ backMs }) => backMs)),
      unit: 'ms',
    },
  ]
}

const after = (who: string, p99s: readonly number[]): Figure => ({
  what: `HEADs after it, ${who}, p99`,
  value: median(p99s),
  unit: 'ms',
  aim: atMost(5),
})

/** One outage from its first moment to the first fresh answer after it. */
async function suffer(node: HoldfastNode, upstream: Upstream): Promise<Outage> {
  await upstream.tell({ do: 'freeze' })
  const first = await ask(node.mirror + target, { method: 'HEAD' })
  if (first.status !== 200 || first.headers['warning'] === undefined) {
    throw new Error(`no outage was seen: ${first.status} ${JSON.stringify(first.headers)}`)
  }
  const alone = await load(node, 1)
  const eight = await load(node, 8)
  await upstream.tell({ do: 'thaw' })
  const thawedMs = performance.now()
  await until('the node is fresh again', async () => {
    const answer = await ask(node.mirror + target, { method: 'HEAD' })
    return answer.headers['holdfast-source'] === 'upstream'
  })
  const backMs = performance.now() - thawedMs
  // A repository that was slow to answer is asked behind the answer for a while; an answer in time ends that.
  await delay(200)
  return { firstMs: first.tookMs, alone, eight, backMs }
}

function load({ mirror }: HoldfastNode, connections: number): Promise<LoadResult> {
  const port = Number(new URL(mirror).port)
  const order = { port, method: 'HEAD', target, headers: acceptHeaders, connections } as const
  return runChild('load', { ...order, warmupMs: 0, durationMs: 2_000 } satisfies Load)
}

/** How long an answer takes; endless when there is none within our patience. */
async function timed(url: string): Promise<number> {
  const answer = await ask(url, { method: 'HEAD', timeoutMs: patienceMs }).catch(() => undefined)
  return answer?.tookMs ?? Number.POSITIVE_INFINITY
}
