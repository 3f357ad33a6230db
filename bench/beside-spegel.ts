import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { makeImage, makeSingleImage } from '../test/support/image.ts'
import { writeArchive } from '../test/system/support/archive.ts'
import { type Containerd, pauseImage, startContainerd } from '../test/system/support/containerd.ts'
import { type Host, layLan } from '../test/system/support/lan.ts'
import { type MeshNode, makeMesh, untilMet } from '../test/system/support/mesh.ts'
import { until } from '../test/system/support/process.ts'
import { runChild } from './child.ts'
import { atMost, beside, type Figure, times } from './figure.ts'
import type { Load, LoadResult } from './load.ts'
import { cpuMsOf, knowing, loadFigure } from './mesh-scene.ts'
import type { DownloadOrder, DownloadResult } from './process/download.ts'
import { acceptHeaders, blobBytes, mirrorPath, own, registryName, type Scene } from './scene.ts'
import { findSpegel, startSpegel } from './spegel.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const repository = 'app'
const rounds = 5
const name = 'spegel'

/** Whoever serves the images of the first host on the second. */
interface Mirror {
  /** Of the mirror on the second host, within it. */
  readonly url: string
  /** Of both sides of the transfer. */
  readonly pids: readonly number[]
}

/** Two hosts of a network of their own; what the first holds the second wants. */
interface Stage {
  readonly far: Host
  readonly upstream: Upstream
  readonly ours: Mirror
  readonly theirs: Mirror
  /** Pulls a tag on the first host: its node has it, and its containerd, which is Spegel's store. */
  readonly hold: (tag: string) => Promise<void>
  /** A containerd of the second host that no Spegel watches. */
  readonly client: Containerd
}

/**
 * What containerd and other clients get of another node's images: through two Holdfasts, and through two Spegels, in the same network
 * namespaces and the same run. Without a `spegel` on the `PATH` there is nothing to tell.
 */
export async function besideSpegel(scene: Scene): Promise<readonly Figure[]> {
  const program = findSpegel()
  if (program === undefined) {
    scene.say('left out: no spegel on the PATH')
    return []
  }
  const stage = await setStage(scene, program)
  return [
    ...(await blobs(scene, stage)),
    ...(await pulls(scene, stage)),
    ...(await tags(scene, stage)),
    await loadFigure('beside Spegel'),
  ]
}

async function setStage(scene: Scene, program: string): Promise<Stage> {
  const lan = await layLan(2)
  scene.owned.defer(lan.close)
  const [near, far] = lan.hosts
  if (near === undefined || far === undefined) throw new Error('no hosts')
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  const uplink = `http://${await lan.publish(Number(new URL(upstream.url).port))}`
  const [holder, reader] = await startNodes(scene, [near, far], uplink)

  const pause = join(scene.dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage({ salt: 'pause' }))
  const containerd = (at: string, host: Host) => startOn(scene, at, host, pause)
  const held = await containerd('held', near)
  await containerd('watched', far)
  const client = await containerd('client', far)
  const spegel = async (at: string, host: Host, other: Host) => {
    const dataDir = join(scene.dir, `${at}-spegel`)
    await mkdir(dataDir, { recursive: true })
    const dirs = { containerdDir: join(scene.dir, at), dataDir }
    return own(scene, startSpegel(program, host, other, dirs))
  }
  const [theirHolder, theirReader] = [
    await spegel('held', near, far),
    await spegel('watched', far, near),
  ]
  await held.mirror(registryName, holder.mirror)
  const pidsOf = (...all: readonly { readonly pid: number }[]) => all.map(({ pid }) => pid)
  return {
    far,
    upstream,
    ours: { url: reader.mirror, pids: pidsOf(holder, reader) },
    theirs: { url: theirReader.url, pids: pidsOf(theirHolder, theirReader) },
    hold: async tag => void (await held.pull(refOf(tag))),
    client,
  }
}

async function startNodes(
  scene: Scene,
  [near, far]: readonly [Host, Host],
  uplink: string,
): Promise<[MeshNode, MeshNode]> {
  const mesh = await makeMesh(join(scene.dir, 'mesh'), {
    log: { level: 'warn' },
    ...knowing(uplink),
  })
  const [first, second] = [await mesh.place('near', near), await mesh.place('far', far)]
  const holder = own(scene, await mesh.start(first))
  const reader = own(
    scene,
    await mesh.start(second, { seeds: [first], config: { mode: 'offline' } }),
  )
  await untilMet([holder, reader])
  return [holder, reader]
}

async function startOn(scene: Scene, at: string, host: Host, pause: string): Promise<Containerd> {
  return own(scene, await startContainerd('2.1', join(scene.dir, at), pause, host.within))
}

const refOf = (tag: string): string => `${registryName}/${repository}:${tag}`

/** Publishes an image of one layer and has the first host hold it, until both mirrors of the second know; the way to the layer. */
async function hold(stage: Stage, tag: string, bytes: number) {
  const spec = { salt: tag, layers: [bytes] }
  const image = makeSingleImage(spec)
  await stage.upstream.tell({ do: 'publish', images: [{ repository, tag, ...spec }] })
  await stage.hold(tag)
  const manifest = mirrorPath(repository, 'manifests', tag)
  for (const { url } of [stage.theirs, stage.ours]) {
    await until(`${url} answers ${tag}`, () =>
      download(stage.far, url, manifest).then(
        () => true,
        () => false,
      ),
    )
  }
  return {
    before: [
      { method: 'HEAD', path: manifest },
      { method: 'GET', path: mirrorPath(repository, 'manifests', image.digest) },
    ] as const,
    path: mirrorPath(repository, 'blobs', image.layers[0]?.digest ?? ''),
  }
}

async function download(
  host: Host,
  url: string,
  path: string,
  before: DownloadOrder['before'] = [],
): Promise<DownloadResult> {
  const order = { url, connections: 1, headers: acceptHeaders, before, path }
  return runChild<DownloadResult>('download', order satisfies DownloadOrder, host.within)
}

async function blobs(scene: Scene, stage: Stage): Promise<readonly Figure[]> {
  const rates = { ours: [] as number[], theirs: [] as number[] }
  const cpu = { ours: [] as number[], theirs: [] as number[] }
  for (let round = 1; round <= rounds; round += 1) {
    scene.say(`a blob, round ${round} of ${rounds}`)
    const { before, path } = await hold(stage, `blob-${round}`, blobBytes)
    for (const who of ['theirs', 'ours'] as const) {
      const { url, pids } = stage[who]
      const used = await cpuOf(pids)
      const { bytes, wholeMs } = await download(stage.far, url, path, before)
      rates[who].push(bytes / 1e3 / wholeMs)
      cpu[who].push((await cpuOf(pids)) - used)
    }
  }
  const what = '200 MB blob from another node, one client'
  return [
    { what, unit: 'MB/s', ...beside(rates.ours, name, rates.theirs), aim: times(0.6) },
    { what: `${what}: CPU of both nodes`, unit: 'ms', ...beside(cpu.ours, name, cpu.theirs) },
  ]
}

async function cpuOf(pids: readonly number[]): Promise<number> {
  const all = await Promise.all(pids.map(cpuMsOf))
  return all.reduce((sum, ms) => sum + ms, 0)
}

async function pulls(scene: Scene, stage: Stage): Promise<readonly Figure[]> {
  const rates = { ours: [] as number[], theirs: [] as number[] }
  for (let round = 1; round <= rounds; round += 1) {
    scene.say(`a pull of containerd, round ${round} of ${rounds}`)
    const tag = `pull-${round}`
    await hold(stage, tag, blobBytes)
    for (const who of ['theirs', 'ours'] as const) {
      await stage.client.mirror(registryName, stage[who].url)
      const beganMs = performance.now()
      await stage.client.pull(refOf(tag))
      rates[who].push(blobBytes / 1e3 / (performance.now() - beganMs))
      await stage.client.remove(refOf(tag))
    }
  }
  return [
    {
      what: 'containerd pulls 200 MB of another node',
      unit: 'MB/s',
      ...beside(rates.ours, name, rates.theirs),
      aim: times(1),
    },
  ]
}

async function tags(scene: Scene, stage: Stage): Promise<readonly Figure[]> {
  await hold(stage, 'tag', 1_000)
  const figures: Figure[] = []
  for (const connections of [8, 32]) {
    scene.say(`a tag, ${connections} connections`)
    const rates = { ours: [] as number[], theirs: [] as number[] }
    const errors = { ours: 0, theirs: 0 }
    for (let round = 1; round <= 5; round += 1) {
      for (const who of ['theirs', 'ours'] as const) {
        const load = await putLoad(stage.far, stage[who].url, connections)
        const good = load.statuses[200] ?? 0
        rates[who].push((load.perSecond * good) / load.requests)
        errors[who] += load.failures + load.requests - good
      }
    }
    const what = `GET of a tag that another node holds, ${connections} connections`
    const peer = { name, value: errors.theirs }
    figures.push(
      { what: `${what}: answered`, unit: 'req/s', ...beside(rates.ours, name, rates.theirs) },
      { what: `${what}: errors`, unit: 'times', value: errors.ours, peer, aim: atMost(0) },
    )
  }
  return figures
}

const putLoad = (host: Host, url: string, connections: number): Promise<LoadResult> =>
  runChild<LoadResult>(
    'load',
    {
      port: Number(new URL(url).port),
      method: 'GET',
      target: mirrorPath(repository, 'manifests', 'tag'),
      headers: acceptHeaders,
      connections,
      durationMs: 2_000,
      warmupMs: 500,
    } satisfies Load,
    host.within,
  )
