import { emptyKeyState, type KeyState } from '../../ledger/key-state.ts'
import type { OpenedReader, Reader } from './reader.ts'
import { remember } from './remembered-keys.ts'

/** The stored pins of keys that were asked for: every question for a tag asks first whether it is pinned. */
export interface PinMemory {
  /** As `readPins` of the database; nothing but `pins` is filled in. */
  read(key: string): KeyState
  /** What is stored of these keys is no longer what it was. */
  forget(keys: readonly string[]): void
}

/** Remembers what was read until it changes, or until another database takes the place of the one it was read from. */
export function createPinMemory(reader: Reader): PinMemory {
  const states = new Map<string, KeyState>()
  let source: OpenedReader | undefined

  function readFrom(opened: OpenedReader, key: string): KeyState {
    if (opened !== source) {
      states.clear()
      source = opened
    }
    const known = states.get(key)
    if (known !== undefined) return known
    const state = opened.keys.readPins(key)
    remember(states, key, state)
    return state
  }

  return {
    read: key => reader.read(opened => readFrom(opened, key), emptyKeyState),
    forget(keys) {
      for (const key of keys) states.delete(key)
    },
  }
}
