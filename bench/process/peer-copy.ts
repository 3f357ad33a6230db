/** Reads a blob from another node and hashes it: over the peer port, or with undici over bare mutual TLS. */
import { createHash, createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'undici'
import { createPeerIdentity } from '../../src/adapters/peer-http/certificate.ts'
import { createPeerClient } from '../../src/adapters/peer-http/client.ts'
import { parseDigest } from '../../src/oci/digest.ts'

/** What to read, and how. */
export interface PeerCopyOrder {
  readonly how: 'peer' | 'bare'
  /** `host:port` of the peer port or of the bare server. */
  readonly address: string
  /** Id of the serving node. */
  readonly id: string
  /** PKCS #8 PEM of our Ed25519 key. */
  readonly key: string
  /** Hex. */
  readonly secret: string
  readonly sha256: string
}

/** What came of it. */
export interface PeerCopyResult {
  readonly wholeMs: number
  readonly bytes: number
  /** Of this process, from the first question on. */
  readonly cpuMs: number
  /** The most that was resident, MB of 10^6 bytes. */
  readonly peakMb: number
}

const order: PeerCopyOrder = JSON.parse(process.argv[2] ?? '{}')
const identity = createPeerIdentity(createPrivateKey(order.key))
const { signal } = new AbortController()

async function openPeer(): Promise<AsyncIterable<Uint8Array>> {
  const key = { id: 'be9c4be9', secret: Buffer.from(order.secret, 'hex') }
  const client = createPeerClient(
    {
      identity,
      keys: { current: () => [key], onChange: () => () => {} },
      addressesOf: () => [order.address],
      isBanned: () => false,
    },
    { stallMs: 5_000 },
  )
  const digest = parseDigest(`sha256:${order.sha256}`)
  if (digest === undefined) throw new Error(`no digest: ${order.sha256}`)
  const repository = { registry: 'registry.bench', repository: 'app' }
  const question = { digest, repository, offset: 0, relay: false, priority: 'pull' } as const
  const answer = await client.openBlob(order.id, question, { signal, firstByteMs: 5_000 })
  return answer.body
}

async function openBare(): Promise<AsyncIterable<Uint8Array>> {
  const { cert, key } = identity
  const dispatcher = new Agent({ connect: { cert, key, rejectUnauthorized: false } })
  return (await request(`https://${order.address}/`, { dispatcher })).body
}

/** Of this program: what `getrusage` tells begins with what the parent had. */
async function highestMb(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8')
  return (Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6
}

const hash = createHash('sha256')
const beganMs = performance.now()
const usedBefore = process.cpuUsage()
let bytes = 0
for await (const chunk of await (order.how === 'peer' ? openPeer() : openBare())) {
  hash.update(chunk)
  bytes += chunk.length
}
const isRight = hash.digest('hex') === order.sha256
const wholeMs = performance.now() - beganMs
if (!isRight) throw new Error('what came does not hash to its digest')
const used = process.cpuUsage(usedBefore)
const result: PeerCopyResult = {
  wholeMs,
  bytes,
  cpuMs: (used.user + used.system) / 1e3,
  peakMb: await highestMb(),
}
process.stdout.write(JSON.stringify(result), () => process.exit())
