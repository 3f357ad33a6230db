import type { Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/manifest.ts'
import type { Repository, TagReference } from '../oci/reference.ts'

/** Who gave an answer, where several speak for one registry. What it gave is told to be of no use, so that the next is asked. */
export interface Sender {
  /** Tells senders apart, and people who it is. */
  readonly name: string
  /**
   * What it sends broke off, or what it named cannot be had: for a while it is asked for that after the others. Returns whether one of
   * those has not failed so.
   */
  broke(): boolean
  /** What it sent is false: for a while it is not asked for that. Returns whether others are left; if none is, all are believed again. */
  lied(): boolean
}

/** What a registry said about a tag. */
export interface TagAnswer {
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes of the manifest. */
  readonly size: number
  /** The registry's own time of the answer in ms since the epoch: its `Date` plus `Age`. Absent when it sent none. */
  readonly dateMs: number | undefined
  /** Whether that time came over verified TLS (only then does it correct our clock). */
  readonly overTls: boolean
  /** The manifest itself, verified, where the tag had to be asked with GET. */
  readonly manifest: Buffer | undefined
  /** URL of the endpoint that answered, without credentials. */
  readonly endpoint: string
  readonly sender?: Sender
}

/** A manifest whose bytes hash to the digest that was asked for. */
export interface ManifestAnswer {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Buffer
}

/** A blob's bytes as they arrive, unverified. */
export interface BlobAnswer {
  /** Position of the first byte of `body` in the blob: the offset asked for, or 0 when the source ignores ranges. */
  readonly offset: number
  /** Size of the whole blob, when the source says it. */
  readonly size: number | undefined
  /** Chunks in order. Throws {@link UpstreamFailure} when the source dies or stalls; returning early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>
  /** Whose bytes these are, where the source speaks for several. */
  readonly sender?: Sender
  /** It was asked for nobody in particular, and now a client waits: asked anew it would send sooner. */
  readonly isOutpaced?: () => boolean
}

export interface TagQuestionOptions {
  /** Ends the question. The daemon's, not a client's. */
  readonly signal: AbortSignal
  /**
   * How long clients wait for this answer. At a third of it a silent endpoint is checked on a new connection and the next one is
   * started; at the whole of it a silent endpoint or repository counts as failed, while the question itself goes on.
   */
  readonly deadlineMs: number
  /** Ask even what is known to be down (mode `online`). */
  readonly insist: boolean
}

/** Whether asking makes sense right now. */
export type Reach =
  | { readonly state: 'unconfigured' }
  | { readonly state: 'reachable' }
  /** The breaker is open, or a 429 is being honoured. */
  | {
      readonly state: 'down'
      readonly sinceMs: number
      readonly failure: 'unreachable' | 'rate-limited' | 'clock'
    }

/** One endpoint's health, for people and metrics. */
export interface EndpointState {
  readonly registry: string
  readonly url: string
  readonly state: 'closed' | 'open' | 'half-open'
  /** It spoke as a registry does since the start: before that, `closed` says only that nobody has found out. */
  readonly hasAnswered: boolean
  /** Repositories whose own breaker is open. */
  readonly openRepositories: number
  readonly lastFailure: string | undefined
  /** When that was, ms since the epoch by the machine's clock. */
  readonly lastFailureAtMs: number | undefined
  /** Since when it is known to be down, ms since the epoch by the machine's clock; `undefined` while it is not. */
  readonly downSinceMs: number | undefined
}

/**
 * The registries that own tags. Every method rejects with `UpstreamFailure`; none outlives its signal, and each is bounded by
 * the configured deadlines even without one.
 */
export interface Upstream {
  /** Asks who owns the tag which digest it points to. */
  resolveTag(key: TagReference, options: TagQuestionOptions): Promise<TagAnswer>
  getManifest(repository: Repository, digest: Digest, signal: AbortSignal): Promise<ManifestAnswer>
  /** Opens a blob at `offset` (bytes). */
  getBlob(
    repository: Repository,
    digest: Digest,
    offset: number,
    signal: AbortSignal,
  ): Promise<BlobAnswer>
  /** All tags of a repository, pages followed. */
  listTags(repository: Repository, signal: AbortSignal): Promise<readonly string[]>
  /** Descriptors that refer to `digest`, pages followed; the referrers tag schema is tried where the API is absent. */
  listReferrers(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<readonly Descriptor[]>
  reach(repository: Repository): Reach
  /** Whether a registry is configured (or allowed by `"*"`). */
  isConfigured(registry: string): boolean
  endpoints(): readonly EndpointState[]
  /**
   * When the registry itself, the last of its endpoints, spoke as one, on the monotonic clock. Absent: never since the start, or it is
   * known to be down.
   */
  heardAtMs(registry: string): number | undefined
  /** Asks the registry itself whether it is there, on a new connection and within seconds. What is known to be down is not. */
  isThere(registry: string): Promise<boolean>
  /** Asks in the background whether those are there that have not answered since the start and are not known to be down. */
  tryUnheard(): void
  /** Calls back when something that was down answers again: `repository` is absent when a whole endpoint came back. */
  onRecovered(listener: (registry: string, repository: string | undefined) => void): () => void
}
