import type { KeyObject } from 'node:crypto'
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import type { NodeId } from '../../ports/node-id.ts'

/** The node's Ed25519 key as libp2p wants it. */
export function toPrivateKey(key: KeyObject): PrivateKey {
  const { d, x } = key.export({ format: 'jwk' })
  if (key.asymmetricKeyType !== 'ed25519' || d === undefined || x === undefined) {
    throw new TypeError('a node key is an Ed25519 private key')
  }
  return privateKeyFromRaw(
    Buffer.concat([Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]),
  )
}

/** `undefined` for a peer whose key is not Ed25519: it is no node. */
export function toNodeId(peer: PeerId): NodeId | undefined {
  return peer.type === 'Ed25519' ? Buffer.from(peer.publicKey.raw).toString('hex') : undefined
}

/** libp2p's name for a node. */
export function toPeerId(id: NodeId): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(id, 'hex')))
}
