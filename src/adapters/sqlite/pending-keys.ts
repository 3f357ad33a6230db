import type { KeyState } from '../../ledger/key-state.ts'

/** Keys with writes whose commit is not acknowledged yet, as they will be. Readers look here first. */
export interface PendingKeys {
  get(key: string): KeyState | undefined
  keys(): Iterable<string>
  /** Keys that the database knows no observation of yet. */
  newKeys(): number
  /** The key's state from now on, until `written` settles and no later write is under way. */
  put(key: string, state: KeyState, before: KeyState, written: Promise<unknown>): void
}

/** Holds the states between a write and its acknowledgement. */
export function createPendingKeys(): PendingKeys {
  const entries = new Map<string, { state: KeyState; writes: number; readonly isNew: boolean }>()

  function acknowledge(key: string): void {
    const entry = entries.get(key)
    if (entry === undefined) return
    entry.writes--
    // A write that failed leaves its trace until the last one settles; then the database alone speaks.
    if (entry.writes === 0) entries.delete(key)
  }

  return {
    get: key => entries.get(key)?.state,
    keys: () => entries.keys(),
    newKeys() {
      let count = 0
      for (const { isNew, state } of entries.values()) {
        if (isNew && state.observations.length > 0) count++
      }
      return count
    },
    put(key, state, before, written) {
      const entry = entries.get(key)
      if (entry === undefined) {
        entries.set(key, { state, writes: 1, isNew: before.observations.length === 0 })
      } else {
        entry.state = state
        entry.writes++
      }
      const settled = () => acknowledge(key)
      written.then(settled, settled)
    },
  }
}
