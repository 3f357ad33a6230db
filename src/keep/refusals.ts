import type { StoreUsage } from '../ports/content-store.ts'
import type { Log } from '../ports/log.ts'
import type { StayingBytes } from './staying-bytes.ts'

/** What a look at the store found of what has to stay in it. */
export interface Stays {
  readonly protectedBytes: number
  readonly staying: StayingBytes
}

/** Remembers that a store had no room beside what has to stay. */
export interface Refusals {
  /** There was no room for so many more bytes. */
  refuse(usage: StoreUsage, bytes: number, found: Stays): false
  /** There is room again. */
  clear(): void
  /** Looks whether what was refused would still be. */
  reconsider(
    look: () => Promise<{ readonly usage: StoreUsage; readonly found: Stays }>,
  ): Promise<void>
  /** What has to stay left no room for something that an empty store would take: such content is streamed and not stored. */
  isFull(): boolean
  /** What has to stay while it is full. */
  staying(): StayingBytes | undefined
  /**
   * Whether content of so many bytes could not come in, by what the last refusal found; without `bytes`, whether what has to stay takes all
   * below high water. A refusal says nothing of what is smaller.
   */
  refuses(bytes?: number): boolean
  /** What could come in beside what has to stay, as the last refusal found; `undefined`: there is none that still holds. */
  fitsBytes(): number | undefined
}

/** What a store could take beside what has to stay. */
interface Fit {
  /** An empty store. */
  readonly roomBytes: number
  readonly fitsBytes: number
  /** What has to stay takes all below high water. */
  readonly takesNothing: boolean
  readonly staying: StayingBytes
}

/** @param settings.capacity bytes that the store may take now. @param settings.highWater part of them */
export function createRefusals(
  { log }: { readonly log: Log },
  settings: {
    readonly quotaBytes: number
    readonly highWater: number
    readonly capacity: (usage: StoreUsage) => number
  },
): Refusals {
  const { quotaBytes, highWater, capacity } = settings
  /** What the last refusal found; `undefined` when there is room again. */
  let refusal: ({ readonly refusedBytes: number } & Fit) | undefined

  function judge(usage: StoreUsage, { protectedBytes, staying }: Stays): Fit {
    const room = capacity(usage)
    return {
      roomBytes: room,
      fitsBytes: room - protectedBytes,
      takesNothing: protectedBytes > room * highWater,
      staying,
    }
  }

  const isFull = (): boolean => refusal !== undefined && refusal.refusedBytes <= refusal.roomBytes

  return {
    refuse(usage, bytes, found) {
      if (refusal === undefined) {
        const message = 'what may be dropped is not enough: new content is streamed and not stored'
        log.warn({ bytes, protectedBytes: found.protectedBytes, quotaBytes }, message)
      }
      const freeBytes = capacity(usage) - usage.blobBytes - usage.partialBytes
      refusal = { refusedBytes: freeBytes + bytes, ...judge(usage, found) }
      return false
    },
    clear() {
      refusal = undefined
    },
    async reconsider(look) {
      if (refusal === undefined) return
      const { usage, found } = await look()
      const { refusedBytes } = refusal
      const now = judge(usage, found)
      refusal = now.fitsBytes >= refusedBytes ? undefined : { refusedBytes, ...now }
    },
    isFull,
    staying: () => (isFull() ? refusal?.staying : undefined),
    refuses(bytes) {
      if (refusal === undefined) return false
      return bytes === undefined ? refusal.takesNothing : bytes > refusal.fitsBytes
    },
    fitsBytes: () => refusal && Math.max(0, refusal.fitsBytes),
  }
}
