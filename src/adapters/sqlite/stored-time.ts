import { createTrustedTime, type KnownTime, type TrustedTime } from '../../ledger/trusted-time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Settings } from './settings.ts'

/** Names of settings. */
const offsetName = 'clock.offset-ms'
const highestName = 'clock.highest-trusted-ms'

/** Changes smaller than these are not worth a write, ms. */
const offsetGrainMs = 1_000
const highestGrainMs = 60_000

/** Trusted time that remembers across restarts what it learned. */
export interface StoredTime {
  readonly time: TrustedTime
  /** Writes what changed enough; at the end, all of it. */
  keep(isEnd?: boolean): Promise<void>
}

/** Continues the trusted time that the settings know of. */
export function createStoredTime(
  settings: Settings,
  needs: { readonly clock: Clock; readonly log: Log },
): StoredTime {
  let kept = readKnown(settings)
  const time = createTrustedTime(needs.clock, kept)
  return {
    time,
    async keep(isEnd = false) {
      if (!time.isVerified()) return
      const known = time.known()
      const isSmall =
        kept !== undefined &&
        Math.abs(known.offsetMs - kept.offsetMs) < offsetGrainMs &&
        known.highestMs - kept.highestMs < highestGrainMs
      if (isSmall && !isEnd) return
      kept = known
      try {
        await Promise.all([
          settings.note(offsetName, String(known.offsetMs)),
          settings.note(highestName, String(known.highestMs)),
        ])
      } catch (err) {
        needs.log.debug({ err }, 'trusted time not written')
      }
    },
  }
}

function readKnown(settings: Settings): KnownTime | undefined {
  const offsetMs = Number(settings.get(offsetName) ?? Number.NaN)
  const highestMs = Number(settings.get(highestName) ?? Number.NaN)
  if (!Number.isSafeInteger(offsetMs) || !Number.isSafeInteger(highestMs)) return undefined
  return { offsetMs, highestMs }
}
