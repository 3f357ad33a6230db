import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobReader } from './content-store.ts'
import type { NodeId } from './node-id.ts'
import type { BlobAnswer } from './upstream.ts'

/** `pull`: a client waits for it; `background`: nobody does, and it yields. */
export type PeerPriority = 'pull' | 'background'

/** Which blob of another node is wanted. */
export interface PeerBlobQuestion {
  readonly digest: Digest
  /** What is private elsewhere is not served under it. */
  readonly repository: Repository
  /** First byte wanted. */
  readonly offset: number
  /** Last byte wanted; the blob's end when absent. */
  readonly end?: number | undefined
  /** Have the other node fetch it from upstream when it does not hold it, and read along. Never handed on a second time. */
  readonly relay: boolean
  readonly priority: PeerPriority
}

/** A manifest another node holds; its bytes are not verified yet. */
export interface PeerManifest {
  readonly mediaType: string
  readonly bytes: Buffer
}

/** Why another node gave no answer. */
export class PeerFailure extends Error {
  override readonly name = 'PeerFailure'
  /**
   * `unreachable`: cannot be connected to, or the connection broke; `timeout`: silent for too long; `refused`: one of us is not a
   * member for the other; `absent`: it does not have that; `busy`: asked too much; `protocol`: its answer makes no sense.
   */
  readonly code: 'unreachable' | 'timeout' | 'refused' | 'absent' | 'busy' | 'protocol'

  /** @param message names the node and what was asked */
  constructor(code: PeerFailure['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

export interface PeerCallOptions {
  readonly signal: AbortSignal
  /** The whole call, ms. */
  readonly timeoutMs: number
  /** Largest answer that is taken, bytes. Default 1 MiB. */
  readonly maxBytes?: number
}

/** Asks other nodes over their peer port. Where a node listens is looked up by its id; that it is the one is verified. */
export interface PeerClient {
  /** One small question, one small answer. Rejects with `PeerFailure`. */
  call(
    id: NodeId,
    subject: string,
    question: Uint8Array,
    options: PeerCallOptions,
  ): Promise<Uint8Array>
  /** One small question, a long answer in chunks; silence for `stallMs` ends it. Rejects and throws `PeerFailure`. */
  stream(
    id: NodeId,
    subject: string,
    question: Uint8Array,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<Uint8Array>
  getManifest(
    id: NodeId,
    digest: Digest,
    repository: Repository,
    options: PeerCallOptions,
  ): Promise<PeerManifest>
  /** Settles with the head of the answer, within `firstByteMs`. Body: `PeerFailure` `timeout` after silence of `peer.stallMs`. */
  openBlob(
    id: NodeId,
    question: PeerBlobQuestion,
    options: { readonly signal: AbortSignal; readonly firstByteMs: number },
  ): Promise<BlobAnswer>
}

/** Answers one subject of {@link PeerClient.call}; what it throws is told as a failure of ours, without its text. */
export type PeerAnswer = (
  question: Uint8Array,
  from: NodeId,
  signal: AbortSignal,
) => Promise<Uint8Array>

/** Answers one subject of {@link PeerClient.stream}. */
export type PeerStream = (
  question: Uint8Array,
  from: NodeId,
  signal: AbortSignal,
) => AsyncIterable<Uint8Array>

/** What a node offers to others on its peer port. */
export interface PeerService {
  readonly answers: ReadonlyMap<string, PeerAnswer>
  readonly streams: ReadonlyMap<string, PeerStream>
  /** `undefined`: not held (and, with `relay`, not to be had), or not to be told under this repository. */
  readonly openBlob: (
    question: PeerBlobQuestion,
    from: NodeId,
    signal: AbortSignal,
  ) => Promise<BlobReader | undefined>
  readonly getManifest: (
    digest: Digest,
    repository: Repository,
    signal: AbortSignal,
  ) => Promise<PeerManifest | undefined>
}
