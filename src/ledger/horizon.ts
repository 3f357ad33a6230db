const dayMs = 86_400_000

/** Days after which what nobody used is forgotten. */
export const defaultRetentionDays = 90

/** How many days the horizon may advance per day of uptime. */
const maxRate = 2

/**
 * Where records start to be too old, moved on: towards trusted time less the retention, never back, and at most two days per day of
 * uptime. A cluster that was switched off for half a year so has time to write its uses again before anything goes. A node without
 * a horizon starts at what is oldest in its ledger, if that is older. All in ms.
 */
export function advanceHorizon(
  horizonMs: number | undefined,
  past: {
    readonly nowMs: number
    readonly uptimeMs: number
    readonly retentionDays: number
    readonly oldestMs: number | undefined
  },
): number {
  const targetMs = past.nowMs - past.retentionDays * dayMs
  if (horizonMs === undefined) return Math.min(targetMs, past.oldestMs ?? targetMs)
  return Math.max(horizonMs, Math.min(targetMs, horizonMs + maxRate * past.uptimeMs))
}
