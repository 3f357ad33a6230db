import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Timers } from '../ports/timers.ts'
import type { MakeReport, ReportedImage, Verdict } from './offline-report.ts'
import type { WantedImage } from './wanted-images.ts'

/** What the last report on the keep set came to. */
export interface ReportSummary {
  /** When it was made, on the monotonic clock, ms. */
  readonly atMs: number
  /** Images by their verdict. */
  readonly verdicts: Readonly<Record<Verdict, number>>
  /** Images by the number of nodes that hold all of them, for the platform with the fewest; the last counts all above as well. */
  readonly copies: readonly number[]
}

/** Makes the offline report on the keep set now and then, so that an alert can tell what nobody asked about. */
export interface ReportWatch {
  /** `undefined` before the first report, and when the last one could not be made. */
  last(): ReportSummary | undefined
  close(): Promise<void>
}

/** Numbers of copies that are told apart: none, one, two, and three or more. */
const tellApart = 4
/** After the start, when neighbours were met, ms. */
const firstAfterMs = 60_000
/** Reports are no closer to each other, whatever is configured, ms. */
const leastMs = 1_000
/** The longest that one report takes, ms. */
const withinMs = 30_000
/** Images looked at; the rest of a larger keep set is not. */
const maxImages = 1_000

/** @param settings.everyMs from the end of one report to the next */
export function startReportWatch(
  parts: {
    readonly make: MakeReport
    readonly keepSet: (limit: number) => Promise<readonly WantedImage[]>
    readonly clock: Pick<Clock, 'monotonicMs'>
    readonly timers: Timers
    readonly log: Log
  },
  settings: { readonly everyMs: number },
): ReportWatch {
  const { clock, timers, log } = parts
  const everyMs = Math.max(settings.everyMs, leastMs)
  const closing = new AbortController()
  let last: ReportSummary | undefined
  let looking: Promise<void> | undefined
  let cancel = timers.after(Math.min(firstAfterMs, everyMs), look)

  function look(): void {
    looking = summarise()
      .catch(err => {
        last = undefined
        if (!closing.signal.aborted) log.warn({ err }, 'no report was made on what is kept')
      })
      .then(() => {
        looking = undefined
        if (!closing.signal.aborted) cancel = timers.after(everyMs, look)
      })
  }

  async function summarise(): Promise<void> {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(withinMs)])
    const { images } = await parts.make(await parts.keepSet(maxImages), { signal })
    last = {
      atMs: clock.monotonicMs(),
      verdicts: countVerdicts(images),
      copies: countCopies(images),
    }
  }

  return {
    last: () => last,
    async close() {
      closing.abort()
      cancel()
      await looking
    },
  }
}

function countVerdicts(images: readonly ReportedImage[]): Record<Verdict, number> {
  const counts = { ready: 0, 'at-risk': 0, 'not-ready': 0 }
  for (const { verdict } of images) counts[verdict] += 1
  return counts
}

function countCopies(images: readonly ReportedImage[]): number[] {
  const counts = Array.from({ length: tellApart }, () => 0)
  for (const { copies } of images) {
    const fewest = copies.length === 0 ? 0 : Math.min(...copies.map(({ held }) => held))
    const place = Math.min(fewest, tellApart - 1)
    counts[place] = (counts[place] ?? 0) + 1
  }
  return counts
}
