import pTimeout from 'p-timeout'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { PodMemory, RememberedContainer } from '../ports/pod-memory.ts'
import type { PodRuntime, PodView } from '../ports/pod-runtime.ts'
import type { Timers } from '../ports/timers.ts'
import { createRememberedPods } from './remember-pods.ts'

/**
 * Whether the pods of a node are known. `off`: it is configured not to look; `looking`: it has not looked yet; `seen`: it has just looked;
 * `unseen`: it cannot, and `failure` says why. What ran before counts in any case.
 */
export interface PodsState {
  readonly state: 'off' | 'looking' | 'seen' | 'unseen'
  readonly failure: string | undefined
}

/** The pods of this node, as they were seen last. */
export interface Pods {
  state(): PodsState
  /** What runs, and what ran until it is forgotten; those that run first. */
  containers(): readonly RememberedContainer[]
  /** What a tag stands for in the runtime of this node, `registry/repository:tag`; `undefined`: nothing there, or not known. */
  heldUnder(tag: string): Digest | undefined
  /** Looks now, or waits for the look that is under way. Never rejects. */
  look(): Promise<void>
  /** Calls back when other images run, or ran, than before. */
  onChange(listener: () => void): () => void
  close(): Promise<void>
}

/** Looks, and waits no longer than `ms` for it: what was seen last is then what is known. */
export const lookWithin = (pods: Pick<Pods, 'look'>, ms: number): Promise<void> =>
  pTimeout(pods.look(), { milliseconds: ms, fallback: () => undefined })

/** How often it is looked, ms. */
const everyMs = 30_000
/** With what containers name and run by, a change of images is seen. */
const imagesOf = (containers: readonly RememberedContainer[]): string =>
  [...new Set(containers.map(({ images, digest }) => `${images.join()} ${digest}`))]
    .toSorted()
    .join('\n')

/** A node that does not look. */
export const noPods: Pods = {
  state: () => ({ state: 'off', failure: undefined }),
  containers: () => [],
  heldUnder: () => undefined,
  look: async () => {},
  onChange: () => () => {},
  close: async () => {},
}

/** Looks at the pods of this node until it is closed. */
export function watchPods(
  parts: {
    /** Rejects with `HoldfastError` while there is no runtime. */
    readonly open: () => Promise<PodRuntime>
    readonly memory: PodMemory
    /** Trusted time, ms since the epoch. */
    readonly nowMs: () => number
    readonly clock: Clock
    readonly timers: Timers
    readonly log: Log
  },
  settings: { readonly runningForMs: number },
): Pods {
  const { clock, timers, log } = parts
  const remembered = createRememberedPods(parts.memory, settings)
  const listeners = new Set<() => void>()
  let images = imagesOf(remembered.list())
  let state: PodsState = { state: 'looking', failure: undefined }
  let runtime: PodRuntime | undefined
  let tags: PodView['tags'] = new Map()
  let seenAtMs: number | undefined
  let looking: Promise<void> | undefined
  let isClosed = false
  let cancel = timers.after(0, tick)

  function tick(): void {
    void look().then(() => {
      if (!isClosed) cancel = timers.after(everyMs, tick)
    })
  }

  function look(): Promise<void> {
    if (isClosed) return Promise.resolve()
    looking ??= lookNow().finally(() => {
      looking = undefined
    })
    return looking
  }

  async function lookNow(): Promise<void> {
    const view = await read()
    if (view === undefined) return
    become({ state: 'seen', failure: undefined })
    await take(view).catch(err => {
      log.warn({ err }, 'what the pods of this node run is not kept across a restart')
    })
  }

  async function read(): Promise<PodView | undefined> {
    try {
      runtime ??= await parts.open()
      return await runtime.look()
    } catch (error) {
      // A socket that comes back is another one.
      runtime?.close()
      runtime = undefined
      const failure = error instanceof Error ? error.message : String(error)
      become({ state: 'unseen', failure })
      return undefined
    }
  }

  async function take(view: PodView): Promise<void> {
    const nowMs = clock.monotonicMs()
    // Nobody looked while the runtime was away: that is no absence of what it ran.
    const sinceMs = Math.min(nowMs - (seenAtMs ?? nowMs), 2 * everyMs)
    seenAtMs = nowMs
    tags = view.tags
    const time = { nowMs: parts.nowMs(), wallMs: clock.wallMs(), sinceMs }
    const writing = remembered.see(view.containers, time)
    const now = imagesOf(remembered.list())
    if (now !== images) {
      images = now
      for (const listener of listeners) listener()
    }
    await writing
  }

  /** Told once, however long it lasts. */
  function become(next: PodsState): void {
    const isNews = next.state !== state.state || next.failure !== state.failure
    state = next
    if (!isNews) return
    if (next.state === 'seen') log.info({}, 'what the pods of this node run is kept')
    else log.info({ failure: next.failure }, 'the pods of this node are not seen')
  }

  return {
    state: () => state,
    containers: remembered.list,
    heldUnder: tag => tags.get(tag),
    look,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      isClosed = true
      cancel()
      await looking
      runtime?.close()
    },
  }
}
