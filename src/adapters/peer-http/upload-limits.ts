import type { Clock } from '../../ports/clock.ts'
import type { NodeId } from '../../ports/node-id.ts'
import type { PeerPriority } from '../../ports/peer-port.ts'
import type { Pace } from '../../wire/send-blob.ts'

/** Shares out what may be sent to other nodes. */
export interface UploadLimits {
  /** Begins one transfer; `undefined` when nothing limits it. Whoever begins it ends it. */
  begin(to: NodeId, priority: PeerPriority): Upload | undefined
}

/** One transfer under a limit. */
export interface Upload extends Pace {
  end(): void
}

/** A bucket that fills steadily, and may be overdrawn by one piece. */
interface Bucket {
  readonly bytesPerSecond: number
  level: number
  filledAtMs: number
  /** When something for a pull last drew from it. */
  pulledAtMs: number
  /** Transfers under way that draw from it. */
  users: number
}

interface Waiting {
  readonly bytes: number
  readonly buckets: readonly Bucket[]
  readonly priority: PeerPriority
  readonly sinceMs: number
  readonly go: () => void
}

/** Of a second: what may be sent at once after a pause. */
const burst = 0.1
/** Background waits this long after the last piece for a pull: there is most likely a next one. */
const yieldMs = 250
/** But a piece now and then goes out, or its reader would take it for dead. */
const trickleMs = 1_000
const tickMs = 20
/** A piece takes a twentieth of a second, so that a low limit makes no long silences. */
const piecesPerSecond = 20
const minPieceBytes = 1024
const maxPieceBytes = 256 * 1024

/** Makes the limits: bytes per second of all transfers together, and of those to one node; 0: none. */
export function createUploadLimits(
  needs: {
    readonly clock: Clock
    /** Calls back after some ms; replaced in tests. */
    readonly after?: (ms: number, then: () => void) => unknown
  },
  limits: { readonly bytesPerSecond: number; readonly perPeerBytesPerSecond: number },
): UploadLimits {
  const { clock, after = (ms, then) => setTimeout(then, ms) } = needs
  const total = limits.bytesPerSecond > 0 ? makeBucket(limits.bytesPerSecond) : undefined
  const perPeer = new Map<NodeId, Bucket>()
  const waiting = new Set<Waiting>()
  let isTicking = false

  function makeBucket(bytesPerSecond: number): Bucket {
    return {
      bytesPerSecond,
      level: bytesPerSecond * burst,
      filledAtMs: clock.monotonicMs(),
      pulledAtMs: Number.NEGATIVE_INFINITY,
      users: 0,
    }
  }

  function bucketOf(peer: NodeId): Bucket | undefined {
    if (limits.perPeerBytesPerSecond <= 0) return undefined
    const bucket = perPeer.get(peer) ?? makeBucket(limits.perPeerBytesPerSecond)
    perPeer.set(peer, bucket)
    return bucket
  }

  function fill(bucket: Bucket, nowMs: number): void {
    const came = ((nowMs - bucket.filledAtMs) / 1_000) * bucket.bytesPerSecond
    bucket.level = Math.min(bucket.level + came, capacityOf(bucket))
    bucket.filledAtMs = nowMs
  }

  function mayGo({ buckets, priority, sinceMs }: Omit<Waiting, 'go'>, nowMs: number): boolean {
    for (const bucket of buckets) fill(bucket, nowMs)
    if (buckets.some(({ level }) => level <= 0)) return false
    if (priority === 'pull' || nowMs - sinceMs >= trickleMs) return true
    return buckets.every(({ pulledAtMs }) => nowMs - pulledAtMs >= yieldMs)
  }

  function draw({ buckets, bytes, priority }: Omit<Waiting, 'go'>, nowMs: number): void {
    for (const bucket of buckets) {
      bucket.level -= bytes
      if (priority === 'pull') bucket.pulledAtMs = nowMs
    }
  }

  function tick(): void {
    isTicking = false
    const nowMs = clock.monotonicMs()
    for (const one of [...waiting].toSorted((a, b) => rankOf(a, nowMs) - rankOf(b, nowMs))) {
      // A pull that waits for its turn is a pull under way.
      if (one.priority === 'pull') for (const bucket of one.buckets) bucket.pulledAtMs = nowMs
      if (!mayGo(one, nowMs)) continue
      draw(one, nowMs)
      waiting.delete(one)
      one.go()
    }
    schedule()
  }

  function schedule(): void {
    if (isTicking || waiting.size === 0) return
    isTicking = true
    after(tickMs, tick)
  }

  /** One that is not full is kept: who asks anew would begin with a full one. */
  function dropUnused(): void {
    for (const [peer, bucket] of perPeer) {
      fill(bucket, clock.monotonicMs())
      if (bucket.users === 0 && bucket.level >= capacityOf(bucket)) perPeer.delete(peer)
    }
  }

  return {
    begin(to, priority) {
      const buckets = [total, bucketOf(to)].filter(bucket => bucket !== undefined)
      if (buckets.length === 0) return undefined
      for (const bucket of buckets) bucket.users += 1
      const own = new Set<Waiting>()
      const slowest = Math.min(...buckets.map(({ bytesPerSecond }) => bytesPerSecond))
      const pieceBytes = Math.round(slowest / piecesPerSecond)
      return {
        pieceBytes: Math.min(Math.max(pieceBytes, minPieceBytes), maxPieceBytes),
        take(bytes) {
          const nowMs = clock.monotonicMs()
          const one = { bytes, buckets, priority, sinceMs: nowMs }
          const isFirst = [...waiting].every(other => !isBefore(other, priority))
          if (isFirst && mayGo(one, nowMs)) {
            draw(one, nowMs)
            return undefined
          }
          return new Promise(resolve => {
            const entry: Waiting = {
              ...one,
              go: () => {
                own.delete(entry)
                resolve()
              },
            }
            own.add(entry)
            waiting.add(entry)
            schedule()
          })
        },
        end() {
          for (const entry of own) waiting.delete(entry)
          for (const bucket of buckets) bucket.users -= 1
          dropUnused()
        },
      }
    },
  }
}

const capacityOf = ({ bytesPerSecond }: Bucket): number => bytesPerSecond * burst

/** Who has waited for a drop gets it; then pulls, then the rest, each in the order in which they came. */
function rankOf({ priority, sinceMs }: Waiting, nowMs: number): number {
  if (priority === 'pull') return 1
  return nowMs - sinceMs >= trickleMs ? 0 : 2
}

const isBefore = (other: Waiting, priority: PeerPriority): boolean =>
  priority === 'background' || other.priority === 'pull'
