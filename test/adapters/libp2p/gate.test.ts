import { generateKeyPairSync } from 'node:crypto'
import type { MultiaddrConnection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { createGate } from '../../../src/adapters/libp2p/gate.ts'
import { toPeerId } from '../../../src/adapters/libp2p/node-key.ts'

const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
const id = Buffer.from(String(jwk.x), 'base64url').toString('hex')
const connectionTo = (port: number) =>
  ({ remoteAddr: multiaddr(`/ip4/10.0.0.1/tcp/${port}`) }) as MultiaddrConnection

t.test('who answered at an address is remembered until it is asked for, within bounds', async t => {
  const { gater, metAt } = createGate({ isNeighbour: () => false, isKeptOut: () => false })
  const meet = (port: number) =>
    gater.denyOutboundEncryptedConnection?.(toPeerId(id), connectionTo(port))
  t.equal(await meet(5000), false)
  t.equal(metAt('10.0.0.1:5000'), id)
  t.equal(metAt('10.0.0.1:5000'), undefined)
  for (let port = 5000; port < 5257; port += 1) await meet(port)
  t.equal(metAt('10.0.0.1:5000'), undefined, 'the oldest is forgotten')
  t.equal(metAt('10.0.0.1:5001'), id)
})
