import type { TimeSample } from '../../ledger/agree-on-time.ts'
import { type Correction, correctState } from '../../ledger/correct.ts'
import type { KeyState } from '../../ledger/key-state.ts'
import { believeUntil, type TimeCorrection, type TrustedTime } from '../../ledger/trusted-time.ts'
import type { Log } from '../../ports/log.ts'
import type { Reader } from './reader.ts'
import { wordKinds } from './words.ts'
import type { WriterThread } from './writer-thread.ts'

/** Learns the time from registries and has put right what was written before it was known. */
export interface ClockCorrection {
  /** A registry's Date (ms since the epoch) that came over TLS. Whether it moved trusted time. */
  learn(dateMs: number): boolean
  /** What the members of the cluster say. Whether it moved trusted time. */
  learnFromPeers(samples: readonly TimeSample[]): boolean
  /** A stored state as it is once the writer has put it right; until then readers do so for themselves. */
  corrected(state: KeyState): KeyState
}

/** Time was right all along. */
const noError = { errorMs: 0, sinceMs: Number.MAX_SAFE_INTEGER }

/** Corrects through the writer; what cannot be written is tried again with the next Date. */
export function createClockCorrection(parts: {
  readonly time: TrustedTime
  readonly writer: WriterThread
  readonly reader: Reader
  readonly origin: string
  readonly log: Log
  readonly onChanged: (keys: readonly string[]) => void
}): ClockCorrection {
  const { time } = parts
  let current: Correction | undefined
  let isSent = false

  function send(by: Correction): void {
    isSent = true
    parts.writer.submit({ type: 'correct', correction: by }).then(
      ({ changed, exclusionsChanged, wordsChanged }) => {
        if (current === by) current = undefined
        if (exclusionsChanged) parts.reader.exclusions.reload()
        parts.reader.words.reload(exclusionsChanged ? wordKinds : wordsChanged)
        parts.onChanged(changed)
      },
      () => {
        if (current === by) isSent = false
      },
    )
  }

  function learnBy(ask: () => TimeCorrection | undefined): boolean {
    const wasVerified = time.isVerified()
    const jump = ask()
    if (jump !== undefined) {
      parts.log.warn({ errorMs: jump.errorMs }, 'clock corrected: records are put right')
    }
    // Known for the first time, it also tells which of the stored records are ahead.
    const isNews = jump !== undefined || wasVerified !== time.isVerified()
    if (isNews) {
      const { errorMs, sinceMs } = jump ?? noError
      current = { errorMs, sinceMs, nowMs: time.nowMs(), believeUntilMs: believeUntil(time) }
      isSent = false
    }
    if (current !== undefined && !isSent) send(current)
    return isNews
  }

  return {
    learn: dateMs => learnBy(() => time.learn(dateMs)),
    learnFromPeers: samples => learnBy(() => time.learnFromPeers(samples)),
    corrected: state =>
      current === undefined ? state : correctState(state, current, parts.origin),
  }
}
