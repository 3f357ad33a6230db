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
  /** Have the other node fetch it for us when it does not hold it, and read along. */
  readonly relay: boolean
  readonly priority: PeerPriority
}

/** A manifest another node holds; its bytes are not verified yet. */
export interface PeerManifest {
  readonly mediaType: string
  readonly bytes: Buffer
}

/** Bytes of a chunk whose hash is told; a blob's last one is shorter. */
export const peerChunkBytes = 1024 * 1024

/** The chunks of a blob of another node whose hashes are wanted, by their number from 0 on. */
export interface PeerChunkQuestion {
  readonly digest: Digest
  readonly repository: Repository
  /** Default 0. */
  readonly first?: number
  /** Default: the blob's last one, to which a larger number is cut too. */
  readonly last?: number
}

/** Hashes of a blob's chunks as its holder has them: its word for what it sends, which may be a lie. */
export interface PeerChunkHashes {
  /** Of the whole blob, bytes. */
  readonly size: number
  /** Number of the first chunk told. */
  readonly first: number
  /** SHA-256, 32 bytes each, one after another. */
  readonly hashes: Uint8Array
}

/** Why another node gave no answer. */
export class PeerFailure extends Error {
  override readonly name = 'PeerFailure'
  /**
   * `unreachable`: cannot be connected to, or the connection broke; `timeout`: silent for too long; `refused`: one of us is not a
   * member for the other; `absent`: it does not have that (nor that part of it); `busy`: asked too much, by it or by us; `protocol`: its
   * answer makes no sense, or it failed inside.
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

export interface OpenBlobOptions {
  readonly signal: AbortSignal
  /** For the head of the answer, ms. */
  readonly firstByteMs: number
  /**
   * The other node has no byte yet of what it was to fetch (`relay`), but lives and is at it: called every {@link workingEveryMs} until
   * it answers. Silence then means that it, and not who it fetches from, stands still.
   */
  readonly onWorking?: (() => void) | undefined
}

/** How often a node that fetches for another one tells it that it is at it, ms. */
export const workingEveryMs = 200

/**
 * Asks other nodes over their peer port. Where a node listens is looked up by its id; that it is the one is verified. An aborted
 * `signal` rejects with its reason, everything else with `PeerFailure`.
 */
export interface PeerClient {
  /**
   * One small question (at most 1 MiB), one small answer. It reaches the other node twice when a kept connection breaks before
   * anything of the answer came.
   */
  call(
    id: NodeId,
    subject: string,
    question: Uint8Array,
    options: PeerCallOptions,
  ): Promise<Uint8Array>
  /**
   * One small question, a long answer; how it was cut into chunks is not kept. Silence for `peer.stallMs` ends it. An answer that is
   * cut throws: a clean end is the whole.
   */
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
  /**
   * Settles with the head of the answer, within `firstByteMs`; it comes with the first bytes. Body: `PeerFailure` `timeout` after
   * silence of `peer.stallMs`; fewer bytes than announced throw. Whoever does not read the body to its end returns its iterator, or
   * aborts.
   */
  openBlob(id: NodeId, question: PeerBlobQuestion, options: OpenBlobOptions): Promise<BlobAnswer>
  /** What the other node has in its chunks of a blob that it holds. */
  getChunkHashes(
    id: NodeId,
    question: PeerChunkQuestion,
    options: PeerCallOptions,
  ): Promise<PeerChunkHashes>
}

/**
 * Answers one subject of {@link PeerClient.call}. A `PeerFailure` `absent`, `busy` or `refused` that it throws is told as that, anything
 * else as a failure of ours (`protocol` there), without its text. The same holds for all of {@link PeerService}.
 */
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
  /**
   * `undefined`: not held (and, with `relay`, not to be had), or not to be told under this repository. Hashes of chunks are made from
   * it too, without `relay`.
   */
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
