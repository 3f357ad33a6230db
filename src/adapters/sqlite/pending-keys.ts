import type { KeyState } from '../../ledger/key-state.ts'

/** Keys with writes whose commit is not acknowledged yet, as they will be. Readers look here first. */
export interface PendingKeys {
  get(key: string): KeyState | undefined
  keys(): Iterable<string>
  /** How many more keys are such than the database knows of; less than 0: how many fewer. */
  moreOf(isSuch: (state: KeyState) => boolean): number
  /** The key's state from now on, until `written` settles and no later write is under way. */
  put(key: string, state: KeyState, before: KeyState, written: Promise<unknown>): void
}

/** Holds the states between a write and its acknowledgement. */
export function createPendingKeys(): PendingKeys {
  const entries = new Map<string, { state: KeyState; writes: number; readonly before: KeyState }>()

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
    moreOf(isSuch) {
      let more = 0
      for (const { state, before } of entries.values()) {
        more += Number(isSuch(state)) - Number(isSuch(before))
      }
      return more
    },
    put(key, state, before, written) {
      const entry = entries.get(key)
      if (entry === undefined) {
        entries.set(key, { state, writes: 1, before })
      } else {
        entry.state = state
        entry.writes++
      }
      const settled = () => acknowledge(key)
      written.then(settled, settled)
    },
  }
}
