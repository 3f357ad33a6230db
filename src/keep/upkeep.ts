import type { ContentStore } from '../ports/content-store.ts'
import type { Log } from '../ports/log.ts'
import type { CollectionResult, Collector } from './collect.ts'
import type { Scrub } from './scrub.ts'

/** Work that looks after the store, without being asked and when an operator asks. */
export interface Upkeep {
  /** Collects now. */
  collect(options: { readonly dryRun: boolean }): Promise<CollectionResult>
  /** Begins to scrub, unless it is being done. */
  scrub(): void
  close(): Promise<void>
}

const hourMs = 3_600_000
const minuteMs = 60_000

/**
 * Collects every hour and whenever what came in rose above high water, looks every minute whether a store that refused something still
 * would, and scrubs an hour after the start and then every `scrubEveryMs`.
 *
 * @param options `scrubEveryMs` 0 = never scrub
 */
export function startUpkeep(
  parts: {
    readonly store: Pick<ContentStore, 'onChange'>
    readonly collector: Pick<Collector, 'run' | 'isAboveHighWater' | 'reconsider'>
    readonly scrub: Pick<Scrub, 'run'>
    readonly log: Log
  },
  options: {
    readonly collectEveryMs?: number
    readonly reconsiderEveryMs?: number
    readonly firstScrubMs?: number
    readonly scrubEveryMs?: number
  } = {},
): Upkeep {
  const { collectEveryMs = hourMs, reconsiderEveryMs = minuteMs } = options
  const { firstScrubMs = hourMs, scrubEveryMs = 7 * 24 * hourMs } = options
  const { log, collector } = parts
  const ending = new AbortController()
  const { signal } = ending
  const running = new Set<Promise<void>>()
  let isRelieving = false

  /** Closing waits for it. */
  function track(work: Promise<unknown>): void {
    const tracked = work.then(
      () => {},
      () => {},
    )
    running.add(tracked)
    tracked.finally(() => running.delete(tracked)).catch(() => {})
  }

  function own(work: Promise<unknown>, failed: string): void {
    const owned = work.catch(err => {
      const isEnded = signal.aborted && err instanceof Error && err.name === 'AbortError'
      if (!isEnded) log.error({ err }, failed)
    })
    track(owned)
  }

  async function relieve(): Promise<void> {
    try {
      if (await collector.isAboveHighWater()) await collector.run()
    } finally {
      isRelieving = false
    }
  }

  const stopListening = parts.store.onChange(({ kind }) => {
    if (kind !== 'added' || isRelieving || signal.aborted) return
    isRelieving = true
    own(relieve(), 'the store could not be relieved')
  })
  const collecting = setInterval(
    () => own(collector.run(), 'garbage collection failed'),
    collectEveryMs,
  ).unref()
  const reconsidering = setInterval(
    () => own(collector.reconsider(), 'whether the store is still full could not be told'),
    reconsiderEveryMs,
  ).unref()
  const scrubOnce = () => own(parts.scrub.run(signal), 'scrubbing failed')
  let scrubbing: NodeJS.Timeout | undefined
  if (scrubEveryMs > 0) {
    scrubbing = setTimeout(() => {
      scrubOnce()
      scrubbing = setInterval(scrubOnce, scrubEveryMs).unref()
    }, firstScrubMs).unref()
  }

  return {
    collect(options) {
      const collecting = collector.run(options)
      track(collecting) // who asked is told how it ends
      return collecting
    },
    scrub: scrubOnce,
    async close() {
      stopListening()
      clearInterval(collecting)
      clearInterval(reconsidering)
      clearTimeout(scrubbing)
      ending.abort()
      await Promise.all(running)
    },
  }
}
