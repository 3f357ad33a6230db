import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pull } from '../test/system/support/client.ts'
import type { HoldfastNode } from '../test/system/support/holdfast.ts'
import type { AdminQuestion, AdminTimes, AdminTraffic } from './ask-admin.ts'
import { runChild } from './child.ts'
import { beside, type Figure } from './figure.ts'
import type { Load, LoadResult } from './load.ts'
import { anyKey, fillManyTags, longAgoMs, manyTags } from './many-tags.ts'
import { quantile } from './quantile.ts'
import { acceptHeaders, mirrorPath, registryName, type Scene, startBenchNode } from './scene.ts'
import { startUpstream } from './upstream.ts'

const rounds = 6
const loadMs = 5_000
const warmupMs = 500
const image = { repository: 'app', tag: 'latest', salt: 'admin', layers: [1024] }
/** What operators pin and unpin; the mirror is asked for the other. */
const pinned = { ...image, tag: 'pinned', salt: 'pinned' }

/** Who asks the admin API meanwhile, and after which pauses, ms. */
const traffics = {
  'two questions a second': 500,
  'ten questions a second': 100,
  'one question after another': 0,
} as const
type Traffic = keyof typeof traffics

/** What containerd waits for while operators ask: the same load on the mirror without and with traffic on the admin API, by turns. */
export async function adminBesideMirror(scene: Scene): Promise<readonly Figure[]> {
  const dataDir = join(scene.dir, 'node', 'data')
  scene.say(`filling ${manyTags} tags`)
  await fillManyTags(dataDir)
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  await upstream.tell({ do: 'publish', images: [image, pinned] })
  const node = await startBenchNode(scene, 'node', upstream.url, {
    resolve: { freshForMs: 3_600_000 },
    keep: { patterns: [`${registryName}/team-7/**`] },
  })
  for (const { repository, tag } of [image, pinned]) {
    await pull(node.mirror, registryName, repository, tag)
  }
  const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim()
  const alone: LoadResult[] = []
  const others = new Map<Traffic, { load: LoadResult; times: AdminTimes }[]>()
  for (let round = 1; round <= rounds; round += 1) {
    scene.say(`round ${round} of ${rounds}`)
    alone.push(await loadMirror(node))
    for (const traffic of Object.keys(traffics) as Traffic[]) {
      const both = await loadBoth(node, token, traffics[traffic])
      others.set(traffic, [...(others.get(traffic) ?? []), both])
    }
  }
  for (const [traffic, found] of others) {
    tell(
      scene,
      traffic,
      found.map(({ times }) => times),
    )
  }
  return [...others].flatMap(([traffic, found]) =>
    (['p50', 'p99'] as const).map(field => ({
      what: `GET of a known tag, ${traffic} on the admin API, ${field}`,
      unit: 'ms' as const,
      ...beside(
        found.map(({ load }) => load[field]),
        'the same without',
        alone.map(load => load[field]),
      ),
      aim: field === 'p99' ? ({ of: 'ratio', is: 'at most', limit: 1.2 } as const) : undefined,
    })),
  )
}

function loadMirror(node: HoldfastNode): Promise<LoadResult> {
  return runChild<LoadResult>('load', {
    port: Number(new URL(node.mirror).port),
    method: 'GET',
    target: mirrorPath(image.repository, 'manifests', image.tag),
    headers: acceptHeaders,
    durationMs: loadMs,
    warmupMs,
  } satisfies Load)
}

async function loadBoth(node: HoldfastNode, token: string, pauseMs: number) {
  const traffic: AdminTraffic = {
    url: node.admin,
    token,
    questions: whatOperatorsAsk(),
    pauseMs,
    durationMs: warmupMs + loadMs,
  }
  const [load, times] = await Promise.all([
    loadMirror(node),
    runChild<AdminTimes>('admin', traffic),
  ])
  return { load, times }
}

/** A list, searches, the explanation of a tag, the report, what is kept, a pin. */
function whatOperatorsAsk(): readonly AdminQuestion[] {
  const toPin = encodeURIComponent(`${registryName}/${pinned.repository}:${pinned.tag}`)
  const known = encodeURIComponent(`${registryName}/${image.repository}:${image.tag}`)
  const staleForSeconds = Math.round((Date.now() - longAgoMs) / 1_000) - 60
  const page = (query: string) => `/api/v1/tags?limit=100&${query}`
  return [
    { name: 'status', path: '/api/v1/status' },
    { name: 'a page of tags', path: page(`after=${encodeURIComponent(anyKey())}`) },
    { name: 'a search', path: page(`staleForSeconds=${staleForSeconds}`) },
    { name: 'an explanation', path: `/api/v1/tags/${known}` },
    { name: 'a pin', path: `/api/v1/pins/${toPin}`, method: 'PUT', body: { to: 'now' } },
    { name: 'a removed pin', path: `/api/v1/pins/${toPin}`, method: 'DELETE' },
    { name: 'the report', path: '/api/v1/report' },
    { name: 'the pins', path: '/api/v1/pins' },
    { name: 'what is kept', path: '/api/v1/keeps' },
  ]
}

function tell(scene: Scene, traffic: Traffic, rounds: readonly AdminTimes[]): void {
  const names = new Set(rounds.flatMap(times => Object.keys(times)))
  for (const name of names) {
    const all = rounds.flatMap(times => times[name] ?? [])
    const [p50, p99] = [quantile(all, 0.5).toFixed(1), quantile(all, 0.99).toFixed(1)]
    scene.say(`${traffic}: ${name}: ${all.length} times, p50 ${p50} ms, p99 ${p99} ms`)
  }
}
