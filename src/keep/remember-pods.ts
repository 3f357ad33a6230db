import { containerKey, type PodMemory, type RememberedContainer } from '../ports/pod-memory.ts'
import type { PodContainer } from '../ports/pod-runtime.ts'

/** Containers that ended and are remembered at the most; cron jobs make new ones every minute. */
const maxEnded = 2_000
/** What changes all the time is written this often, ms. */
const writeEveryMs = 10 * 60_000

/** What ran on this node, and for how long it was looked for since. */
export interface RememberedPods {
  /** Those that run first, then by when they were seen last. */
  list(): readonly RememberedContainer[]
  /** Takes in what the runtime tells. Settles when it is written. Rejects with `ledger-unusable`. */
  see(containers: readonly PodContainer[], time: LookTime): Promise<void>
}

/** When it was looked. */
export interface LookTime {
  /** Trusted time, ms since the epoch. */
  readonly nowMs: number
  /** By the machine's clock, ms since the epoch. */
  readonly wallMs: number
  /** For how long it was not looked, ms. */
  readonly sinceMs: number
}

/**
 * Goes on with what an earlier run remembered. An absence counts only while it is looked: what ran when the power went is not forgotten
 * because it was away for long. Names that were seen first stay, for a tag may go on to another image while the pod runs.
 */
export function createRememberedPods(
  memory: PodMemory,
  settings: { readonly runningForMs: number },
): RememberedPods {
  const known = new Map(memory.load().map(one => [containerKey(one), one]))
  let unwrittenMs = 0

  function seeOne(one: PodContainer, { nowMs, wallMs }: LookTime): RememberedContainer {
    const { createdAtMs, isRunning, ...told } = one
    const before = known.get(containerKey(one))
    // The machine's clock may be wrong; what it was set by meanwhile nobody knows.
    const madeMs = Math.min(nowMs, createdAtMs + (nowMs - wallMs))
    const firstMs = Math.min(before?.firstMs ?? madeMs, madeMs)
    const images = before === undefined || before.images.length === 0 ? told.images : before.images
    return { ...told, images, firstMs, madeMs, lastMs: nowMs, unseenMs: isRunning ? 0 : 1 }
  }

  /** Those to forget: away for too long, or too many, then of each image the one that ran last stays. */
  function superfluous(): readonly string[] {
    const away: string[] = []
    const images = new Set<string>()
    let ended = 0
    for (const [key, one] of sorted(known)) {
      if (one.unseenMs > 0) ended += 1
      const image = imageOf(one)
      const isSpare = ended > maxEnded && images.has(image)
      if (one.unseenMs >= settings.runningForMs || isSpare) away.push(key)
      images.add(image)
    }
    return away
  }

  /** What ended between two looks is new here, too; what runs has the last word, and of that what was made last. */
  function newsOf(containers: readonly PodContainer[], time: LookTime) {
    const news = containers.filter(one => one.isRunning || !known.has(containerKey(one)))
    const inTurn = news.toSorted(
      (a, b) => Number(a.isRunning) - Number(b.isRunning) || a.createdAtMs - b.createdAtMs,
    )
    return new Map(inTurn.map(one => [containerKey(one), seeOne(one, time)]))
  }

  /** Tells what is to be written at once: what began or ended. */
  function takeIn(seen: ReadonlyMap<string, RememberedContainer>, sinceMs: number) {
    const away = [...known].flatMap(([key, one]) =>
      seen.has(key)
        ? []
        : [[key, { ...one, unseenMs: one.unseenMs + Math.max(1, sinceMs) }] as const],
    )
    const news = [...seen].filter(([key]) => known.get(key)?.unseenMs !== 0)
    const ended = away.filter(([key]) => known.get(key)?.unseenMs === 0)
    for (const [key, one] of [...seen, ...away]) known.set(key, one)
    return new Map([...news, ...ended])
  }

  return {
    list: () => sorted(known).map(([, one]) => one),
    async see(containers, time) {
      const changed = takeIn(newsOf(containers, time), time.sinceMs)
      const forgotten = superfluous()
      for (const key of forgotten) known.delete(key)
      unwrittenMs += time.sinceMs
      const isDue = unwrittenMs >= writeEveryMs
      if (isDue) unwrittenMs = 0
      const put = [...(isDue ? known : changed)].flatMap(([key, one]) =>
        known.has(key) ? [one] : [],
      )
      if (put.length > 0 || forgotten.length > 0) await memory.write({ put, forgotten })
    },
  }
}

const imageOf = ({ images, digest }: RememberedContainer): string => `${images.join()} ${digest}`

function sorted(
  known: ReadonlyMap<string, RememberedContainer>,
): readonly (readonly [string, RememberedContainer])[] {
  return [...known].toSorted(
    ([, a], [, b]) => a.unseenMs - b.unseenMs || b.lastMs - a.lastMs || b.firstMs - a.firstMs,
  )
}
