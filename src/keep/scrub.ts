import type { Digest } from '../oci/digest.ts'
import type { BlobInfo } from '../ports/content-store.ts'
import type { MaintainedStore, Verdict } from '../ports/content-upkeep.ts'
import type { Log } from '../ports/log.ts'

/** What was found since the start. */
interface ScrubCounts {
  /** Blobs hashed again. */
  readonly checked: number
  readonly bytes: number
  /** Blobs that did not hash to their digest, also when they were read for somebody; they are in quarantine. */
  readonly damaged: number
  /** Blobs that could not be read: the disk's fault, nothing was dropped. */
  readonly unreadable: number
}

/** A blob that was found wrong. `size` in bytes, `atMs` on the clock of the log. */
export interface ScrubFinding {
  readonly digest: Digest
  readonly size: number
  readonly verdict: 'damaged' | 'unreadable'
  readonly atMs: number
}

/** How far a pass is. Times in ms since the epoch. */
export interface ScrubPass {
  readonly startedAtMs: number
  /** `undefined`: it is under way. */
  readonly endedAtMs: number | undefined
  /** To be hashed when it began, and hashed so far. */
  readonly blobs: number
  readonly bytes: number
  readonly doneBlobs: number
  readonly doneBytes: number
}

/** Looks for blobs that rotted on disk. */
export interface Scrub {
  /** Hashes every blob again, slowly; a second call joins the first. Rejects when its signal ends it. */
  run(signal: AbortSignal): Promise<ScrubCounts>
  /** Hashes one blob again. Rejects with `store-unusable` when it cannot be read. */
  check(digest: Digest, signal: AbortSignal): Promise<Verdict>
  counts(): ScrubCounts
  /** The pass under way, or else the last one; `undefined`: none since the start. */
  pass(): ScrubPass | undefined
  /** What was found since the start, the newest first; the last hundred. */
  findings(): readonly ScrubFinding[]
  close(): void
}

const maxFindings = 100

/**
 * Scrubs a store at a bounded pace.
 *
 * @param random where a pass begins, in [0, 1): a node that never runs long enough for a whole pass still comes by every blob
 */
export function createScrub(
  {
    store,
    log,
    nowMs,
    random = Math.random,
  }: {
    readonly store: Pick<MaintainedStore, 'list' | 'reverify' | 'stat' | 'onChange'>
    readonly log: Log
    /** For those who are told, ms since the epoch. */
    readonly nowMs: () => number
    readonly random?: () => number
  },
  { bytesPerSecond }: { readonly bytesPerSecond: number },
): Scrub {
  const counts = { checked: 0, bytes: 0, damaged: 0, unreadable: 0 }
  const found: ScrubFinding[] = []
  let running: Promise<ScrubCounts> | undefined
  let latest: ScrubPass | undefined

  function note(digest: Digest, size: number, verdict: ScrubFinding['verdict']): void {
    counts[verdict] += 1
    found.unshift({ digest, size, verdict, atMs: nowMs() })
    found.length = Math.min(found.length, maxFindings)
  }

  // Whoever reads a blob may find that it is damaged.
  const stopListening = store.onChange(({ digest, size, reason }) => {
    if (reason === 'damaged') note(digest, size, reason)
  })

  async function check(digest: Digest, signal: AbortSignal): Promise<Verdict> {
    const size = store.stat(digest)?.size ?? 0
    const verdict = await store.reverify(digest, { bytesPerSecond, signal })
    if (verdict !== 'absent') {
      counts.checked += 1
      counts.bytes += size
    }
    if (verdict === 'damaged') {
      log.error({ digest, bytes: size }, 'scrub found a damaged blob and moved it to quarantine')
    }
    return verdict
  }

  async function checkInPass({ digest, size }: BlobInfo, signal: AbortSignal): Promise<void> {
    try {
      await check(digest, signal)
    } catch (err) {
      signal.throwIfAborted()
      note(digest, size, 'unreadable')
      log.error({ digest, err }, 'scrub could not read a blob')
    }
  }

  async function pass(signal: AbortSignal): Promise<ScrubCounts> {
    const before = { ...counts }
    const all = [...store.list()]
    const bytes = all.reduce((sum, { size }) => sum + size, 0)
    const progress = { doneBlobs: 0, doneBytes: 0 }
    const told = { startedAtMs: nowMs(), endedAtMs: undefined, blobs: all.length, bytes }
    latest = { ...told, ...progress }
    const first = Math.floor(random() * all.length)
    for (const info of [...all.slice(first), ...all.slice(0, first)]) {
      signal.throwIfAborted()
      await checkInPass(info, signal)
      progress.doneBlobs += 1
      progress.doneBytes += info.size
      latest = { ...told, ...progress }
    }
    latest = { ...told, ...progress, endedAtMs: nowMs() }
    const result = {
      checked: counts.checked - before.checked,
      bytes: counts.bytes - before.bytes,
      damaged: counts.damaged - before.damaged,
      unreadable: counts.unreadable - before.unreadable,
    }
    log.info(result, 'scrub has been by every blob')
    return result
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
    pass: () => latest,
    findings: () => [...found],
    close: stopListening,
  }
}
