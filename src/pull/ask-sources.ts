import { setTimeout as delay } from 'node:timers/promises'
import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { Clock } from '../ports/clock.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { BlobAnswer, Sender } from '../ports/upstream.ts'
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

interface Parts {
  readonly sources: readonly BlobSource[]
  readonly sink: BlobSink
  /** Not to be asked for this blob at all. */
  readonly isDistrusted: (source: BlobSource) => boolean
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly signal: AbortSignal
}

/**
 * Receives a blob to its end, from whoever has it: sources are asked in order, unless known down; when one fails the remaining range
 * is asked at once from the next, or after everybody failed, with pauses, from the same again. Three rounds in which nothing came end
 * it: rejects with the `UpstreamFailure` that says most. A source that denies or does not have the blob is asked no more. Two senders
 * who do not agree on the size end it, too, with what came so far: it will not hash.
 */
export async function receiveBlob(
  { sources, sink, isDistrusted, clock, signal }: Parts,
  digest: Digest,
  repository: Repository,
): Promise<void> {
  const excluded = new Set<BlobSource>()
  const tried = new Set<BlobSource>()
  let failure: UpstreamFailure | undefined
  let round = 1
  let isContradicted = false
  /** Who sends now, where the source says it. */
  let sender: Sender | undefined

  while (!isWhole() && !isContradicted) {
    signal.throwIfAborted()
    const source = await next()
    if (source === undefined) throw failure ?? notAsked(sources, digest, repository)
    const before = sink.offset()
    try {
      await receiveFrom(source)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof UpstreamFailure)) throw error
      noteFailure(source, error)
    }
    noteProgress(source, sink.offset() - before)
  }

  function isWhole(): boolean {
    return sink.offset() === sink.size()
  }

  function noteFailure(source: BlobSource, error: UpstreamFailure): void {
    if (error.code !== 'unreachable') excluded.add(source)
    // What the owner says weighs more than what another node lacks.
    if (failure === undefined || source.kind === 'upstream') failure = error
  }

  function noteProgress(source: BlobSource, gained: number): void {
    if (gained >= meaningfulBytes) {
      tried.clear()
      round = 0
    }
    tried.add(source)
  }

  /** Whoever was not tried since the last progress goes first; when all were, a new round begins after a pause. */
  async function next(): Promise<BlobSource | undefined> {
    const usable = () =>
      sources.filter(
        source =>
          !excluded.has(source) &&
          !isDistrusted(source) &&
          source.reach(repository).state === 'reachable',
      )
    const fresh = usable().find(source => !tried.has(source))
    if (fresh !== undefined || usable().length === 0) return fresh
    const pauseMs = pausesMs[round]
    if (pauseMs === undefined) return undefined
    round += 1
    if (pauseMs > 0) await delay(pauseMs, undefined, { signal })
    tried.clear()
    return usable()[0]
  }

  async function receiveFrom(source: BlobSource): Promise<void> {
    const connection = new AbortController()
    try {
      const ends = AbortSignal.any([signal, connection.signal])
      await receiveBody(source, await source.open(digest, repository, sink.offset(), ends))
    } finally {
      connection.abort() // also where the body was never begun
    }
  }

  async function receiveBody(source: BlobSource, answer: BlobAnswer): Promise<void> {
    const from = sink.offset()
    sender = answer.sender
    check(source, answer, from)
    sink.opened(source, answer)
    isContradicted = contradicts(answer)
    if (isContradicted) return
    // A source that ignores ranges sends what is here already once more.
    let surplus = from - answer.offset
    const watch = watchTrickle(source)
    for await (const chunk of answer.body) {
      watch.arrived(chunk.byteLength)
      const fresh = chunk.subarray(surplus)
      surplus -= chunk.byteLength - fresh.byteLength
      if (fresh.byteLength > 0) await take(source, fresh)
      watch.taken()
    }
    if (sink.size() === undefined) sink.ended()
    else if (!isWhole()) throw fault(source, 'reset', `ended after ${sink.offset()} bytes`)
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
    if (!sender?.lied()) excluded.add(source)
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

/** The failure of a blob that nobody can be asked for now. */
export function notAsked(
  sources: readonly BlobSource[],
  digest: Digest,
  repository: Repository,
): UpstreamFailure {
  const upstream = sources.find(source => source.kind === 'upstream')
  const reach = upstream?.reach(repository)
  if (reach === undefined || reach.state === 'unconfigured') {
    return new UpstreamFailure('unreachable', 'unconfigured', tellUnconfigured(repository.registry))
  }
  const name = formatRepository(repository)
  return reach.state === 'down'
    ? new UpstreamFailure(reach.failure, 'known-down', `${name} is known to be down; ${digest}`)
    : new UpstreamFailure('unreachable', 'wrong-digest', `${name} sent wrong bytes for ${digest}`)
}
