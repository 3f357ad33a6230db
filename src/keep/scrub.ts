import type { Digest } from '../oci/digest.ts'
import type { MaintainedStore, Verdict } from '../ports/content-upkeep.ts'
import type { Log } from '../ports/log.ts'

/** What scrubbing found since the start. */
interface ScrubCounts {
  /** Blobs hashed again. */
  readonly checked: number
  readonly bytes: number
  /** Blobs that did not hash to their digest; they are in quarantine. */
  readonly damaged: number
  /** Blobs that could not be read: the disk's fault, nothing was dropped. */
  readonly unreadable: number
}

/** Looks for blobs that rotted on disk. */
export interface Scrub {
  /** Hashes every blob again, slowly; a second call joins the first. Rejects when its signal ends it. */
  run(signal: AbortSignal): Promise<ScrubCounts>
  /** Hashes one blob again. Rejects with `store-unusable` when it cannot be read. */
  check(digest: Digest, signal: AbortSignal): Promise<Verdict>
  counts(): ScrubCounts
}

/**
 * Scrubs a store at a bounded pace.
 *
 * @param random where a pass begins, in [0, 1): a node that never runs long enough for a whole pass still comes by every blob
 */
export function createScrub(
  {
    store,
    log,
    random = Math.random,
  }: {
    readonly store: Pick<MaintainedStore, 'list' | 'reverify' | 'stat'>
    readonly log: Log
    readonly random?: () => number
  },
  { bytesPerSecond }: { readonly bytesPerSecond: number },
): Scrub {
  const counts = { checked: 0, bytes: 0, damaged: 0, unreadable: 0 }
  let running: Promise<ScrubCounts> | undefined

  async function check(digest: Digest, signal: AbortSignal): Promise<Verdict> {
    const size = store.stat(digest)?.size ?? 0
    const verdict = await store.reverify(digest, { bytesPerSecond, signal })
    if (verdict !== 'absent') {
      counts.checked += 1
      counts.bytes += size
    }
    if (verdict === 'damaged') {
      counts.damaged += 1
      log.error({ digest, bytes: size }, 'scrub found a damaged blob and moved it to quarantine')
    }
    return verdict
  }

  async function pass(signal: AbortSignal): Promise<ScrubCounts> {
    const before = { ...counts }
    const all = [...store.list()]
    const first = Math.floor(random() * all.length)
    for (const { digest } of [...all.slice(first), ...all.slice(0, first)]) {
      signal.throwIfAborted()
      try {
        await check(digest, signal)
      } catch (err) {
        signal.throwIfAborted()
        counts.unreadable += 1
        log.error({ digest, err }, 'scrub could not read a blob')
      }
    }
    const found = {
      checked: counts.checked - before.checked,
      bytes: counts.bytes - before.bytes,
      damaged: counts.damaged - before.damaged,
      unreadable: counts.unreadable - before.unreadable,
    }
    log.info(found, 'scrub has been by every blob')
    return found
  }

  return {
    run(signal) {
      running ??= pass(signal).finally(() => {
        running = undefined
      })
      return running
    },
    check,
    counts: () => ({ ...counts }),
  }
}
