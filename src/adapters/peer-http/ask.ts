import type { NodeId } from '../../ports/node-id.ts'
import { PeerFailure } from '../../ports/peer-port.ts'
import type { Answer, Ending } from './exchange.ts'
import type { Lane } from './lanes.ts'
import type { Peers } from './peers.ts'
import { failureOfStatus } from './statuses.ts'

/** One question to another node. */
export interface PeerAsking {
  readonly id: NodeId
  readonly lane: 'small' | 'long'
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | undefined
  readonly signal: AbortSignal
  readonly limitMs: number
  /** What `limitMs` bounds. Silence in a body is bounded anyway. */
  readonly limits: 'head' | 'whole'
  /** It asks others in turn: its slowness says nothing of the node. */
  readonly isRelayed?: boolean
  /** An interim answer came: it is at work. */
  readonly onInterim?: (() => void) | undefined
}

/** Settles with the head of a good answer (200, 206). Rejects with `PeerFailure`, or the signal's reason. */
export type AskPeer = (asking: PeerAsking) => Promise<Answer>

/** Whoever has nobody else to ask has mostly answered by then, ms. */
const silentAfterMs = 500
/** Bytes of a refusal that are read, so that the connection can go on. */
const maxRefusalBytes = 4 * 1024

/** Makes what asks, within the time, and tells whether the node was heard. */
export function createAskPeer(
  needs: {
    readonly peers: Peers
    readonly isBanned: (id: NodeId) => boolean
    readonly onHeard: (id: NodeId, roundTripMs: number) => void
    readonly onMissed: (id: NodeId) => void
    readonly onSilent: (id: NodeId) => void
    readonly onStalled: (id: NodeId) => void
  },
  { stallMs }: { readonly stallMs: number },
): AskPeer {
  const { peers, isBanned, onHeard, onMissed, onSilent, onStalled } = needs

  function heard(asking: PeerAsking, { roundTripMs }: Answer): void {
    const peer = peers.get(asking.id)
    if (!asking.isRelayed) peer.roundTripMs = roundTripMs
    onHeard(asking.id, peer.roundTripMs ?? roundTripMs)
  }

  /** That whoever asked waited no longer says nothing of the node: silence is told of while it lasts. */
  function failed({ id }: PeerAsking, error: unknown): void {
    if (error instanceof PeerFailure && error.code === 'unreachable') onMissed(id)
  }

  /** The same in the middle of an answer, where it was waited for as long as it may be silent. */
  function ended(asking: PeerAsking, how: Ending): void {
    const failure = how?.failure
    const isStall = failure instanceof PeerFailure && failure.code === 'timeout'
    if (isStall && !asking.isRelayed) onStalled(asking.id)
    failed(asking, failure)
  }

  /** Tells when nothing was heard for a while; gives how to stop that. */
  function watch({ id, isRelayed = false }: PeerAsking): () => void {
    const timer = isRelayed ? undefined : setTimeout(() => onSilent(id), silentAfterMs).unref()
    return () => clearTimeout(timer)
  }

  /** Waits for its turn. That others were before it all the time says nothing of the node. */
  async function enter(lane: Lane, signal: AbortSignal, what: string): Promise<() => void> {
    try {
      return await lane.enter(signal)
    } catch (error) {
      const isOverdue = error instanceof PeerFailure && error.code === 'timeout'
      throw isOverdue ? new PeerFailure('busy', `${what}: too many questions before it`) : error
    }
  }

  return async asking => {
    const { id, path, method, headers = {}, body, limitMs, limits, onInterim } = asking
    const what = `${path} of ${id}`
    if (isBanned(id)) throw new PeerFailure('refused', `${id} is banned`)
    const bound = startBound(asking.signal, limitMs, what)
    const { signal } = bound
    const ends: (() => void)[] = [bound.end]
    const end = (): void => {
      for (const one of ends) one()
    }
    let stopWatching = (): void => {}
    let answer: Answer
    try {
      const lane = peers.get(id)[asking.lane]
      ends.push(await enter(lane, signal, what))
      stopWatching = watch(asking)
      answer = await lane.send({ method, path, headers, body, signal, stallMs, what, onInterim })
    } catch (error) {
      end()
      failed(asking, error)
      throw error
    } finally {
      stopWatching()
    }
    void answer.ended.then(how => {
      end()
      ended(asking, how)
    })
    heard(asking, answer)
    if (answer.status === 200 || answer.status === 206) {
      if (limits === 'head') bound.stopTimer()
      return answer
    }
    void drop(answer)
    throw new PeerFailure(failureOfStatus(answer.status), `${what}: status ${answer.status}`)
  }
}

/** A signal that ends with the caller's, or when time is up. */
function startBound(outer: AbortSignal, ms: number, what: string) {
  outer.throwIfAborted()
  const cut = new AbortController()
  const onAbort = (): void => cut.abort(outer.reason)
  const onOverdue = (): void =>
    cut.abort(new PeerFailure('timeout', `${what}: not within ${ms} ms`))
  const timer = setTimeout(onOverdue, ms)
  outer.addEventListener('abort', onAbort, { once: true })
  return {
    signal: cut.signal,
    stopTimer: () => clearTimeout(timer),
    end: () => {
      clearTimeout(timer)
      outer.removeEventListener('abort', onAbort)
    },
  }
}

/** Reads what a refusal says, for the connection's sake. */
async function drop({ body }: Answer): Promise<void> {
  try {
    for (let left = maxRefusalBytes; left >= 0; ) {
      const { done, value } = await body.next()
      if (done) return
      left -= value.length
    }
    await body.return?.()
  } catch {
    // Its end was told to whoever is to know.
  }
}
