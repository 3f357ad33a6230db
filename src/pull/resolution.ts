import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import type { FailureClass } from '../ports/errors.ts'

/** Which rung of the ladder gave an answer. */
export const resolutionSources = [
  'pin',
  'upstream',
  'peer',
  'memory',
  'ledger',
  'history',
  'asked',
  'repository',
] as const
export type ResolutionSource = (typeof resolutionSources)[number]

/** A rung that was tried, and what came of it, in words. */
export interface Step {
  readonly rung: string
  readonly outcome: string
}

/** A tag's answer. */
export interface Resolved {
  readonly found: true
  readonly key: TagReference
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes of the manifest. */
  readonly size: number
  readonly source: ResolutionSource
  /** The tag's owner said so just now. */
  readonly fresh: boolean
  /** When the tag's owner last confirmed it, ms since the epoch. */
  readonly confirmedAtMs: number | undefined
  /** Seconds since then; absent when fresh or never confirmed. */
  readonly ageSeconds: number | undefined
  /** Why this answer, in words. */
  readonly reason: string
  /** How upstream failed, when it did. */
  readonly failure: FailureClass | undefined
  /** Endpoint URL or node key that said so. */
  readonly saidBy: string | undefined
  /** The rungs tried; empty unless an explanation was asked for. */
  readonly steps: readonly Step[]
}

/** No answer, and why. */
export interface Unresolved {
  readonly found: false
  readonly key: TagReference
  readonly reason: string
  readonly failure: FailureClass | undefined
  readonly steps: readonly Step[]
}

export interface ResolveOptions {
  /**
   * What the client will do with the answer. For a `HEAD`, digest, type and size are all it needs; `GET` wants the bytes next;
   * `explain` is a person's question: the rungs tried are told and nothing is remembered of it.
   */
  readonly asking: 'HEAD' | 'GET' | 'explain'
  /** Whoever asks fetches what it wants of the image itself; else what is missing of what is answered is fetched behind all pulls. */
  readonly leavesRest?: boolean
  /** Waits for the registry as long as the question to it goes on, and takes no answer from a moment ago because it is slow. */
  readonly isPatient?: boolean
  /** The client's. Ends its waiting, never the question. */
  readonly signal: AbortSignal
}

/**
 * Resolves a tag by the ladder: pin, fresh memory, upstream, peer, ledger, history, asked, repository. Settles within
 * `resolve.timeoutMs` (of a patient question: `upstreamTimeoutMs`) plus what a memory look-up takes; where nothing can be answered but what
 * other nodes may hold, when they have said whether they do, or 10 s later. Rejects only when `signal` aborts.
 */
export type ResolveTag = (
  key: TagReference,
  options: ResolveOptions,
) => Promise<Resolved | Unresolved>
