import { rm } from 'node:fs/promises'
import { makeSingleImage, type TestManifest } from '../test/support/image.ts'
import type { HoldfastNode } from '../test/system/support/holdfast.ts'
import { run } from '../test/system/support/process.ts'
import { runChild } from './child.ts'
import { startDockerProxy } from './docker-proxy.ts'
import { atMost, beside, type Figure, times } from './figure.ts'
import { watchMemory } from './memory.ts'
import type { CopyOrder, CopyResult } from './process/copy.ts'
import type { DownloadOrder, DownloadResult } from './process/download.ts'
import { acceptHeaders, blobBytes, mirrorPath, own, type Scene, startBenchNode } from './scene.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const repository = 'app'
const linkBytesPerSecond = 25_000_000
const rounds = { first: 7, five: 5, throttled: 2 }

interface Stage {
  readonly scene: Scene
  readonly upstream: Upstream
  readonly node: HoldfastNode
  readonly proxyUrl: string
}

/** An image that nobody but the upstream holds yet. */
interface Fresh {
  readonly tag: string
  readonly image: TestManifest
  /** Of its one layer. */
  readonly layer: string
}

/** A large blob that is not held, through the node from a fast upstream on this machine, and from a slow one. */
export async function pullThrough(scene: Scene): Promise<readonly Figure[]> {
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  const node = await startBenchNode(scene, 'node', upstream.url)
  const proxy = own(scene, await startDockerProxy(`${scene.dir}/proxy`, upstream.url))
  const stage = { scene, upstream, node, proxyUrl: proxy.url }
  const figures: Figure[] = []
  const peak = await watchMemory(node.pid, async () => {
    figures.push(...(await firstClient(stage)))
    figures.push(...(await fiveClients(stage)))
    figures.push(...(await throttled(stage)))
  })
  return [
    ...figures,
    { what: 'pull-through: resident, peak', value: peak.peakMb, unit: 'MB', aim: atMost(128) },
  ]
}

async function firstClient(stage: Stage): Promise<Figure[]> {
  const { scene, node, upstream, proxyUrl } = stage
  const ours: Result[] = []
  const copied: Result[] = []
  const proxied: Result[] = []
  const direct: Result[] = []
  for (let round = 1; round <= rounds.first; round += 1) {
    scene.say(`first client, round ${round} of ${rounds.first}`)
    await withFresh(stage, `first-${round}`, async fresh => {
      direct.push(await download(upstream.url, plain(fresh)))
      copied.push(await copy(stage, fresh))
      ours.push(await download(node.mirror, mirrored(fresh)))
      proxied.push(await download(proxyUrl, plain(fresh)))
    })
  }
  const what = '200 MB pulled through, first client'
  return [
    { ...rates(what, ours, 'plain Node copy (hash, write)', copied), aim: times(0.8) },
    rates(what, ours, 'docker-registry as proxy', proxied),
    rates(what, ours, 'the upstream itself', direct),
    firstByte(what, ours, 'docker-registry as proxy', proxied),
  ]
}

async function fiveClients(stage: Stage): Promise<Figure[]> {
  const { scene, node, upstream, proxyUrl } = stage
  const ours: { mbPerSecond: number; fetches: number }[] = []
  const proxied: { mbPerSecond: number; fetches: number }[] = []
  for (let round = 1; round <= rounds.five; round += 1) {
    scene.say(`five clients, round ${round} of ${rounds.five}`)
    await withFresh(stage, `five-${round}`, async fresh => {
      const five = async (url: string, order: Path) => {
        await upstream.tell({ do: 'count' })
        const done = await download(url, { ...order, connections: 5 })
        await run('sync', [])
        const { blobBytes: sent } = await upstream.tell({ do: 'count' })
        return { mbPerSecond: rateOf(done), fetches: sent / (done.bytes / 5) }
      }
      ours.push(await five(node.mirror, mirrored(fresh)))
      proxied.push(await five(proxyUrl, plain(fresh)))
    })
  }
  const compare = (pick: 'mbPerSecond' | 'fetches') =>
    beside(
      ours.map(result => result[pick]),
      'docker-registry as proxy',
      proxied.map(result => result[pick]),
    )
  const what = '200 MB pulled through, five at once'
  return [
    {
      what: `${what}, all together`,
      unit: 'MB/s',
      ...compare('mbPerSecond'),
    },
    {
      what: `${what}: upstream sends it`,
      unit: 'times',
      ...compare('fetches'),
      aim: atMost(1.01),
    },
  ]
}

async function throttled(stage: Stage): Promise<Figure[]> {
  const { scene, node, upstream } = stage
  await upstream.tell({ do: 'throttle', bytesPerSecond: linkBytesPerSecond })
  const ours: Result[] = []
  const direct: Result[] = []
  for (let round = 1; round <= rounds.throttled; round += 1) {
    scene.say(`throttled, round ${round} of ${rounds.throttled}`)
    await withFresh(stage, `slow-${round}`, async fresh => {
      direct.push(await download(upstream.url, plain(fresh)))
      ours.push(await download(node.mirror, mirrored(fresh)))
    })
  }
  await upstream.tell({ do: 'heal' })
  const what = `200 MB pulled through a link of ${linkBytesPerSecond / 1e6} MB/s`
  return [
    { ...rates(what, ours, 'the link itself', direct), aim: times(0.95) },
    firstByte(what, ours, 'the link itself', direct),
  ]
}

const rates = (what: string, ours: Results, name: string, theirs: Results): Figure => ({
  what,
  unit: 'MB/s',
  ...beside(ours.map(rateOf), name, theirs.map(rateOf)),
})

const firstByte = (what: string, ours: Results, name: string, theirs: Results): Figure => ({
  what: `${what}: first byte`,
  unit: 'ms',
  ...beside(ours.map(firstByteOf), name, theirs.map(firstByteOf)),
})

type Path = Pick<DownloadOrder, 'before' | 'path'>
type Result = Pick<DownloadResult, 'wholeMs' | 'firstByteMs' | 'bytes'>

type Results = readonly Result[]

const firstByteOf = ({ firstByteMs }: Result): number => firstByteMs

const rateOf = ({ bytes, wholeMs }: Result): number => bytes / 1e3 / wholeMs

/** What containerd asks: the tag, its manifest, the layer. */
const mirrored = ({ tag, image, layer }: Fresh): Path => ({
  before: [
    { method: 'HEAD', path: mirrorPath(repository, 'manifests', tag) },
    { method: 'GET', path: mirrorPath(repository, 'manifests', image.digest) },
  ],
  path: mirrorPath(repository, 'blobs', layer),
})

/** The same of a registry. */
const plain = ({ tag, image, layer }: Fresh): Path => ({
  before: [
    { method: 'HEAD', path: `/v2/${repository}/manifests/${tag}` },
    { method: 'GET', path: `/v2/${repository}/manifests/${image.digest}` },
  ],
  path: `/v2/${repository}/blobs/${layer}`,
})

/** Publishes a new image for one round, and has the upstream forget it afterwards. */
async function withFresh(
  { upstream }: Stage,
  tag: string,
  work: (fresh: Fresh) => Promise<void>,
): Promise<void> {
  const spec = { salt: tag, layers: [blobBytes] }
  const image = makeSingleImage(spec)
  const layer = image.layers[0]?.digest ?? ''
  await upstream.tell({ do: 'publish', images: [{ repository, tag, ...spec }] })
  await work({ tag, image, layer })
  await upstream.tell({ do: 'forget', repository, digest: layer })
}

/** One measured download. What it left to be written to the disk is written before the next one begins. */
async function download(
  url: string,
  order: Path & { readonly connections?: number },
): Promise<Result> {
  const done = await runChild<DownloadResult>('download', {
    url,
    connections: 1,
    headers: acceptHeaders,
    ...order,
  } satisfies DownloadOrder)
  await run('sync', [])
  return done
}

async function copy({ scene, upstream }: Stage, fresh: Fresh): Promise<Result> {
  const file = `${scene.dir}/copy`
  const order = { url: upstream.url + plain(fresh).path, file, sha256: fresh.layer.slice(7) }
  const done = await runChild<CopyResult>('copy', order satisfies CopyOrder)
  await rm(file)
  await run('sync', [])
  return { ...done, bytes: fresh.image.layers[0]?.size ?? 0 }
}
