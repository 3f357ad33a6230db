/**
 * What a node does with a blob of another one, by the least code: fetches it with undici over bare mutual TLS, hashes it, writes it to a
 * file and passes it on to its client as it comes, the last chunk after the hash was right.
 */
import { createHash, createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { createPeerIdentity } from '../../src/adapters/peer-http/certificate.ts'

/** What to pass on. */
export interface PeerRelayOrder {
  /** `host:port` of the bare server. */
  readonly address: string
  /** PKCS #8 PEM of our Ed25519 key. */
  readonly key: string
  readonly sha256: string
  /** Where it is written. */
  readonly file: string
}

const order: PeerRelayOrder = JSON.parse(process.argv[2] ?? '{}')
const { cert, key } = createPeerIdentity(createPrivateKey(order.key))

async function passOn(response: ServerResponse): Promise<void> {
  const dispatcher = new Agent({ connect: { cert, key, rejectUnauthorized: false } })
  const { headers, body } = await request(`https://${order.address}/`, { dispatcher })
  response.writeHead(200, { 'content-length': String(headers['content-length']) })
  const hash = createHash('sha256')
  const file = await open(order.file, 'w')
  let kept: Uint8Array = Buffer.alloc(0)
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    hash.update(chunk)
    const written = file.write(chunk)
    if (!response.write(kept)) await once(response, 'drain')
    await written
    kept = chunk
  }
  await file.close()
  if (hash.digest('hex') !== order.sha256) throw new Error('what came does not hash to its digest')
  response.end(kept)
  await dispatcher.close()
}

const server = createServer((_, response) => void passOn(response)).listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
