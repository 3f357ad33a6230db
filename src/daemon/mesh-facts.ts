import type { Config } from '../config/config.ts'
import type { ListenAddress } from '../config/listen.ts'
import { addressesOf } from '../mesh/advertise.ts'
import type { OwnFacts } from '../mesh/own-hello.ts'
import { formatPlatform } from '../oci/platform.ts'
import type { ClusterKeys } from '../ports/cluster-keys.ts'
import type { HostNetwork } from '../ports/host-network.ts'
import { anyRegistry } from '../ports/members.ts'
import type { Mode } from '../ports/mode.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { EndpointState, Upstream } from '../ports/upstream.ts'
import type { Sync } from '../sync/sync.ts'
import type { Content } from './content.ts'

/** What this node says of itself, kept at hand. */
export interface MeshFacts {
  read(): OwnFacts
  /** Calls back when something changed that the others should hear of soon. */
  onChange(listener: () => void): void
  close(): void
}

/** How often it is looked which registries answer, ms. */
const lookEveryMs = 1_000
/** How often registries that were never heard are asked whether they are there, ms: others may count on this node for them. */
const tryEveryMs = 15_000
/** How often the store is measured, ms. */
const measureEveryMs = 30_000

/**
 * Registries of which an endpoint has answered and is not known to be down. Who allows any, and knows of none that is down, says that
 * too: before it is asked for the first image of a registry it has no book of it, and others would take it for one that cannot ask it.
 */
export function reachedOf(
  endpoints: readonly Pick<EndpointState, 'registry' | 'state' | 'hasAnswered'>[],
  isAnyAllowed: boolean,
): readonly string[] {
  const open = endpoints.filter(({ state }) => state === 'closed')
  const reached = new Set(open.filter(one => one.hasAnswered).map(({ registry }) => registry))
  const openNames = new Set(open.map(({ registry }) => registry))
  const isAnyDown = endpoints.some(({ registry }) => !openNames.has(registry))
  const hasAnyAnswered = reached.size > 0 || endpoints.length === 0
  if (isAnyAllowed && !isAnyDown && hasAnyAnswered) reached.add(anyRegistry)
  return [...reached].sort()
}

/** Gathers what goes into this node's hello. */
export async function watchFacts(
  config: Config,
  parts: {
    readonly content: { readonly store: Pick<Content['store'], 'usage'> }
    readonly upstreams: { readonly upstream: Pick<Upstream, 'endpoints' | 'tryUnheard'> }
    readonly mode: () => Mode
    readonly keys: ClusterKeys
    readonly records: Pick<RecordStore, 'count'>
    readonly network: HostNetwork
    readonly peerAddress: ListenAddress
    readonly meshAddress: ListenAddress
    readonly sync: () => Sync | undefined
  },
): Promise<MeshFacts> {
  const { node, platforms, peer, mesh, store } = config
  const isAnyAllowed = Object.hasOwn(config.upstreams, anyRegistry)
  let roomBytes = await measure()
  let told = reached().join()
  let tell = (): void => {}
  const looking = setInterval(() => {
    const now = reached().join()
    if (now === told) return
    told = now
    tell()
  }, lookEveryMs).unref()
  const trying = setInterval(tryUnheard, tryEveryMs).unref()
  tryUnheard()
  const measuring = setInterval(() => {
    measure().then(
      bytes => {
        roomBytes = bytes
      },
      () => {}, // the store says elsewhere that it cannot be used
    )
  }, measureEveryMs).unref()

  function tryUnheard(): void {
    if (parts.mode() !== 'offline') parts.upstreams.upstream.tryUnheard()
  }

  function reached(): readonly string[] {
    if (parts.mode() === 'offline') return []
    return reachedOf(parts.upstreams.upstream.endpoints(), isAnyAllowed)
  }

  async function measure(): Promise<number> {
    const { blobBytes, freeBytes } = await parts.content.store.usage()
    return Math.max(0, Math.min(store.quotaBytes - blobBytes, freeBytes))
  }

  return {
    read: () => ({
      name: node.name,
      zone: node.zone,
      platforms: platforms.map(formatPlatform),
      peerAddresses: addressesOf(parts.peerAddress, peer.advertise, parts.network),
      meshAddresses: addressesOf(parts.meshAddress, mesh.advertise, parts.network),
      ledgerRoot: parts.sync()?.root() ?? '',
      records: parts.records.count(),
      upstreams: reached(),
      roomBytes,
      keyId: parts.keys.current()[0]?.id ?? '',
      acceptedKeyIds: parts.keys.current().map(({ id }) => id),
    }),
    onChange(listener) {
      tell = listener
    },
    close() {
      clearInterval(looking)
      clearInterval(trying)
      clearInterval(measuring)
    },
  }
}
