import { agreeOnTime, type TimeSample } from './agree-on-time.ts'
import { maxAheadMs } from './stamp.ts'

/** No node that runs this lives before it was written: a clock that says so is wrong. ms since the epoch. */
export const earliestPlausibleMs = Date.UTC(2026, 0, 1)

/** Dates are believed by the median of this many. */
const keptSamples = 5

/** A wall clock that lags behind the highest time ever trusted by no more than this is only slow. */
const slackMs = 60_000

/** The machine's clocks: the wall clock may say anything and jump, the monotonic one only runs on. ms. */
export interface MachineClock {
  wallMs(): number
  monotonicMs(): number
}

/** What is worth keeping across a restart. */
export interface KnownTime {
  /** What was to be added to the wall clock. */
  readonly offsetMs: number
  /** The highest time ever trusted, ms since the epoch. */
  readonly highestMs: number
}

/** A jump of trusted time beyond what is believed ahead of it: what was stamped before it may have to be corrected. */
export interface TimeCorrection {
  /** How much the earlier estimate was ahead of the new one, ms; negative when it was behind. */
  readonly errorMs: number
  /** Local times at or after this (in the earlier estimate) were taken with that error. */
  readonly sinceMs: number
}

/** Whose word trusted time rests on: a registry's Date, or what at least three nodes of the cluster, this one among them, agree on. */
export type TimeSource = 'registry' | 'peers'

/** The node's idea of the time; a wrong machine clock is expected. */
export interface TrustedTime {
  /** ms since the epoch. */
  nowMs(): number
  /** Whether a registry's Date came over verified TLS, or the cluster agreed, since the start. */
  isVerified(): boolean
  /** Whose word it rests on. */
  source(): TimeSource | undefined
  /** What is added to the machine's wall clock, ms. */
  offsetMs(): number
  /** A registry's Date (ms since the epoch) that came over verified TLS just now. */
  learn(dateMs: number): TimeCorrection | undefined
  /** What the members of the cluster say, one sample each. Without effect once a registry told the time. */
  learnFromPeers(samples: readonly TimeSample[]): TimeCorrection | undefined
  known(): KnownTime
}

/**
 * Trusted time is the median of the last registry Dates, running on by the monotonic clock, so that a wall clock that is set meanwhile
 * changes nothing. One registry with a wrong clock is outvoted once others answered; the first one is believed, for there is
 * nobody else. Before the first Date it is what the cluster agrees on.
 *
 * Before either it is an estimate: of the wall clock as it is and as it was corrected last, the lower that is not before the
 * highest time ever trusted (a clock repaired while we were down must not be corrected twice); with neither, that highest time
 * itself, running on.
 */
export function createTrustedTime(clock: MachineClock, known: KnownTime | undefined): TrustedTime {
  const startedMs = clock.monotonicMs()
  const floorMs = Math.max(known?.highestMs ?? 0, earliestPlausibleMs)
  /** Trusted time less the monotonic clock, one a Date, oldest first. */
  const anchors: number[] = []
  /** What is added to the monotonic clock: by registries' word or, without one, by the cluster's. */
  let anchor: number | undefined
  let highestMs = known?.highestMs ?? 0
  let frameSinceMs = estimate()

  function estimate(): number {
    const runningFloorMs = floorMs + clock.monotonicMs() - startedMs
    const wallMs = clock.wallMs()
    const candidates = [wallMs, wallMs + (known?.offsetMs ?? 0)].filter(
      ms => ms >= runningFloorMs - slackMs,
    )
    return candidates.length === 0
      ? runningFloorMs
      : Math.max(Math.min(...candidates), runningFloorMs)
  }

  const nowMs = (): number =>
    Math.round(anchor === undefined ? estimate() : anchor + clock.monotonicMs())

  function source(): TimeSource | undefined {
    if (anchors.length > 0) return 'registry'
    return anchor === undefined ? undefined : 'peers'
  }

  /** After another word counts: what that changed. */
  function correction(beforeMs: number): TimeCorrection | undefined {
    const afterMs = nowMs()
    const errorMs = beforeMs - afterMs
    if (Math.abs(errorMs) <= maxAheadMs) return undefined
    const sinceMs = frameSinceMs
    frameSinceMs = afterMs
    return { errorMs, sinceMs }
  }

  return {
    nowMs,
    isVerified: () => source() !== undefined,
    source,
    offsetMs: () => nowMs() - Math.round(clock.wallMs()),
    learn(dateMs) {
      if (!Number.isSafeInteger(dateMs) || dateMs < earliestPlausibleMs) return undefined
      const beforeMs = nowMs()
      anchors.push(dateMs - clock.monotonicMs())
      if (anchors.length > keptSamples) anchors.shift()
      anchor = median(anchors)
      highestMs = Math.max(highestMs, nowMs())
      return correction(beforeMs)
    },
    learnFromPeers(samples) {
      if (anchors.length > 0) return undefined
      const beforeMs = nowMs()
      const agreed = agreeOnTime(samples, beforeMs - clock.monotonicMs())
      // Never the highest time trusted: peers that lie together must not bind this node for good.
      if (agreed !== undefined && agreed + clock.monotonicMs() >= earliestPlausibleMs) {
        anchor = agreed
      }
      return correction(beforeMs)
    },
    known() {
      if (anchors.length > 0) highestMs = Math.max(highestMs, nowMs())
      return { offsetMs: nowMs() - Math.round(clock.wallMs()), highestMs }
    },
  }
}

/** Of an odd number: with an even one the newest waits for the next, since one voice alone changes nothing. */
function median(values: readonly number[]): number | undefined {
  const odd = values.slice(0, values.length - ((values.length + 1) % 2))
  return odd.sort((a, b) => a - b)[odd.length >> 1]
}

/** Stamps beyond this are not believed, ms since the epoch; all are until time is verified. */
export function believeUntil(time: TrustedTime): number {
  return time.isVerified() ? time.nowMs() + maxAheadMs : Number.MAX_SAFE_INTEGER
}

/**
 * The time an upstream's answer counts from: the registry's own Date, the one clock that all nodes share. Once trusted time is
 * verified a Date further than five minutes from it is not believed and trusted time stands in; before, one from before this was
 * written is not.
 */
export function answerTime(dateMs: number | undefined, time: TrustedTime): number {
  if (dateMs === undefined || !Number.isSafeInteger(dateMs)) return time.nowMs()
  if (!time.isVerified()) return dateMs >= earliestPlausibleMs ? dateMs : time.nowMs()
  return Math.abs(dateMs - time.nowMs()) <= maxAheadMs ? dateMs : time.nowMs()
}
