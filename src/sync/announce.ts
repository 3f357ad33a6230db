import type { SignedRecord } from '../ledger/record.ts'
import { type Bus, maxBusBytes } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Timers } from '../ports/timers.ts'
import { encodeRecords, fit, recordsMessageType } from './wire.ts'

/** Batches are so far apart, ms; the first record after a pause goes at once. */
const everyMs = 200

/** Records in one message. */
const maxBatch = 200

/** Left free for what frames the records. */
const spareBytes = 1_024

/** Records that wait; beyond it the oldest are left to the catch-up. */
const maxWaiting = 10_000

/** Tells all nodes what this one learns; what came from others is handed on by the bus alone. */
export interface Announcer {
  close(): void
}

/** Follows the store. `onSent` is called with what each message held. */
export function createAnnouncer(parts: {
  readonly store: Pick<RecordStore, 'onRecords'>
  readonly bus: Pick<Bus, 'publish'>
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly onSent: (records: number, bytes: number) => void
}): Announcer {
  const { clock, timers } = parts
  let waiting: SignedRecord[] = []
  let cancel: (() => void) | undefined
  let lastMs = Number.NEGATIVE_INFINITY

  const stop = parts.store.onRecords((records, by) => {
    if (by !== 'self') return
    waiting.push(...records)
    if (waiting.length > maxWaiting) waiting = waiting.slice(-maxWaiting)
    schedule()
  })

  function schedule(): void {
    if (waiting.length === 0) return
    const waitMs = Math.max(0, lastMs + everyMs - clock.monotonicMs())
    cancel ??= timers.after(waitMs, flush)
  }

  function flush(): void {
    cancel = undefined
    lastMs = clock.monotonicMs()
    const batch = fit(waiting.slice(0, maxBatch), maxBusBytes - spareBytes)
    waiting = waiting.slice(batch.length)
    const message = Buffer.concat([Buffer.of(recordsMessageType), encodeRecords(batch)])
    parts.onSent(batch.length, message.length)
    parts.bus.publish(message).catch(err => parts.log.debug({ err }, 'records not published'))
    schedule()
  }

  return {
    close() {
      stop()
      cancel?.()
    },
  }
}
