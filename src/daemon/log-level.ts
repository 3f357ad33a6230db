import type { Timers } from '../ports/timers.ts'
import type { LogLevel, RunningLog } from '../telemetry/log.ts'

/** How much this process writes into its log. */
export interface LogLevelSwitch {
  state(): {
    readonly level: LogLevel
    readonly configured: LogLevel
    /** ms since the epoch; absent: until it is set anew, or the process ends. */
    readonly untilMs?: number
  }
  /** From the next line on. A restart brings back what is configured. @param forMs `undefined`: until it is set anew */
  set(level: LogLevel, forMs: number | undefined): void
  close(): void
}

/** Sets the level of a log, for a while or until it is set anew. */
export function createLogLevel(
  {
    log,
    timers,
    nowMs,
  }: { readonly log: RunningLog; readonly timers: Timers; readonly nowMs: () => number },
  { configured }: { readonly configured: LogLevel },
): LogLevelSwitch {
  let untilMs: number | undefined
  let cancel = (): void => {}
  return {
    state: () => ({ level: log.level(), configured, ...(untilMs !== undefined && { untilMs }) }),
    set(level, forMs) {
      cancel()
      log.setLevel(level)
      untilMs = forMs === undefined ? undefined : nowMs() + forMs
      if (forMs === undefined) return
      cancel = timers.after(forMs, () => {
        log.setLevel(configured)
        untilMs = undefined
      })
    },
    close: () => cancel(),
  }
}
