import { join } from 'node:path'
import { makeImage } from '../test/support/image.ts'
import { writeArchive } from '../test/system/support/archive.ts'
import { ask, pull } from '../test/system/support/client.ts'
import { type Containerd, pauseImage, startContainerd } from '../test/system/support/containerd.ts'
import { startDockerRegistry } from '../test/system/support/docker-registry.ts'
import { until } from '../test/system/support/process.ts'
import { type Aim, beside, type Figure } from './figure.ts'
import { knowing, loadFigure, startMeshOf } from './mesh-scene.ts'
import { mirrorPath, own, registryName, type Scene } from './scene.ts'

const rounds = 5
const shapes: Readonly<Record<string, readonly number[]>> = {
  '1 × 200 MB': [200_000_000],
  '10 × 20 MB': Array<number>(10).fill(20_000_000),
}
const aim: Aim = { of: 'ratio', is: 'at most', limit: 1.05 }

/**
 * What containerd needs for an image that another node holds, through two whole nodes on loopback, beside the same containerd pulling the
 * same image straight from docker-registry.
 */
export async function criPull(scene: Scene): Promise<readonly Figure[]> {
  const registry = own(scene, await startDockerRegistry(join(scene.dir, 'registry')))
  const [holder, reader] = await startMeshOf(scene, 'cri', 2, index => ({
    ...knowing(registry.url),
    ...(index > 0 && { mode: 'offline' }),
  }))
  if (holder === undefined || reader === undefined) return []
  const pause = join(scene.dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage({ salt: 'pause' }))
  const client = own(scene, await startContainerd('2.1', join(scene.dir, 'client'), pause))
  const figures: Figure[] = []
  for (const [shape, layers] of Object.entries(shapes)) {
    const repository = `app-${layers.length}`
    const ours: number[] = []
    const theirs: number[] = []
    for (let round = 1; round <= rounds; round += 1) {
      scene.say(`${shape}, round ${round} of ${rounds}`)
      const tag = `r${round}`
      await registry.push(repository, tag, makeImage({ salt: `${shape} ${round}`, layers }))
      await pull(holder.mirror, registryName, repository, tag)
      const manifest = new URL(mirrorPath(repository, 'manifests', tag), reader.mirror)
      await until('the other node answers', async () => (await ask(manifest)).status === 200)
      const image = `${registryName}/${repository}:${tag}`
      theirs.push(await timed(client, registry.url, image))
      ours.push(await timed(client, reader.mirror, image))
    }
    figures.push({
      what: `containerd pulls ${shape} that another node holds`,
      unit: 'ms',
      ...beside(ours, 'the same from docker-registry', theirs),
      aim,
    })
  }
  return [...figures, await loadFigure('pulls of containerd')]
}

async function timed(client: Containerd, from: string, image: string): Promise<number> {
  await client.mirror(registryName, from)
  const beganMs = performance.now()
  await client.pull(image)
  const tookMs = performance.now() - beganMs
  await client.remove(image)
  return tookMs
}
