import { createHash } from 'node:crypto'
import { type NoiseInit, noise } from '@chainsafe/libp2p-noise'
import type {
  ConnectionEncrypter,
  MessageStream,
  MultiaddrConnection,
  SecuredConnection,
  Upgrader,
} from '@libp2p/interface'
import type { ClusterKey } from '../../ports/cluster-keys.ts'
import type { OwnStart } from '../../ports/own-start.ts'
import { fromMultiaddr } from './address.ts'

type NoiseComponents = Parameters<ReturnType<typeof noise>>[0]
type Secured = SecuredConnection<{ readonly webtransportCerthashes: readonly Uint8Array[] }>
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
 *
 * Both sides tell in it which start of a node they are, too: libp2p drops a connection with one's own key as soon as the handshake is
 * done, and asks nobody. Of the extensions of libp2p's Noise, a list of byte strings for a transport that is not used here carries that.
 */
function encrypterOf(
  key: ClusterKey,
  components: NoiseComponents,
  ownStart: OwnStart,
): ConnectionEncrypter {
  const prologueBytes = createHash('sha256').update('holdfast mesh 1\n').update(key.secret).digest()
  const extensions = { webtransportCerthashes: [ownStart.nonce] }
  const inner = noise({ prologueBytes, extensions } satisfies NoiseInit)(components)

  function hear({ remotePeer, remoteExtensions }: Secured, address?: string): void {
    if (!components.privateKey.publicKey.equals(remotePeer.publicKey)) return
    ownStart.hear(remoteExtensions?.webtransportCerthashes[0], address)
  }

  return {
    protocol: protocolHead + key.id,
    async secureInbound(connection, options) {
      const secured = await inner.secureInbound(connection, options)
      hear(secured)
      return secured
    },
    async secureOutbound(connection, options) {
      const secured = await inner.secureOutbound(connection, options)
      hear(secured, addressOf(connection))
      return secured
    },
  }
}

/** What is encrypted is the connection itself where there is no protector, and there is none. */
function addressOf(connection: MessageStream & Partial<MultiaddrConnection>): string | undefined {
  return connection.remoteAddr && fromMultiaddr(connection.remoteAddr)
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
  ownStart: OwnStart,
): KeyedEncrypters {
  let components: NoiseComponents | undefined
  const [firstKey] = keys
  if (firstKey === undefined) throw new RangeError('a mesh needs a cluster key')
  return {
    first: given => {
      components = given
      return encrypterOf(firstKey, given, ownStart)
    },
    replace(upgrader, keys) {
      if (components === undefined) throw new Error('the node is not made yet')
      const known = upgrader.getConnectionEncrypters()
      const before = new Map(known)
      known.clear()
      for (const key of keys) {
        const protocol = protocolHead + key.id
        known.set(protocol, before.get(protocol) ?? encrypterOf(key, components, ownStart))
      }
    },
  }
}
