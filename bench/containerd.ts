import { setTimeout as delay } from 'node:timers/promises'
import { makeImage } from '../test/support/image.ts'
import { writeArchive } from '../test/system/support/archive.ts'
import { type Containerd, pauseImage, startContainerd } from '../test/system/support/containerd.ts'
import { startDockerRegistry } from '../test/system/support/docker-registry.ts'
import type { HoldfastNode } from '../test/system/support/holdfast.ts'
import { until } from '../test/system/support/process.ts'
import { type ContainerdVersion, containerdVersions } from '../test/system/support/requirements.ts'
import { runChild } from './child.ts'
import { atMost, beside, type Figure } from './figure.ts'
import { knowing, loadFigure, startMeshOf } from './mesh-scene.ts'
import type { DownloadOrder, DownloadResult } from './process/download.ts'
import { quantile } from './quantile.ts'
import {
  acceptHeaders,
  blobBytes,
  mirrorPath,
  own,
  registryName,
  type Scene,
  startBenchNode,
} from './scene.ts'

const rounds = 15
const appearances = 11
/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:1'
const store = { kind: 'both', minFreeBytes: '1MiB' }

/** What a containerd on the node holds: how fast it is served, and how soon another node knows of it. */
export async function besideContainerd(scene: Scene): Promise<readonly Figure[]> {
  const pause = `${scene.dir}/pause.tar`
  await writeArchive(pause, pauseImage, makeImage({ salt: 'pause' }))
  const begin = async (version: ContainerdVersion) =>
    own(scene, await startContainerd(version, `${scene.dir}/c${version}`, pause))
  const containerds = await Promise.all(containerdVersions.map(begin))
  const newest = containerds.at(-1)
  if (newest === undefined) throw new Error('no containerd')
  return [
    ...(await blobs(scene, newest)),
    ...(await appearing(scene, containerds)),
    await loadFigure('beside containerd'),
  ]
}

/** A layer of 200 MB out of containerd's directory and over gRPC, beside docker-registry, round by round. */
async function blobs(scene: Scene, containerd: Containerd): Promise<readonly Figure[]> {
  const made = makeImage({ platforms: ['linux/amd64'], layers: [blobBytes], salt: 'held' })
  const layer = made.for('linux/amd64').layers[0]
  if (layer === undefined) throw new Error('no layer')
  await bring(scene, containerd, 'large', made)
  const { socket } = containerd
  const startBeside = (name: string, contentDir?: string) =>
    startBenchNode(scene, name, nowhere, { store, containerd: { socket, contentDir } })
  const files = await startBeside('files')
  const asked = await startBeside('asked', '/nowhere')
  const registry = own(scene, await startDockerRegistry(`${scene.dir}/registry`))
  await registry.push('app', 'large', made)
  const path = mirrorPath('app', 'blobs', layer.digest)
  for (const node of [files, asked]) await untilHeld(node, 'app', 'large')

  const rates = { files: [] as number[], asked: [] as number[], registry: [] as number[] }
  scene.say('a layer of 200 MB')
  for (let round = 0; round <= rounds; round += 1) {
    const one = {
      files: await rateOf(files.mirror, path),
      asked: await rateOf(asked.mirror, path),
      registry: await rateOf(registry.url, `/v2/app/blobs/${layer.digest}`),
    }
    if (round === 0) continue // hashed, and read from the disk
    for (const who of ['files', 'asked', 'registry'] as const) rates[who].push(one[who])
  }
  const figure = (how: string, ours: readonly number[]): Figure => ({
    what: `200 MB layer of containerd's, ${how}`,
    unit: 'MB/s',
    ...beside(ours, 'docker-registry', rates.registry),
  })
  return [
    figure('out of its directory', rates.files),
    figure('over gRPC (its directory is not to be seen)', rates.asked),
  ]
}

async function rateOf(url: string, path: string): Promise<number> {
  const order = { url, path, connections: 1, before: [], headers: {} } satisfies DownloadOrder
  const done = await runChild<DownloadResult>('download', order)
  return done.bytes / 1e3 / done.wholeMs
}

/** From the end of `ctr images import` to the first answer of another node that names the image. */
async function appearing(
  scene: Scene,
  containerds: readonly Containerd[],
): Promise<readonly Figure[]> {
  const nodes = await startMeshOf(scene, 'mesh', containerds.length + 1, index => {
    const socket = containerds[index - 1]?.socket
    return { ...knowing(nowhere), ...(socket !== undefined && { store, containerd: { socket } }) }
  })
  const [asking] = nodes
  if (asking === undefined) throw new Error('no node')
  const figures: Figure[] = []
  for (const containerd of containerds) {
    const { version } = containerd
    scene.say(`images that appear in containerd ${version}`)
    const times: number[] = []
    for (let round = 0; round < appearances; round += 1) {
      const tag = `v${version.replace('.', '')}-${round}`
      const image = makeImage({ platforms: ['linux/amd64'], layers: [100_000], salt: tag })
      await bring(scene, containerd, tag, image)
      const beganMs = performance.now()
      await untilHeld(asking, 'app', tag)
      times.push(performance.now() - beganMs)
      await delay(1_000) // the collection after the import has passed
    }
    const what = `image appears in containerd ${version} → known on another node`
    figures.push(
      { what, unit: 'ms', value: quantile(times, 0.5), aim: atMost(500) },
      { what: `${what}, slowest of ${appearances}`, unit: 'ms', value: Math.max(...times) },
    )
  }
  return figures
}

async function bring(
  scene: Scene,
  containerd: Containerd,
  tag: string,
  image: ReturnType<typeof makeImage>,
): Promise<void> {
  const archive = `${scene.dir}/${tag}.tar`
  await writeArchive(archive, `${registryName}/app:${tag}`, image)
  await containerd.ctr('-n', 'k8s.io', 'images', 'import', archive)
}

async function untilHeld(
  node: Pick<HoldfastNode, 'mirror'>,
  repository: string,
  tag: string,
): Promise<void> {
  const url = node.mirror + mirrorPath(repository, 'manifests', tag)
  await until(`${tag} is known`, async () => {
    const answer = await fetch(url, { method: 'HEAD', headers: acceptHeaders })
    return answer.status === 200
  })
}
