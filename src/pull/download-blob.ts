import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { Clock } from '../ports/clock.ts'
import type { BlobWriter } from '../ports/content-store.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import type { BlobAnswer, Sender } from '../ports/upstream.ts'
import { type FindSources, notAsked, receiveBlob } from './ask-sources.ts'
import type { BackgroundPace } from './background-pace.ts'
import { type Consumers, createPassingBytes } from './passing-bytes.ts'
import type { ReceivedBytes } from './received-bytes.ts'
import { createStoredBytes, type StoredBytes } from './stored-bytes.ts'
import { levelOfPassing } from './tell-passing.ts'

export interface DownloadParts {
  readonly find: FindSources
  /** Begins or continues the stored download; `undefined` when nothing can be stored. */
  readonly openWriter: (size: number | undefined) => Promise<BlobWriter | undefined>
  readonly isDistrusted: (source: BlobSource) => boolean
  /** This source alone sent bytes that do not hash to the digest, and nobody else speaks for it. */
  readonly onWrongBytes: (source: BlobSource) => Promise<void>
  /** A source answered with this blob. */
  readonly onOpened: (source: BlobSource) => void
  /** How fast a registry is read while nobody is in a hurry for it; absent: as fast as it sends. */
  readonly pace?: BackgroundPace | undefined
  readonly clock: Clock
  readonly log: Log
}

export interface BlobOrder {
  readonly digest: Digest
  readonly repository: Repository
  /** Bytes, when a manifest says it: then nothing else is believed. */
  readonly size: number | undefined
}

/** The state of a download; all of it changes under the hands of who looks. */
export interface Download {
  readonly size: number | undefined
  /** Absent before the first and between two attempts, and after the last one failed to hash. */
  readonly bytes: ReceivedBytes | undefined
  /** Counts how often the bytes turned out wrong and were begun anew. */
  readonly generation: number
  readonly isVerified: boolean
  /** Who sent last. */
  readonly sender: BlobSource['kind'] | undefined
  /** The bytes go into the store. */
  readonly isStored: boolean
  /** Bytes came since it was begun (anew). */
  readonly hasProgressed: boolean
  /** On the monotonic clock: when the last byte came. */
  readonly progressAtMs: number
  /** Runs it to its end: resolves when the blob is verified and stored or cannot be; else rejects, with the bytes kept. */
  run(): Promise<void>
  /** Nobody reads any more. */
  release(): Promise<void>
}

/** Whole downloads that may turn out wrong before it is given up, besides those that told whom to ask no more. */
const maxWholes = 3

/** One connection's bytes. */
interface Sent {
  readonly source: BlobSource
  readonly sender: Sender | undefined
}

/** Who reads what comes, and when. */
export interface Readers extends Consumers {
  /** A client waits for the bytes, here or at another node. */
  isHurried(): boolean
}

/**
 * Downloads one blob into the store: continues what an earlier download left, verifies the whole, and when it does not hash, fetches it
 * whole once more from one source, because parts of several that do not fit together accuse nobody.
 *
 * @param changed called after every change of state
 */
export function createDownload(
  parts: DownloadParts,
  { digest, repository, size: expected }: BlobOrder,
  consumers: Readers,
  changed: () => void,
  signal: AbortSignal,
): Download {
  const { clock, log } = parts
  const retired: ReceivedBytes[] = []
  /** Who sent the bytes at hand, a connection each; `undefined` stands for an earlier download. */
  let senders: (Sent | undefined)[] = []
  /** Who is asked no more, by name. */
  const accused = new Set<string>()
  /** While the bytes go into the store. */
  let storing: { readonly writer: BlobWriter; readonly bytes: StoredBytes } | undefined
  const state = {
    size: expected,
    bytes: undefined as ReceivedBytes | undefined,
    generation: 0,
    isVerified: false,
    hasProgressed: false,
    progressAtMs: clock.monotonicMs(),
  }

  async function run(): Promise<void> {
    try {
      for (let wholes = 1; !state.isVerified; ) wholes += await fetchWhole(wholes)
      changed()
      await state.bytes?.keep().catch(err => log.warn({ digest, err }, 'blob not stored'))
    } catch (error) {
      await suspend()
      throw error
    }
  }

  /** Returns what it counts for, of {@link maxWholes}. */
  async function fetchWhole(wholes: number): Promise<number> {
    const find = wholes > 1 ? justOne : parts.find
    const sources = await find()
    if (!sources.some(canBeAsked)) throw notAsked(sources, digest, repository)
    state.bytes = await open()
    changed()
    await receiveBlob({ ...parts, sources, find, sink, signal }, digest, repository)
    await state.bytes.flush().catch(letPass)
    const whole = state.bytes
    state.isVerified = await whole.verify()
    return state.isVerified ? 0 : startOver(whole, wholes)
  }

  async function open(): Promise<ReceivedBytes> {
    const writer = await openWriter()
    senders = writer !== undefined && writer.offset > 0 ? [undefined] : []
    storing = writer && { writer, bytes: createStoredBytes(writer, expected) }
    return storing?.bytes ?? createPassingBytes(digest, undefined, consumers)
  }

  async function openWriter(): Promise<BlobWriter | undefined> {
    const writer = await parts.openWriter(expected)
    if (writer === undefined || writer.offset <= (expected ?? writer.offset)) return writer
    await writer.discard()
    await writer.release()
    return parts.openWriter(expected)
  }

  /** The one whose word on its own content counts, else the first that can be asked. */
  async function justOne(): Promise<readonly BlobSource[]> {
    const sources = await parts.find()
    const usable = sources.filter(source => canBeAsked(source) && !source.isMany)
    const one = usable.find(source => source.kind === 'upstream') ?? usable[0]
    return one === undefined ? sources : [one]
  }

  function canBeAsked(source: BlobSource): boolean {
    return source.reach(repository).state === 'reachable' && !parts.isDistrusted(source)
  }

  /** What clients have of these bytes is in doubt; who sent all of them has lied. */
  async function startOver(wrong: ReceivedBytes, wholes: number): Promise<number> {
    const liar = findLiar(wholes)
    const source = liar?.sender?.name ?? liar?.source.name
    log.warn({ digest, source }, 'a blob does not hash to its digest; dropped')
    Object.assign(state, {
      bytes: undefined,
      size: expected,
      generation: state.generation + 1,
      hasProgressed: false,
    })
    retired.push(wrong)
    changed()
    await wrong.discard()
    if (liar?.sender?.lied() && !accused.has(liar.sender.name)) {
      accused.add(liar.sender.name)
      return 0
    }
    if (liar !== undefined) await parts.onWrongBytes(liar.source)
    else for (const sent of senders.slice(0, -1)) sent?.sender?.broke() // the next whole comes from another
    if (wholes < maxWholes) return 1
    throw new UpstreamFailure('unreachable', 'wrong-digest', `${digest}: only wrong bytes came`)
  }

  function findLiar(wholes: number): Sent | undefined {
    const [first] = senders
    const isSame = senders.every(
      other =>
        other?.source.name === first?.source.name && other?.sender?.name === first?.sender?.name,
    )
    return isSame && (senders.length === 1 || wholes > 1) ? first : undefined
  }

  async function suspend(): Promise<void> {
    try {
      if (state.bytes?.offset === 0) await state.bytes.discard()
      else await state.bytes?.suspend()
    } catch (err) {
      log.warn({ digest, err }, 'interrupted download could not be kept')
    }
  }

  const sink = {
    offset: () => state.bytes?.offset ?? 0,
    size: () => state.size,
    isSizeCertain: () => expected !== undefined,
    opened(source: BlobSource, { size, sender }: BlobAnswer) {
      senders.push({ source, sender })
      state.size ??= size
      parts.onOpened(source)
    },
    async append(chunk: Uint8Array) {
      const isPaced = senders.at(-1)?.source.kind === 'upstream'
      return isPaced && parts.pace !== undefined ? takePaced(chunk, parts.pace) : take(chunk)
    },
    ended() {
      state.size = sink.offset()
    },
  }

  async function take(chunk: Uint8Array): Promise<void> {
    await state.bytes?.append(chunk).catch(letPass)
    state.progressAtMs = clock.monotonicMs()
    state.hasProgressed = true
    changed()
  }

  async function takePaced(chunk: Uint8Array, pace: BackgroundPace): Promise<void> {
    const { isHurried } = consumers
    for (let at = 0; at < chunk.length; ) {
      const end = isHurried() ? chunk.length : at + pace.pieceBytes
      const piece = chunk.subarray(at, end)
      await take(piece)
      if (!isHurried()) await pace.take(piece.length, isHurried, signal)
      at = end
    }
  }

  /** The store takes no more: what it did not take goes on without it, in order. */
  async function letPass(err: unknown): Promise<void> {
    if (storing === undefined) throw err
    log[levelOfPassing(err)]({ digest, err }, 'a blob passes through without being stored')
    const { writer, bytes } = storing
    const rest = await bytes.unwritten()
    storing = undefined
    const passing = await createPassingBytes(digest, writer, consumers)
    state.bytes = passing
    changed()
    for (const chunk of rest) await passing.append(chunk)
  }

  return {
    get size() {
      return state.size
    },
    get bytes() {
      return state.bytes
    },
    get generation() {
      return state.generation
    },
    get isVerified() {
      return state.isVerified
    },
    get isStored() {
      return storing !== undefined
    },
    get sender() {
      return senders.at(-1)?.source.kind
    },
    get hasProgressed() {
      return state.hasProgressed
    },
    get progressAtMs() {
      return state.progressAtMs
    },
    run,
    async release() {
      const unread = state.bytes === undefined ? retired : [...retired, state.bytes]
      await Promise.all(unread.map(bytes => bytes.release()))
    },
  }
}
