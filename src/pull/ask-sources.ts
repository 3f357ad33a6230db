import { setTimeout as delay } from 'node:timers/promises'
import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { Clock } from '../ports/clock.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { BlobAnswer, Sender } from '../ports/upstream.ts'
import { openFirst } from './open-first.ts'
import { tellUnconfigured } from './resolve-tag.ts'

/**
 * Waits before everybody is asked again, in ms: not at all after progress, longer with every round without, and after the last one
 * that was it.
 */
const pausesMs = [0, 100, 500, 1_000] as const
/** Less than this many bytes gained is no progress worth an immediate next attempt. */
const meaningfulBytes = 64 * 1024

/** A source that sends less than {@link livingBytes} while it is waited for so long, in ms, is as good as silent. */
const trickleMs = 10_000
/** In that time even a satellite telephone sends three times as much. */
const livingBytes = 1024

/** Where the bytes of a download go. */
export interface BlobSink {
  /** Bytes here so far. */
  offset(): number
  /** Size of the whole blob, once known. */
  size(): number | undefined
  /** Whether that is what a manifest says, not just a sender. */
  isSizeCertain(): boolean
  /** An answer came whose offset and size fit. */
  opened(source: BlobSource, answer: BlobAnswer): void
  /** Takes bytes that continue at `offset()`. */
  append(chunk: Uint8Array): Promise<void>
  /** The source ended cleanly without ever having told the size: it is what came. */
  ended(): void
}

/** Everybody who may have the blob now, best first, whoever is down included; never rejects. */
export type FindSources = () => Promise<readonly BlobSource[]>

interface Parts {
  /** What `find` came to a moment ago. */
  readonly sources: readonly BlobSource[]
  readonly find: FindSources
  readonly sink: BlobSink
  /** Not to be asked for this blob at all. */
  readonly isDistrusted: (source: BlobSource) => boolean
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly signal: AbortSignal
}

/**
 * Receives a blob to its end, from whoever has it: sources are asked in order, unless known down, and the next is raced against one that
 * is slow to begin; when one fails the remaining range is asked at once from the next, or after everybody failed, with pauses, from
 * whoever may have it then. Three rounds in which nothing came end it: rejects with the `UpstreamFailure` that says most. A source that
 * denies or does not have the blob is asked no more. Two senders who do not agree on the size end it, too, with what came so far: it
 * will not hash.
 */
export async function receiveBlob(
  { sources: first, find, sink, isDistrusted, clock, signal }: Parts,
  digest: Digest,
  repository: Repository,
): Promise<void> {
  let sources = first
  const excluded = new Set<string>()
  const tried = new Set<string>()
  const failures = new Map<BlobSource['kind'], UpstreamFailure>()
  let round = 1
  let isContradicted = false
  /** The last one was left only to be asked anew, for a client. */
  let isOutpaced = false
  /** Who sends now, where the source says it. */
  let sender: Sender | undefined

  while (!isWhole() && !isContradicted) {
    signal.throwIfAborted()
    const candidates = await next()
    if (candidates.length === 0) throw tellMost()
    const before = sink.offset()
    const source = await receiveFromFirst(candidates)
    if (source !== undefined && !isOutpaced) noteProgress(source, sink.offset() - before)
  }

  function isWhole(): boolean {
    return sink.offset() === sink.size()
  }

  function noteFailure(source: BlobSource, error: UpstreamFailure): void {
    tried.add(source.name)
    if (error.code !== 'unreachable') excluded.add(source.name)
    // That it was not asked again says less than why it failed when it was.
    const isSaid = failures.has(source.kind) && error.reason === 'known-down'
    if (isSaid || (source.kind === 'peer' && failures.has('peer'))) return
    failures.set(source.kind, error)
  }

  /** What the owner says weighs more than what another node lacks, and so does that it cannot be asked. */
  function tellMost(): UpstreamFailure {
    const byOwner = failures.get('upstream')
    const byPeer = failures.get('peer')
    if (byOwner !== undefined) return byOwner
    return byPeer === undefined || isDown() ? notAsked(sources, digest, repository, byPeer) : byPeer
  }

  function isDown(): boolean {
    const upstream = sources.find(source => source.kind === 'upstream')
    return upstream?.reach(repository).state !== 'reachable'
  }

  function noteProgress({ name }: BlobSource, gained: number): void {
    if (gained >= meaningfulBytes) {
      tried.clear()
      round = 0
    }
    tried.add(name)
  }

  function usable(): readonly BlobSource[] {
    return sources.filter(source => !excluded.has(source.name) && canBeAsked(source))
  }

  function canBeAsked(source: BlobSource): boolean {
    return !isDistrusted(source) && source.reach(repository).state === 'reachable'
  }

  /**
   * Whoever was not tried since the last progress goes first; when all were, it is looked who else has it by now, and then a new round
   * begins after a pause.
   */
  async function next(): Promise<readonly BlobSource[]> {
    const fresh = untried()
    return fresh.length > 0 ? fresh : renew()
  }

  async function renew(): Promise<readonly BlobSource[]> {
    sources = await find()
    const fresh = untried()
    if (fresh.length > 0 || usable().length === 0) return fresh
    const pauseMs = pausesMs[round]
    if (pauseMs === undefined) return []
    round += 1
    if (pauseMs > 0) await delay(pauseMs, undefined, { signal })
    tried.clear()
    return usable()
  }

  function untried(): readonly BlobSource[] {
    return usable().filter(({ name }) => !tried.has(name))
  }

  /** Who sent something, however it ended. */
  async function receiveFromFirst(
    candidates: readonly BlobSource[],
  ): Promise<BlobSource | undefined> {
    const open = (source: BlobSource, ends: AbortSignal, onWorking: () => void) =>
      source.open(digest, repository, sink.offset(), ends, onWorking)
    const opened = await openFirst(candidates, { open, failed: noteFailure, signal })
    if (opened === undefined) return undefined
    const { source, answer } = opened
    isOutpaced = false
    try {
      await receiveBody(source, answer)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof UpstreamFailure)) throw error
      noteFailure(source, error)
    } finally {
      opened.close()
    }
    return source
  }

  async function receiveBody(source: BlobSource, answer: BlobAnswer): Promise<void> {
    const from = sink.offset()
    sender = answer.sender
    check(source, answer, from)
    sink.opened(source, answer)
    isContradicted = contradicts(answer)
    if (isContradicted) return
    await receiveChunks(source, answer, from - answer.offset)
    if (isOutpaced) return
    if (sink.size() === undefined) sink.ended()
    else if (!isWhole()) throw fault(source, 'reset', `ended after ${sink.offset()} bytes`)
  }

  /** @param repeated bytes that are here already: a source that ignores ranges sends them once more */
  async function receiveChunks(
    source: BlobSource,
    { body, isOutpaced: isNowOutpaced }: BlobAnswer,
    repeated: number,
  ): Promise<void> {
    let surplus = repeated
    const watch = watchTrickle(source)
    for await (const chunk of body) {
      watch.arrived(chunk.byteLength)
      const fresh = chunk.subarray(surplus)
      surplus -= chunk.byteLength - fresh.byteLength
      if (fresh.byteLength > 0) await take(source, fresh)
      watch.taken()
      isOutpaced = !isWhole() && isNowOutpaced?.() === true
      if (isOutpaced) return
    }
  }

  /** Counts only the time that the source is waited for: we may be slow ourselves. */
  function watchTrickle(source: BlobSource) {
    let sinceMs = clock.monotonicMs()
    let waitedMs = 0
    let bytes = 0
    return {
      arrived(count: number): void {
        waitedMs += clock.monotonicMs() - sinceMs
        bytes += count
      },
      taken(): void {
        sinceMs = clock.monotonicMs()
        if (waitedMs < trickleMs) return
        if (bytes < livingBytes) throw fault(source, 'stalled', `sent ${bytes} bytes in 10 s`)
        waitedMs = 0
        bytes = 0
      },
    }
  }

  function check(source: BlobSource, answer: BlobAnswer, from: number): void {
    const size = sink.size()
    if (answer.offset !== from && answer.offset !== 0) {
      throw lie(source, `asked for bytes from ${from}, sent from ${answer.offset}`)
    }
    if (contradicts(answer) && sink.isSizeCertain()) {
      throw lie(source, `has ${size} bytes by its manifest, ${answer.size} here`)
    }
  }

  function contradicts(answer: BlobAnswer): boolean {
    const size = sink.size()
    return size !== undefined && answer.size !== undefined && answer.size !== size
  }

  async function take(source: BlobSource, chunk: Uint8Array): Promise<void> {
    const size = sink.size()
    if (size !== undefined && sink.offset() + chunk.byteLength > size) {
      throw lie(source, `sends more than ${size} bytes`)
    }
    await sink.append(chunk)
  }

  /** Who contradicts itself is not asked again. */
  function lie(source: BlobSource, what: string): UpstreamFailure {
    if (!sender?.lied()) excluded.add(source.name)
    return fault(source, 'protocol', what)
  }

  function fault(
    source: BlobSource,
    reason: 'reset' | 'protocol' | 'stalled',
    what: string,
  ): UpstreamFailure {
    sender?.broke()
    const name = sender?.name ?? source.name
    return new UpstreamFailure('unreachable', reason, `${digest} from ${name}: ${what}`)
  }
}

/**
 * The failure of a blob that its owner cannot be asked for now.
 *
 * @param cause what came of asking others
 */
export function notAsked(
  sources: readonly BlobSource[],
  digest: Digest,
  repository: Repository,
  cause?: UpstreamFailure,
): UpstreamFailure {
  const upstream = sources.find(source => source.kind === 'upstream')
  const reach = upstream?.reach(repository)
  if (reach === undefined || reach.state === 'unconfigured') {
    return new UpstreamFailure('unreachable', 'unconfigured', tellUnconfigured(repository.registry))
  }
  const name = formatRepository(repository)
  if (reach.state === 'down') {
    const others = cause === undefined ? '' : ` (${cause.message})`
    const message = `${name} is known to be down; ${digest}${others}`
    return new UpstreamFailure(reach.failure, 'known-down', message, { cause })
  }
  return new UpstreamFailure(
    'unreachable',
    'wrong-digest',
    `${name} sent wrong bytes for ${digest}`,
  )
}
