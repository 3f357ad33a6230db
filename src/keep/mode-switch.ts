import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Mode } from '../ports/mode.ts'

/** A mode that an operator set. Times in ms since the epoch. */
export interface SetMode {
  readonly mode: Mode
  readonly by: string
  readonly atMs: number
  /** `undefined`: until somebody sets it anew. */
  readonly untilMs: number | undefined
}

/** A mode that an operator set for all nodes. */
export interface ClusterModeState extends SetMode {
  /** Public key (hex) of the node on which it was set. */
  readonly origin: string
  readonly note: string | undefined
}

/** How this node treats upstreams now, and who wanted it so. */
export interface ModeState {
  readonly mode: Mode
  /** Whose word it is: what is set for this node counts above what is set for all, and that above the configuration. */
  readonly decidedBy: 'node' | 'cluster' | 'configuration'
  /** What the configuration says. */
  readonly configured: Mode
  /** What is set for this node. */
  readonly set?: Omit<SetMode, 'mode'>
  /** What is set for all nodes. */
  readonly cluster?: ClusterModeState
}

/** The mode of this node, which an operator may set above what is configured. */
export interface ModeSwitch {
  current(): Mode
  state(): ModeState
  /**
   * In force when it settles, and kept across restarts until it is over. Rejects with `ledger-unusable`, and changes nothing then.
   *
   * @param forMs how long; `undefined`: until it is set anew
   */
  set(mode: Mode, wish: { readonly by: string; readonly forMs: number | undefined }): Promise<void>
  /** What the configuration says counts again. Rejects with `ledger-unusable`. */
  reset(): Promise<void>
}

/** What outlives a restart. */
interface Kept {
  readonly mode: Mode
  readonly by: string
  readonly atMs: number
  readonly forMs?: number | undefined
}

const settingName = 'mode'

const modes: readonly unknown[] = ['auto', 'offline', 'online'] satisfies Mode[]

/** Whether it is a mode of this version. */
export const isMode = (value: unknown): value is Mode => modes.includes(value)

/**
 * Goes on with what an earlier run was told. While the process runs, its end is told by the monotonic clock: that of the wall may be set
 * meanwhile, by years on a machine without a battery. Across a restart trusted time tells it, and never makes it longer than it was meant.
 */
export function createModeSwitch(
  parts: {
    readonly settings: {
      get(name: string): string | undefined
      set(name: string, value: string): Promise<void>
    }
    /** What is set for all nodes. */
    readonly cluster: () => ClusterModeState | undefined
    readonly clock: Pick<Clock, 'monotonicMs'>
    /** Trusted time, ms since the epoch. */
    readonly nowMs: () => number
    readonly log: Log
  },
  { configured }: { readonly configured: Mode },
): ModeSwitch {
  const { settings, cluster, clock, nowMs, log } = parts
  let kept = readKept(settings.get(settingName))
  /** On the monotonic clock. */
  let endsAtMs = endOf(kept, nowMs)
  if (inForce() !== undefined) {
    log.warn({ ...kept, configured }, 'the mode is the one that an operator has set')
  }

  function endOf({ atMs, forMs }: Partial<Kept> = {}, now: () => number): number {
    if (atMs === undefined || forMs === undefined) return Number.POSITIVE_INFINITY
    return clock.monotonicMs() + Math.min(forMs, atMs + forMs - now())
  }

  function inForce(): Kept | undefined {
    if (kept !== undefined && clock.monotonicMs() >= endsAtMs) {
      log.info({ was: kept.mode }, 'the mode that was set for this node is over')
      kept = undefined
    }
    return kept
  }

  async function keep(next: Kept | undefined): Promise<void> {
    await settings.set(settingName, next === undefined ? '' : JSON.stringify(next))
    kept = next
    endsAtMs = endOf(next, nowMs)
  }

  /** What is set for this node. */
  function own(): SetMode | undefined {
    const now = inForce()
    if (now === undefined) return undefined
    const { mode, by, atMs, forMs } = now
    const leftMs = endsAtMs - clock.monotonicMs()
    return { mode, by, atMs, untilMs: forMs === undefined ? undefined : toSecond(nowMs() + leftMs) }
  }

  return {
    current: () => inForce()?.mode ?? cluster()?.mode ?? configured,
    state() {
      const all = cluster()
      const everywhere = all && { cluster: all }
      const here = own()
      if (here !== undefined) {
        const { mode, ...set } = here
        return { mode, decidedBy: 'node', configured, set, ...everywhere }
      }
      if (all === undefined) return { mode: configured, decidedBy: 'configuration', configured }
      return { mode: all.mode, decidedBy: 'cluster', configured, ...everywhere }
    },
    async set(mode, { by, forMs }) {
      await keep({ mode, by, atMs: nowMs(), forMs })
      log.warn({ mode, by, forMs }, 'an operator has set the mode')
    },
    async reset() {
      await keep(undefined)
      log.info({ mode: cluster()?.mode ?? configured }, 'no mode is set for this node any more')
    },
  }
}

/** The two clocks differ by parts of a ms from one look to the next. */
const toSecond = (ms: number): number => Math.round(ms / 1_000) * 1_000

/** What cannot be read is as if nothing had been set. */
function readKept(text: string | undefined): Kept | undefined {
  if (text === undefined || text === '') return undefined
  try {
    const { mode, by, atMs, forMs } = JSON.parse(text) as Kept
    const isWhole = isMode(mode) && typeof by === 'string' && Number.isFinite(atMs)
    if (isWhole && (forMs === undefined || Number.isFinite(forMs))) return { mode, by, atMs, forMs }
  } catch {
    // Not ours.
  }
  return undefined
}
