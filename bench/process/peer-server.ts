/** Serves one file to another node: over the peer port, or by the least code that mutual TLS takes. */
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { openFile } from '../../src/adapters/disk/open-file.ts'
import { createPeerIdentity } from '../../src/adapters/peer-http/certificate.ts'
import { createPeerServer } from '../../src/adapters/peer-http/server.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'

/** What to serve. */
export interface PeerServerOrder {
  readonly how: 'peer' | 'bare'
  readonly file: string
  /** PKCS #8 PEM of the server's Ed25519 key. */
  readonly key: string
  /** Hex. */
  readonly secret: string
}

const order: PeerServerOrder = JSON.parse(process.argv[2] ?? '{}')
const identity = createPeerIdentity(createPrivateKey(order.key))
const { size } = await stat(order.file)
const key = { id: 'be9c4be9', secret: Buffer.from(order.secret, 'hex') }

async function servePeers(): Promise<number> {
  const peer = createPeerServer(
    {
      identity,
      keys: { current: () => [key], onChange: () => () => {} },
      service: {
        answers: new Map(),
        streams: new Map(),
        getManifest: async () => undefined,
        openBlob: async () => {
          const file = await openFile(order.file, 'read')
          return { size, read: file.read, close: file.close }
        },
      },
      isBanned: () => false,
      clock: systemClock,
      log: silentLog,
    },
    {
      address: { host: '127.0.0.1', port: 0 },
      uploadBytesPerSecond: 0,
      uploadPerPeerBytesPerSecond: 0,
      graceMs: 0,
    },
  )
  return (await peer.listen()).port
}

async function serveBare(): Promise<number> {
  const bare = createServer(
    { ...identity, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' },
    (_request, response) => {
      response.writeHead(200, { 'content-length': size })
      pipeline(createReadStream(order.file, { highWaterMark: 256 * 1024 }), response, () => {})
    },
  ).listen(0, '127.0.0.1')
  await once(bare, 'listening')
  return (bare.address() as AddressInfo).port
}

const port = await (order.how === 'peer' ? servePeers() : serveBare())
process.stdout.write(`http://127.0.0.1:${port}\n`)
