import { makeSingleImage } from '../test/support/image.ts'
import { pull } from '../test/system/support/client.ts'
import { startDockerRegistry } from '../test/system/support/docker-registry.ts'
import { runChild } from './child.ts'
import { atMost, beside, type Figure, times } from './figure.ts'
import { watchMemory } from './memory.ts'
import type { DownloadOrder, DownloadResult } from './process/download.ts'
import { blobBytes, mirrorPath, own, registryName, type Scene, startBenchNode } from './scene.ts'
import { startUpstream } from './upstream.ts'

const rounds = { 1: 25, 8: 9 }
const image = { repository: 'app', tag: 'large', salt: 'blob', layers: [blobBytes] }

/** A large blob that is held, from the page cache. */
export async function blobFromDisk(scene: Scene): Promise<readonly Figure[]> {
  const made = makeSingleImage(image)
  const digest = made.layers[0]?.digest ?? ''
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  await upstream.tell({ do: 'publish', images: [image] })
  const node = await startBenchNode(scene, 'node', upstream.url)
  await pull(node.mirror, registryName, image.repository, image.tag)
  const registry = own(scene, await startDockerRegistry(`${scene.dir}/registry`))
  await registry.push(image.repository, image.tag, { ...made, manifests: [] })

  const figures: Figure[] = []
  for (const connections of [1, 8] as const) {
    scene.say(`${connections} at once`)
    const ours: number[] = []
    const theirs: number[] = []
    const memory = await watchMemory(node.pid, async () => {
      for (let round = 1; round <= rounds[connections]; round += 1) {
        const { repository } = image
        const path = mirrorPath(repository, 'blobs', digest)
        ours.push(await rateOf({ url: node.mirror, path, connections }))
        const theirPath = `/v2/${repository}/blobs/${digest}`
        theirs.push(await rateOf({ url: registry.url, path: theirPath, connections }))
      }
    })
    const what = `200 MB blob from disk, ${connections === 1 ? 'one client' : `${connections} at once`}`
    figures.push(
      { what, unit: 'MB/s', ...beside(ours, 'docker-registry', theirs), aim: times(1) },
      { what: `${what}: resident, peak`, value: memory.peakMb, unit: 'MB', aim: atMost(128) },
    )
  }
  return figures
}

/** MB per second of all connections together. */
async function rateOf(order: Pick<DownloadOrder, 'url' | 'path' | 'connections'>): Promise<number> {
  const done = await runChild<DownloadResult>('download', { ...order, before: [], headers: {} })
  return done.bytes / 1e3 / done.wholeMs
}
