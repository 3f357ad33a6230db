import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobInfo, ContentStore } from './content-store.ts'
import type { ContentUpkeep } from './content-upkeep.ts'
import type { Target } from './tag-ledger.ts'

/**
 * What is known of a neighbour on this machine; a closed set, fit for a metric label.
 * `connecting`: not asked yet. `absent`: no socket is there. `refused`: nobody listens on it. `denied`: this process may not open it.
 * `hanging`: it takes connections and does not answer. `failing`: it answers with errors. `lost`: it went away just now.
 */
export const neighbourStates = [
  'connecting',
  'connected',
  'absent',
  'refused',
  'denied',
  'hanging',
  'failing',
  'lost',
] as const

export type NeighbourState = (typeof neighbourStates)[number]

/** How a neighbour is, as people are told. */
export interface NeighbourStatus {
  readonly socket: string
  readonly state: NeighbourState
  /** When it came into this state, ms since the epoch. */
  readonly sinceMs: number
  /** What went wrong, in its or the system's words; absent while connected. */
  readonly failure: string | undefined
  /** Of the neighbour, as it said last. */
  readonly version: string | undefined
  /** How its bytes are read; absent until it was connected once. */
  readonly reads: 'directory' | 'grpc' | undefined
  readonly blobs: number
  /** Bytes. */
  readonly blobBytes: number
  readonly images: number
}

/** An image as the neighbour names it. */
export interface FoundImage {
  /** As it stands there: `docker.io/library/nginx:1`, `name@sha256:…`, or no reference at all. */
  readonly name: string
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes of the manifest or index. */
  readonly size: number
}

/** Content that another program keeps: it can be read, and comes and goes without us. */
export type ReadableStore = Pick<
  ContentStore,
  'stat' | 'open' | 'openEarly' | 'get' | 'list' | 'onChange'
> &
  Pick<ContentUpkeep, 'reverify'>

/** A blob that is handed over. */
export interface HandedBlob extends BlobInfo {
  /** What it refers to, when it is a manifest. */
  readonly content: Manifest | undefined
}

/** An image that is handed over, everything of it that this machine's clients need. */
export interface HandedImage extends Target {
  readonly repository: Repository
  /** Absent: it is to be known by its digest alone. */
  readonly tag: string | undefined
  /** Parts before the whole. */
  readonly blobs: readonly HandedBlob[]
}

/** The store of another program on this machine. */
export interface NeighbourStore extends ReadableStore {
  status(): NeighbourStatus
  /** All images it names, whenever they may have changed; the content they name is listed by then. */
  onImages(listener: (images: readonly FoundImage[]) => void): () => void
  /**
   * From now on the images of these digests are protected from the collections of others, and no others are by us. Kept up over whatever
   * happens there; takes its time and never fails.
   */
  protect(digests: ReadonlySet<Digest>): void
  /**
   * Takes an image in, as its own: what came so far is dropped when it cannot. Rejects when the neighbour is not to be had, or with what it
   * says. @param open reads a blob of the image
   */
  take(image: HandedImage, open: ContentStore['open'], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
