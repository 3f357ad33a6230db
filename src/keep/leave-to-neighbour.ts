import type { Digest } from '../oci/digest.ts'
import type { MaintainedStore } from '../ports/content-upkeep.ts'
import type { Log } from '../ports/log.ts'
import type { NeighbourStore } from '../ports/neighbour-store.ts'
import type { Timers } from '../ports/timers.ts'

/** After the last blob that both came to hold: a pull is over by then, and so is what reads along, ms. */
const settledMs = 10_000
/** What could not go now may later: pins are removed, leases end, and a neighbour that drops layers is set up anew, ms. */
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
  readonly protectedContent: () => Promise<Pick<ReadonlySet<Digest>, 'has'>>
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
  /** More came while the last of it was left. */
  let isNews = false

  function schedule(afterMs: number): void {
    cancel()
    if (signal.aborted || leaving !== undefined || twice.size === 0) return
    isNews = false
    cancel = timers.after(afterMs, () => {
      leaving = leave().then(() => {
        leaving = undefined
        schedule(isNews ? settledMs : askAgainMs)
      })
    })
  }

  async function leave(): Promise<void> {
    try {
      if (!(await parts.keepsLayers())) return
      const mustStay = await parts.protectedContent()
      let bytes = 0
      const left = [...twice].filter(digest => !mustStay.has(digest))
      for (const digest of left) bytes += await leaveIfPossible(digest)
      if (bytes > 0) log.info({ bytes }, 'what containerd holds went from here')
    } catch (err) {
      log.warn({ err }, 'what containerd holds as well could not be left to it')
    }
  }

  /** Returns the bytes that were freed. One that cannot go keeps no other here. */
  async function leaveIfPossible(digest: Digest): Promise<number> {
    const size = own.stat(digest)?.size ?? 0
    try {
      return (await leaveOne(digest)) ? size : 0
    } catch (err) {
      if (!signal.aborted) log.warn({ digest, err }, 'a blob was not left to containerd')
      return 0
    }
  }

  async function leaveOne(digest: Digest): Promise<boolean> {
    if (signal.aborted || own.stat(digest) === undefined) return false
    if (neighbour.stat(digest) === undefined) return false
    // Before it is hashed for nothing.
    if (!(await parts.whileLeaving(digest, async () => true))) return false
    if ((await neighbour.reverify(digest, { bytesPerSecond, signal })) !== 'sound') return false
    return parts.whileLeaving(digest, () => drop(digest))
  }

  async function drop(digest: Digest): Promise<boolean> {
    if (neighbour.stat(digest) === undefined) return false
    await own.delete(digest)
    return true
  }

  const unlessAlone =
    (other: Pick<NeighbourStore, 'stat'>) =>
    ({ kind, digest }: { readonly kind: 'added' | 'removed'; readonly digest: Digest }) => {
      if (kind === 'removed') twice.delete(digest)
      else if (other.stat(digest) !== undefined) {
        twice.add(digest)
        isNews = true
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
