import pTimeout from 'p-timeout'
import type { Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { BlobReader } from '../ports/content-store.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { PeerPriority } from '../ports/peer-port.ts'
import { type Absent, absent } from './absent.ts'
import { createBell } from './bell.ts'
import { type BlobOrder, createDownload, type DownloadParts } from './download-blob.ts'
import { createFlightReader, type FlightReader, verifiedFirstBytes } from './flight-reader.ts'

export interface FlightParts extends DownloadParts {
  /** A client of this node stopped reading. */
  readonly onLeft: () => void
  /** Called once, before anyone is told that nothing more will come; a new flight may start then. */
  readonly onOver: (failure: Error | undefined) => void
  /** A client was sent away, or cut off, because nothing came. The download itself may go on. */
  readonly onLate: () => void
}

export interface FlightSettings {
  /** A client's wait for the first byte, ms. */
  readonly firstByteMs: number
  /** A read's wait without progress, ms. */
  readonly stallMs: number
  /** A read's wait for verification once its bytes are here, ms. */
  readonly holdMs: number
  /** Whether what the last client left is finished. */
  readonly keepFetching: boolean
}

export interface BlobRange {
  readonly start: number
  /** Position of the last byte; the blob's end when absent. */
  readonly end: number | undefined
}

/** How a reader reads. */
interface Reading {
  /** A blob that is smaller is verified before its first byte is given. */
  readonly verifiedFirstBelow: number
  /** A client of this node, one of another node, or nobody who waits. */
  readonly isFor: 'client' | 'other' | 'nobody'
}

/** One download of a blob, shared by everyone who wants it, owned by the daemon. */
export interface BlobFlight {
  readonly repository: Repository
  /** Bytes, once known. */
  size(): number | undefined
  /** Whether a reader from `start` on can still be served by it. */
  canServe(start: number): boolean
  /** It was told to stop and is about to end: joining it leads nowhere. */
  isStopping(): boolean
  /** Whether a client of this node reads it now. */
  isForClients(): boolean
  /** Whether a client waits for it now, of this node or of another that reads along. */
  isHurried(): boolean
  /** Who sends, once somebody does. */
  sender(): BlobSource['kind'] | undefined
  /** Bytes came. */
  hasProgressed(): boolean
  /** Waits until the first byte can be promised, then reads. Rejects only when `signal` aborts. */
  join(range: BlobRange, signal: AbortSignal): Promise<BlobReader | Absent>
  /**
   * The same for another node, which is no client: what it leaves is not finished for its sake. It verifies by itself, and so has also a
   * small blob as it comes: were it silent until the end, a slow registry would look like a node that comes to nothing.
   */
  readAlong(
    range: BlobRange,
    priority: PeerPriority,
    signal: AbortSignal,
  ): Promise<BlobReader | Absent>
  /** Waits, behind all clients, until it is stored. When `signal` aborts and nobody else wants it, it is suspended. */
  want(signal: AbortSignal): Promise<Absent | undefined>
  stop(): void
  /** Settles when nothing more will come; never rejects. */
  readonly ended: Promise<void>
}

/** Starts a download at once. Whoever starts it joins or wants it before anything else is awaited. */
export function createBlobFlight(
  parts: FlightParts,
  order: BlobOrder,
  settings: FlightSettings,
): BlobFlight {
  const { clock } = parts
  const bell = createBell()
  const stopping = new AbortController()
  const readers = new Map<FlightReader, Reading['isFor']>()
  let failure: Error | undefined
  let wants = 0
  let hadClient = false
  let isOver = false
  let isReleased = false

  const download = createDownload(
    parts,
    order,
    { lowest, moved, isHurried },
    () => {
      bell.ring()
      stopIfUnread()
    },
    stopping.signal,
  )
  const ended = run()

  async function run(): Promise<void> {
    try {
      await download.run()
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      if (!(error instanceof UpstreamFailure) && !stopping.signal.aborted) {
        parts.log.warn({ digest: order.digest, err: error }, 'download of a blob broke off')
      }
    }
    isOver = true
    parts.onOver(stopping.signal.aborted ? undefined : failure)
    bell.ring()
    await releaseUnread()
  }

  function lowest(): number {
    return Math.min(...[...readers.keys()].map(reader => reader.needs()))
  }

  /** Only what is stored nowhere waits for its readers. */
  function readerMoved(): void {
    if (!download.isStored) bell.ring()
  }

  async function moved(): Promise<void> {
    bell.ring() // whoever waits for the bytes that just came
    await pTimeout(bell.next(), {
      milliseconds: settings.stallMs / 2, // before the others, who wait, take it for a stall
      signal: stopping.signal,
      fallback: cutSlowest,
    })
  }

  function cutSlowest(): void {
    const position = lowest()
    for (const reader of readers.keys()) {
      if (reader.needs() !== position) continue
      reader.cut()
      readers.delete(reader)
    }
    bell.ring()
    stopIfUnread()
  }

  /** What is stored nowhere is fetched for readers only. */
  function stopIfUnread(): void {
    const passes = download.bytes !== undefined && !download.isStored
    if (passes && readers.size === 0 && !download.isVerified) stopping.abort()
  }

  function left(): void {
    wants -= 1
    if (isOver) return
    bell.ring()
    stopIfUnread()
    if (wants === 0 && !(hadClient && settings.keepFetching)) stopping.abort()
  }

  async function releaseUnread(): Promise<void> {
    if (!isOver || readers.size > 0 || isReleased) return
    isReleased = true
    await download
      .release()
      .catch(err => parts.log.warn({ digest: order.digest, err }, 'blob not released'))
  }

  function addReader(
    { start, end }: BlobRange,
    { verifiedFirstBelow, isFor }: Reading,
    signal: AbortSignal,
  ): FlightReader {
    const { stallMs, holdMs } = settings
    const reader = createFlightReader(
      order.digest,
      download,
      { failure: () => failure, changed: bell.next, moved: readerMoved, stalled: parts.onLate },
      { start, end, verifiedFirstBelow, stallMs, holdMs, clock, signal },
      async () => {
        readers.delete(reader)
        left()
        if (isFor === 'client') parts.onLeft()
        await releaseUnread()
      },
    )
    readers.set(reader, isFor)
    wants += 1
    return reader
  }

  async function read(
    range: BlobRange,
    reading: Reading,
    signal: AbortSignal,
  ): Promise<BlobReader | Absent> {
    const reader = addReader(range, reading, signal)
    try {
      const refusal = await whyNot(range.start, reading.verifiedFirstBelow, signal)
      if (refusal === undefined) return reader
      await reader.close()
      return refusal
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  /** Waits until bytes flow (a small blob: until it is verified). What is late but moving is waited for by the reader. */
  async function whyNot(
    start: number,
    verifiedFirstBelow: number,
    signal: AbortSignal,
  ): Promise<Absent | undefined> {
    const lateMs = clock.monotonicMs() + settings.firstByteMs
    for (;;) {
      signal.throwIfAborted()
      const leftMs = lateMs - clock.monotonicMs()
      const verdict = judge(start, verifiedFirstBelow, leftMs <= 0)
      if (verdict !== 'wait') return verdict
      await pTimeout(bell.next(), { milliseconds: leftMs, signal, fallback: () => undefined })
    }
  }

  function judge(
    start: number,
    verifiedFirstBelow: number,
    isLate: boolean,
  ): Absent | 'wait' | undefined {
    if (failure !== undefined) return tell(failure)
    if (!canServe(start)) return absent(`${order.digest} passes through and is not kept`)
    if (isReady(verifiedFirstBelow, isLate)) return undefined
    if (!isLate) return 'wait'
    parts.onLate()
    return absent(`${order.digest}: no byte in time`, 'unreachable')
  }

  function isReady(verifiedFirstBelow: number, isLate: boolean): boolean {
    const { size, isVerified, hasProgressed, progressAtMs } = download
    if (isVerified) return true
    if (size === undefined || !hasProgressed) return false
    const isMoving = clock.monotonicMs() - progressAtMs < settings.stallMs
    return isMoving && (isLate || size >= verifiedFirstBelow)
  }

  function isReadBy(...whom: readonly Reading['isFor'][]): boolean {
    for (const isFor of readers.values()) if (whom.includes(isFor)) return true
    return false
  }

  function isHurried(): boolean {
    return isReadBy('client', 'other')
  }

  function canServe(start: number): boolean {
    return download.bytes?.canRead(start) ?? true
  }

  return {
    repository: order.repository,
    size: () => download.size,
    canServe,
    isStopping: () => stopping.signal.aborted,
    isForClients: () => isReadBy('client'),
    isHurried,
    sender: () => download.sender,
    hasProgressed: () => download.hasProgressed,
    join(range, signal) {
      hadClient = true
      return read(range, { verifiedFirstBelow: verifiedFirstBytes, isFor: 'client' }, signal)
    },
    readAlong(range, priority, signal) {
      const isFor = priority === 'pull' ? 'other' : 'nobody'
      return read(range, { verifiedFirstBelow: 0, isFor }, signal)
    },
    async want(signal) {
      wants += 1
      try {
        await pTimeout(ended, { milliseconds: Number.POSITIVE_INFINITY, signal })
        return failure && tell(failure)
      } finally {
        left()
      }
    },
    stop: () => stopping.abort(),
    ended,
  }

  function tell(error: Error): Absent {
    return absent(error.message, error instanceof UpstreamFailure ? error.code : undefined)
  }
}
