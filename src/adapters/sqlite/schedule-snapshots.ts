import type { Log } from '../../ports/log.ts'
import type { Reader } from './reader.ts'
import type { WriterThread } from './writer-thread.ts'

/** Between snapshots, ms. */
const everyMs = 3_600_000

/** When the first ones are taken, ms after the start: many a portable node never runs for an hour. */
const soonMs = [5_000, 60_000, 600_000] as const

/** Snapshots by the clock. */
export interface Snapshots {
  /** Whether one was taken: not when nothing changed since the last. Rejects when it failed. */
  take(): Promise<boolean>
  close(): void
}

/** Takes a snapshot soon after the start and then hourly, each only when the ledger changed. */
export function createSnapshots(parts: {
  readonly reader: Reader
  readonly writer: WriterThread
  readonly log: Log
}): Snapshots {
  let takenAt: number | undefined

  /** SQLite counts every change that another connection commits. */
  const dataVersion = (): number =>
    parts.reader.read(({ db }) => Number(db.pragma('data_version', { simple: true })), -1)

  async function take(): Promise<boolean> {
    const version = dataVersion()
    if (version === takenAt) return false
    await parts.writer.submit({ type: 'snapshot' })
    takenAt = version
    return true
  }

  const tick = (): void => {
    take().catch(err => parts.log.warn({ err }, 'no snapshot of the ledger'))
  }
  const soon = soonMs.map(afterMs => setTimeout(tick, afterMs).unref())
  const hourly = setInterval(tick, everyMs).unref()
  return {
    take,
    close() {
      for (const timer of soon) clearTimeout(timer)
      clearInterval(hourly)
    },
  }
}
