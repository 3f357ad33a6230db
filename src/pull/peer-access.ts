import type { BlobSource } from '../ports/blob-source.ts'
import type { Clock } from '../ports/clock.ts'
import type { Holders } from '../ports/holders.ts'
import type { Members } from '../ports/members.ts'
import type { PeerClient } from '../ports/peer-port.ts'
import type { BlobSources } from './blob-sources.ts'
import { createPeerBlobs } from './peer-blobs.ts'
import { createPeerBook, type PeerBook } from './peer-book.ts'
import { createPeerManifests, type PeerManifests } from './peer-manifests.ts'
import type { ReachOf } from './reach-of.ts'
import { createRelays } from './relays.ts'

/** What a pull needs of the mesh. */
export interface Mesh {
  readonly members: Members
  readonly holders: Holders
  readonly client: PeerClient
  /** This node's. */
  readonly zone: string | undefined
}

/** Other nodes, as a pull asks them. */
export interface PeerAccess {
  readonly book: PeerBook
  readonly manifests: PeerManifests
  blobs(upstream: BlobSource): BlobSources
}

/** A holder's first byte or manifest, ms: it has it, so this is long. */
const holderMs = 1_000
/** The same where nobody else can be asked, ms: it may be busy, or far away. */
const patientMs = 3_000
/** The same where a node has to ask the registry first, ms. */
const relayMs = 5_000

/** Puts together what a pull asks other nodes with. @param settings.signal ends what goes on behind */
export function createPeerAccess(
  mesh: Mesh,
  parts: { readonly reachOf: ReachOf; readonly clock: Clock },
  settings: { readonly signal: AbortSignal; readonly parallelFromBytes: number },
): PeerAccess {
  const { zone, ...wire } = mesh
  const book = createPeerBook({ ...wire, ...parts }, { zone })
  const relaysFor = createRelays({ ...wire, ...parts, book })
  const shared = { ...wire, ...parts, book, relaysFor }
  return {
    book,
    manifests: createPeerManifests(shared, { ...settings, eachMs: holderMs, patientMs, relayMs }),
    blobs: upstream =>
      createPeerBlobs(
        { ...shared, upstream },
        {
          ...settings,
          firstByteMs: holderMs,
          patientMs,
          relayMs,
        },
      ),
  }
}
