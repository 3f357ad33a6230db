import { createHash } from 'node:crypto'
import { type NoiseInit, noise } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, PeerId, Upgrader } from '@libp2p/interface'
import type { ClusterKey } from '../../ports/cluster-keys.ts'

type NoiseComponents = Parameters<ReturnType<typeof noise>>[0]
/** Told who dialled, as soon as the handshake proved it. */
type OnInbound = (peer: PeerId) => void
type CreateEncrypter = (components: NoiseComponents) => ConnectionEncrypter

/** How the handshake under one cluster key is named on the wire. */
const protocolHead = '/holdfast/noise/1/'

/** The id of the cluster key that a connection was made with. */
export function keyIdOf(protocol: string | undefined): string {
  return protocol?.startsWith(protocolHead) === true ? protocol.slice(protocolHead.length) : ''
}

/**
 * A Noise handshake that only holders of this key can finish: the key goes into the prologue, which both sides authenticate
 * (https://noiseprotocol.org/noise.html#prologue). Its name tells which key is meant, so that several can be accepted.
 */
function encrypterOf(
  key: ClusterKey,
  components: NoiseComponents,
  onInbound: OnInbound,
): ConnectionEncrypter {
  const prologueBytes = createHash('sha256').update('holdfast mesh 1\n').update(key.secret).digest()
  const inner = noise({ prologueBytes } satisfies NoiseInit)(components)
  return {
    protocol: protocolHead + key.id,
    async secureInbound(connection, options) {
      const secured = await inner.secureInbound(connection, options)
      onInbound(secured.remotePeer)
      return secured
    },
    secureOutbound: (connection, options) => inner.secureOutbound(connection, options),
  }
}

/** The handshakes of a libp2p node, one for each cluster key. */
export interface KeyedEncrypters {
  /** For libp2p's `connectionEncrypters`. */
  readonly first: CreateEncrypter
  /** Makes the node's upgrader offer and accept these, in this order. */
  replace(upgrader: Upgrader, keys: readonly ClusterKey[]): void
}

/**
 * libp2p fixes its encrypters when a node is made, but looks into the upgrader's map anew at each handshake: dialling offers its keys in
 * their order, and being dialled accepts any of them. So the map is refilled.
 */
export function createKeyedEncrypters(
  keys: readonly ClusterKey[],
  onInbound: OnInbound = () => {},
): KeyedEncrypters {
  let components: NoiseComponents | undefined
  const [firstKey] = keys
  if (firstKey === undefined) throw new RangeError('a mesh needs a cluster key')
  return {
    first: given => {
      components = given
      return encrypterOf(firstKey, given, onInbound)
    },
    replace(upgrader, keys) {
      if (components === undefined) throw new Error('the node is not made yet')
      const known = upgrader.getConnectionEncrypters()
      const before = new Map(known)
      known.clear()
      for (const key of keys) {
        const protocol = protocolHead + key.id
        known.set(protocol, before.get(protocol) ?? encrypterOf(key, components, onInbound))
      }
    },
  }
}
