import type { Digest } from '../oci/digest.ts'
import type { MaintainedStore } from '../ports/content-upkeep.ts'
import type { Log } from '../ports/log.ts'
import type { NeighbourStore } from '../ports/neighbour-store.ts'
import type { Timers } from '../ports/timers.ts'

/** After the last blob that both came to hold: a pull is over by then, and so is what reads along, ms. */
const settledMs = 10_000
/** Where it is not known, or not so, that the neighbour keeps what it unpacked: it may be set up anew, ms. */
const askAgainMs = 3_600_000
/** The neighbour's copy is hashed before ours goes, beside everything else that the disk has to do. */
const bytesPerSecond = 100 * 1024 * 1024

/**
 * Drops our copy of what the neighbour holds as well, until it is closed. What is pulled through this node is stored here first, so that a
 * cut download is not begun anew and others can read along; once the neighbour has stored it, too, one sound copy is enough.
 */
export function leaveToNeighbour(parts: {
  readonly own: Pick<MaintainedStore, 'stat' | 'delete' | 'onChange'>
  readonly neighbour: Pick<NeighbourStore, 'stat' | 'reverify' | 'onChange'>
  /** Whether it is known that the neighbour keeps the layers of an image that it unpacked. */
  readonly keepsLayers: () => Promise<boolean>
  /** What has to stay here. */
  readonly protectedContent: () => Promise<ReadonlySet<Digest>>
  /** Calls `drop` unless others rely on our copy. */
  readonly whileLeaving: (digest: Digest, drop: () => Promise<boolean>) => Promise<boolean>
  readonly timers: Timers
  readonly log: Log
}): { close(): Promise<void> } {
  const { own, neighbour, timers, log } = parts
  const twice = new Set<Digest>()
  const ending = new AbortController()
  const { signal } = ending
  let cancel = () => {}
  let leaving: Promise<void> | undefined

  function schedule(afterMs: number): void {
    cancel()
    if (signal.aborted || leaving !== undefined || twice.size === 0) return
    cancel = timers.after(afterMs, () => {
      leaving = leave().then(nextMs => {
        leaving = undefined
        schedule(nextMs)
      })
    })
  }

  /** Returns when to try again with what is left, ms. */
  async function leave(): Promise<number> {
    try {
      if (!(await parts.keepsLayers())) return askAgainMs
      const mustStay = await parts.protectedContent()
      const left = [...twice].filter(digest => !mustStay.has(digest))
      twice.clear()
      let bytes = 0
      for (const digest of left) bytes += await leaveOne(digest)
      if (bytes > 0) log.info({ bytes, blobs: left.length }, 'what containerd holds went from here')
    } catch (err) {
      if (!signal.aborted)
        log.warn({ err }, 'what containerd holds as well could not be left to it')
    }
    return settledMs
  }

  /** Returns the bytes that were freed. */
  async function leaveOne(digest: Digest): Promise<number> {
    const size = own.stat(digest)?.size
    if (size === undefined || neighbour.stat(digest) === undefined) return 0
    if ((await neighbour.reverify(digest, { bytesPerSecond, signal })) !== 'sound') return 0
    const isDropped = await parts.whileLeaving(digest, async () => {
      if (neighbour.stat(digest) === undefined) return false
      await own.delete(digest)
      return true
    })
    return isDropped ? size : 0
  }

  const unlessAlone =
    (other: Pick<NeighbourStore, 'stat'>) =>
    ({ kind, digest }: { readonly kind: 'added' | 'removed'; readonly digest: Digest }) => {
      if (kind === 'removed') twice.delete(digest)
      else if (other.stat(digest) !== undefined) {
        twice.add(digest)
        schedule(settledMs)
      }
    }
  const stops = [own.onChange(unlessAlone(neighbour)), neighbour.onChange(unlessAlone(own))]
  return {
    async close() {
      ending.abort()
      cancel()
      for (const stop of stops) stop()
      await leaving
    },
  }
}
