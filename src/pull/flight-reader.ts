import pTimeout from 'p-timeout'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { BlobReader } from '../ports/content-store.ts'
import { HoldfastError } from '../ports/errors.ts'
import type { Download } from './download-blob.ts'
import type { ReceivedBytes } from './received-bytes.ts'

/** What a reader looks at in its download. */
export interface DownloadView
  extends Pick<Download, 'size' | 'generation' | 'isVerified' | 'progressAtMs'> {
  readonly bytes: Pick<ReceivedBytes, 'offset' | 'read'> | undefined
}

/** How a reader and its flight talk. */
export interface FlightNews {
  /** Set once the download has failed for good. */
  failure(): Error | undefined
  /** Settles when anything has changed. */
  changed(): Promise<void>
  /** The reader got further. */
  moved(): void
  /** The reader gives up: no more bytes came for too long. */
  stalled(): void
}

/** A reader and what its download has to know of it. */
export interface FlightReader extends BlobReader {
  /** The lowest position it still needs from the download. */
  needs(): number
  /** It holds others up: its next read rejects. */
  cut(): void
}

export interface ReaderOptions {
  readonly start: number
  /** Position of the last byte wanted; the blob's end when absent. */
  readonly end: number | undefined
  /** A smaller blob is verified before its first byte is read; bytes. */
  readonly verifiedFirstBelow: number
  /** How long a read waits while the download makes no progress, ms. */
  readonly stallMs: number
  /** How long a read waits for the verification that the last byte depends on, ms. */
  readonly holdMs: number
  readonly clock: Clock
  /** The client's; ends a waiting read. */
  readonly signal: AbortSignal
}

/** Clients get a blob smaller than this only when it is verified, so a wrong one is never even begun; bytes. */
export const verifiedFirstBytes: number = 1024 * 1024

/**
 * Reads a range of a blob that is still arriving. `read` waits for bytes, and keeps back the last byte of its range until the whole
 * blob is verified, so that nobody can take a wrong blob or a wrong part of one for whole. Rejects with `blob-in-doubt` when bytes
 * the client has may be wrong, else with `blob-interrupted`, both after all that may still be delivered.
 */
export function createFlightReader(
  digest: Digest,
  download: DownloadView,
  news: FlightNews,
  { start, end, verifiedFirstBelow, stallMs, holdMs, clock, signal }: ReaderOptions,
  onClose: () => Promise<void>,
): FlightReader {
  let { generation } = download
  let at = start
  /** The client has bytes of this blob, from us now or, when it asks for a later part, from before. */
  let hasBytes = start > 0
  /** The last byte of the range, taken out early so that it need not be kept for us elsewhere. */
  let last: Uint8Array | undefined
  let isCut = false
  let isClosed = false

  async function read(into: Uint8Array, position: number): Promise<number> {
    const beganMs = clock.monotonicMs()
    for (;;) {
      refuse()
      const changed = news.changed() // before looking, so that nothing is missed while looking
      const failure = news.failure()
      const count = await deliver(into, position)
      if (count !== undefined) return count
      if (failure !== undefined) throw fail(failure)
      await wait(changed, position, beganMs)
    }
  }

  function refuse(): void {
    signal.throwIfAborted()
    if (isClosed) throw interrupted('the reader is closed')
    if (isCut) throw interrupted('the client reads too slowly')
    refuseDoubt()
  }

  /** `undefined`: nothing may be delivered yet. */
  async function deliver(into: Uint8Array, position: number): Promise<number | undefined> {
    if (position >= wholeSize() || into.byteLength === 0) return 0
    if (position === end && last !== undefined) return takeLast(into, last)
    const until = deliverable()
    if (position >= until) {
      await keepLast(position)
      return undefined
    }
    const count = await download.bytes?.read(into.subarray(0, until - position), position)
    if (download.generation !== generation || count === 0 || count === undefined) return undefined
    hasBytes = true
    moveTo(position + count)
    return count
  }

  function wholeSize(): number {
    return download.size ?? Number.POSITIVE_INFINITY
  }

  /** Bytes before this position may go to the client. */
  function deliverable(): number {
    const size = wholeSize()
    if (download.isVerified) return size
    if (size < verifiedFirstBelow) return 0
    return Math.min(download.bytes?.offset ?? 0, size - 1, end ?? size)
  }

  async function keepLast(position: number): Promise<void> {
    const { bytes } = download
    if (position !== end || bytes === undefined || bytes.offset <= position) return
    const into = new Uint8Array(1)
    const count = await bytes.read(into, position)
    if (download.generation !== generation || count === 0) return
    last = into
    moveTo(position + 1)
  }

  function takeLast(into: Uint8Array, byte: Uint8Array): number | undefined {
    if (!download.isVerified) return undefined
    into.set(byte)
    return 1
  }

  function moveTo(position: number): void {
    at = position
    news.moved()
  }

  function refuseDoubt(): void {
    if (download.generation === generation) return
    if (hasBytes) {
      throw new HoldfastError('blob-in-doubt', `${digest}: bytes already sent do not hash to it`)
    }
    generation = download.generation
    last = undefined
    at = start
  }

  async function wait(changed: Promise<void>, position: number, beganMs: number): Promise<void> {
    const isHere = (download.bytes?.offset ?? 0) > position
    const sinceMs = isHere ? beganMs : Math.max(download.progressAtMs, beganMs)
    const leftMs = sinceMs + (isHere ? holdMs : stallMs) - clock.monotonicMs()
    if (leftMs <= 0) throw giveUp(isHere)
    await pTimeout(changed, { milliseconds: leftMs, signal, fallback: () => undefined })
  }

  function giveUp(isHere: boolean): HoldfastError {
    if (isHere) return interrupted('not verified in time')
    news.stalled()
    return interrupted('stalled')
  }

  function fail(failure: Error): HoldfastError {
    refuseDoubt()
    return interrupted(failure.message, failure)
  }

  function interrupted(why: string, cause?: Error): HoldfastError {
    return new HoldfastError('blob-interrupted', `${digest}: ${why}`, cause)
  }

  return {
    get size() {
      return wholeSize()
    },
    read,
    needs: () => (last === undefined ? at : Number.POSITIVE_INFINITY),
    cut() {
      isCut = true
    },
    async close() {
      if (isClosed) return
      isClosed = true
      await onClose()
    },
  }
}
