import type { Digest } from '../oci/digest.ts'
import { OciError } from '../oci/errors.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { PeerManifest } from '../ports/peer-port.ts'
import type { Upstream } from '../ports/upstream.ts'
import { type Absent, absent, isAbsent } from './absent.ts'
import type { ContentGraph } from './content-graph.ts'
import type { GotManifest } from './got-manifest.ts'
import type { HolderHint, PeerManifests } from './peer-manifests.ts'
import type { ReachOf } from './reach-of.ts'
import { tellUnconfigured } from './resolve-tag.ts'

/** Where a manifest that is not held comes from. */
export interface AskManifest {
  /** Other nodes, then the registry, then a node that reaches the registry. */
  all(repository: Repository, digest: Digest): Promise<GotManifest | Absent>
  /** Other nodes that hold it; `undefined` when none delivers it. */
  peers(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
    hint?: HolderHint,
  ): Promise<GotManifest | undefined>
  /** Why the registry is not asked now; `undefined` when it is. */
  whyNot(repository: Repository): Absent | undefined
  /** Learns a manifest from bytes that hash to its digest; absent when they are none. */
  read(
    digest: Digest,
    bytes: Buffer,
    type: string | undefined,
    source: GotManifest['source'],
  ): GotManifest | Absent
}

/** What asking needs. */
export interface AskManifestParts {
  readonly graph: Pick<ContentGraph, 'learn' | 'addSighting'>
  readonly upstream: Pick<Upstream, 'getManifest'>
  readonly reachOf: ReachOf
  /** Other nodes, asked before the registry. */
  readonly peers?: PeerManifests | undefined
  /** Upstream could not deliver this manifest (class `unreachable`). */
  readonly onFailed: (digest: Digest) => void
}

/** Asks for manifests; `signal` ends all that is under way. */
export function createAskManifest(
  parts: AskManifestParts,
  { signal: closing }: { readonly signal: AbortSignal },
): AskManifest {
  const { graph } = parts

  function read(
    digest: Digest,
    bytes: Buffer,
    type: string | undefined,
    source: GotManifest['source'],
  ): GotManifest | Absent {
    try {
      const { mediaType } = graph.learn(digest, type, bytes)
      return { digest, mediaType, bytes, source }
    } catch (error) {
      if (error instanceof OciError) return absent(`${digest}: ${error.message}`)
      throw error
    }
  }

  async function all(repository: Repository, digest: Digest): Promise<GotManifest | Absent> {
    const held = await askPeers(repository, digest, closing)
    if (held !== undefined) return held
    const why = whyNot(repository)
    if (why !== undefined) return why
    const own = await askUpstream(repository, digest)
    if (!isAbsent(own) || own.failure !== 'unreachable') return own
    const relayed = await parts.peers?.relay(repository, digest, closing)
    return readPeers(repository, digest, relayed) ?? own
  }

  async function askPeers(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
    hint?: HolderHint,
  ): Promise<GotManifest | undefined> {
    return readPeers(repository, digest, await parts.peers?.fetch(repository, digest, signal, hint))
  }

  function readPeers(
    repository: Repository,
    digest: Digest,
    got: PeerManifest | undefined,
  ): GotManifest | undefined {
    if (got === undefined) return undefined
    const manifest = read(digest, got.bytes, got.mediaType, 'peer')
    if (isAbsent(manifest)) return undefined
    graph.addSighting(digest, repository) // the holder may serve it there: so may we
    return manifest
  }

  async function askUpstream(
    repository: Repository,
    digest: Digest,
  ): Promise<GotManifest | Absent> {
    try {
      const { mediaType, bytes } = await parts.upstream.getManifest(repository, digest, closing)
      graph.addSighting(digest, repository)
      return read(digest, bytes, mediaType, 'upstream')
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error
      if (error.code === 'unreachable' && !closing.aborted) parts.onFailed(digest)
      return absent(error.message, error.code)
    }
  }

  function whyNot(repository: Repository): Absent | undefined {
    const reach = parts.reachOf(repository)
    if (reach.state === 'unconfigured') return absent(tellUnconfigured(repository.registry))
    if (reach.state === 'reachable') return undefined
    const why = `${formatRepository(repository)} is not to be reached (${reach.failure})`
    return absent(`${why} and the manifest is not held for it`, reach.failure)
  }

  return { all, peers: askPeers, whyNot, read }
}
