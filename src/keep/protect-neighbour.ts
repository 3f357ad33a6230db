import type { Digest } from '../oci/digest.ts'
import type { Log } from '../ports/log.ts'
import type { NeighbourStore } from '../ports/neighbour-store.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { Timers } from '../ports/timers.ts'
import type { KeepSet } from './keep-set.ts'

/** What is kept is looked for again so often although nothing is heard, ms. */
const everyMs = 60_000
/** After a record came, or what is kept changed; those that come in the meantime are looked at with it, ms. */
const soonMs = 1_000

/** Has the neighbour protect what the ledger wants kept, until it is closed. */
export function protectInNeighbour(parts: {
  readonly neighbour: Pick<NeighbourStore, 'protect'>
  readonly ledger: Pick<TagLedger, 'onChanged'>
  readonly keeps: Pick<KeepSet, 'onChange'>
  /** The images that must stay, whole. */
  readonly kept: () => Promise<readonly Digest[]>
  readonly timers: Timers
  readonly log: Log
}): { close(): Promise<void> } {
  const { timers, log } = parts
  let looking: Promise<void> | undefined
  let isNews = true
  let isClosed = false
  let cancel = () => {}

  function schedule(): void {
    cancel()
    if (!isClosed) cancel = timers.after(isNews ? soonMs : everyMs, look)
  }

  function look(): void {
    isNews = false
    looking = tell().finally(() => {
      looking = undefined
      schedule()
    })
  }

  async function tell(): Promise<void> {
    try {
      const kept = await parts.kept()
      if (!isClosed) parts.neighbour.protect(new Set(kept))
    } catch (err) {
      log.warn({ err }, 'what the neighbour should protect is not known')
    }
  }

  function heard(): void {
    if (isNews) return
    isNews = true
    if (looking === undefined) schedule()
  }

  const stopListening = [parts.ledger.onChanged(heard), parts.keeps.onChange(heard)]
  schedule()
  return {
    async close() {
      isClosed = true
      for (const stop of stopListening) stop()
      cancel()
      await looking
    },
  }
}
