import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { createPeerIdentity } from '../src/adapters/peer-http/certificate.ts'
import { makeSingleImage } from '../test/support/image.ts'
import { pull } from '../test/system/support/client.ts'
import type { MeshNode } from '../test/system/support/mesh.ts'
import { run } from '../test/system/support/process.ts'
import { runChild, startServer } from './child.ts'
import { type Aim, atMost, beside, type Figure, times } from './figure.ts'
import { residentMb, watchMemory } from './memory.ts'
import { knowing, loadFigure, startMeshOf } from './mesh-scene.ts'
import type { DownloadOrder, DownloadResult } from './process/download.ts'
import type { PeerCopyOrder, PeerCopyResult } from './process/peer-copy.ts'
import type { PeerRelayOrder } from './process/peer-relay.ts'
import type { PeerServerOrder } from './process/peer-server.ts'
import {
  acceptHeaders,
  blobBytes,
  mirrorPath,
  own,
  registryName,
  type Scene,
  startBenchNode,
} from './scene.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const repository = 'app'
const linkBytesPerSecond = 25_000_000
const rounds = { five: 3, copy: 7 }
/** Before memory is looked at. */
const restMs = 8_000

/** At most so many times the peer's. */
const atMostTimes = (limit: number): Aim => ({ of: 'ratio', is: 'at most', limit })

/** A large image through a mesh of whole nodes: nobody holds it and the uplink is slow; one holds it and another one's client wants it. */
export async function meshPull(scene: Scene): Promise<readonly Figure[]> {
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  const five = await everyoneAtOnce(scene, upstream)
  return [...five, ...(await fromPeer(scene, upstream)), await loadFigure('pulls in a mesh')]
}

async function everyoneAtOnce(scene: Scene, upstream: Upstream): Promise<readonly Figure[]> {
  const alone = await startBenchNode(scene, 'alone', upstream.url)
  const nodes = await startMeshOf(scene, 'five', 5, () => knowing(upstream.url))
  await upstream.tell({ do: 'throttle', bytesPerSecond: linkBytesPerSecond })
  const ofFive: number[] = []
  const ofOne: number[] = []
  const sent: number[] = []
  for (let round = 1; round <= rounds.five; round += 1) {
    scene.say(`five nodes, round ${round} of ${rounds.five}`)
    ofOne.push((await download(alone.mirror, await publish(upstream, `one-${round}`))).wholeMs)
    const order = await publish(upstream, `five-${round}`)
    await upstream.tell({ do: 'count' })
    const done = await Promise.all(nodes.map(({ mirror }) => download(mirror, order)))
    const { blobBytes: bytes } = await upstream.tell({ do: 'count' })
    ofFive.push(Math.max(...done.map(({ wholeMs }) => wholeMs)))
    sent.push(bytes / blobBytes)
  }
  await upstream.tell({ do: 'heal' })
  await Promise.all(nodes.map(node => node.stop('SIGKILL')))
  await alone.stop('SIGKILL')
  const what = '200 MB that nobody holds, five nodes at once, a link of 25 MB/s'
  return [
    {
      what: `${what}: the last one has it`,
      unit: 'ms',
      ...beside(ofFive, 'one node alone', ofOne),
      aim: atMostTimes(1.3),
    },
    {
      what: `${what}: upstream sends it, most`,
      value: Math.max(...sent),
      unit: 'times',
      aim: atMost(1.05),
    },
  ]
}

async function fromPeer(scene: Scene, upstream: Upstream): Promise<readonly Figure[]> {
  const [holder, reader] = await startMeshOf(scene, 'two', 2, i => ({
    ...knowing(upstream.url),
    ...(i > 0 && { mode: 'offline' }),
  }))
  if (holder === undefined || reader === undefined) return []
  const bare = await startBare(scene)
  const ours: number[] = []
  const copied: number[] = []
  const relayed: number[] = []
  const memory = await watchMemory(reader.pid, async () => {
    for (let round = 1; round <= rounds.copy; round += 1) {
      scene.say(`from a peer, round ${round} of ${rounds.copy}`)
      const order = await publish(upstream, `peer-${round}`)
      await hold(holder, `peer-${round}`)
      copied.push(await bare.copy())
      relayed.push(await bare.relay())
      ours.push(rateOf(await download(reader.mirror, order)))
    }
  })
  await delay(restMs)
  const what = '200 MB of a peer through two whole nodes, one client'
  return [
    {
      what,
      unit: 'MB/s',
      ...beside(ours, 'bare mutual TLS, undici, hashed', copied),
      aim: times(0.8),
    },
    {
      what,
      unit: 'MB/s',
      ...beside(ours, 'the same, written and passed on', relayed),
    },
    { what: `${what}: resident, who reads, peak`, value: memory.peakMb, unit: 'MB' },
    {
      what: `${what}: resident, who reads, ${restMs / 1_000} s after ${rounds.copy} of them`,
      value: await residentMb(reader.pid),
      unit: 'MB',
    },
    {
      what: `${what}: resident, who holds, then`,
      value: await residentMb(holder.pid),
      unit: 'MB',
    },
  ]
}

/** The holder pulls it, and it is on its disk. */
async function hold(node: MeshNode, tag: string): Promise<void> {
  await pull(node.mirror, registryName, repository, tag)
  await run('sync', [])
}

/** The least code that does the work, MB/s: in two processes, and in three with one that is what a node is to its client. */
interface Bare {
  /** A file of another process over mutual TLS, hashed. */
  copy(): Promise<number>
  /** The same, written to a file and passed on to a client. */
  relay(): Promise<number>
}

async function startBare(scene: Scene): Promise<Bare> {
  const content = randomBytes(blobBytes)
  const file = `${scene.dir}/bare`
  await writeFile(file, content)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
  const pem = { type: 'pkcs8', format: 'pem' } as const
  const secret = randomBytes(32).toString('hex')
  const key = String(theirs.privateKey.export(pem))
  const serving = { how: 'bare', file, key, secret } satisfies PeerServerOrder
  const { url } = own(scene, await startServer('peer-server', serving))
  const reading = { address: new URL(url).host, key: String(ours.privateKey.export(pem)), sha256 }
  const { id } = createPeerIdentity(theirs.privateKey)
  const order = { ...reading, how: 'bare', id, secret } satisfies PeerCopyOrder
  const passing = { ...reading, file: `${scene.dir}/relayed` } satisfies PeerRelayOrder
  const relay = own(scene, await startServer('peer-relay', passing))
  return {
    copy: async () => rateOf(await runChild<PeerCopyResult>('peer-copy', order)),
    relay: async () => rateOf(await download(relay.url, { before: [], path: '/' })),
  }
}

/** What containerd asks of an image of one layer that upstream holds from now on. */
async function publish(
  upstream: Upstream,
  tag: string,
): Promise<Pick<DownloadOrder, 'before' | 'path'>> {
  const spec = { salt: tag, layers: [blobBytes] }
  const image = makeSingleImage(spec)
  await upstream.tell({ do: 'publish', images: [{ repository, tag, ...spec }] })
  return {
    before: [
      { method: 'HEAD', path: mirrorPath(repository, 'manifests', tag) },
      { method: 'GET', path: mirrorPath(repository, 'manifests', image.digest) },
    ],
    path: mirrorPath(repository, 'blobs', image.layers[0]?.digest ?? ''),
  }
}

async function download(
  url: string,
  order: Pick<DownloadOrder, 'before' | 'path'>,
): Promise<DownloadResult> {
  const whole = { url, connections: 1, headers: acceptHeaders, ...order }
  return runChild<DownloadResult>('download', whole satisfies DownloadOrder)
}

const rateOf = ({ bytes, wholeMs }: { readonly bytes: number; readonly wholeMs: number }): number =>
  bytes / 1e3 / wholeMs
