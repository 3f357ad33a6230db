import { decideForget } from './forget.ts'
import type { Decider, KeyOperation } from './key-operation.ts'
import type { KeyChange, KeyState } from './key-state.ts'
import { decideLocal, decideReaffirm, decideUpstream, decideUse } from './observe.ts'
import { decidePin, decideUnpin } from './set-pin.ts'

/** What an operation does to a key in this state; `undefined` when nothing. Pure: the same everywhere it is asked. */
export function decide(
  state: KeyState,
  key: string,
  operation: KeyOperation,
  decider: Decider,
): KeyChange | undefined {
  switch (operation.type) {
    case 'upstream':
      return decideUpstream(state, key, operation, decider)
    case 'local':
      return decideLocal(state, key, operation, decider)
    case 'pin':
      return decidePin(state, key, operation, decider)
    case 'unpin':
      return decideUnpin(state, key, operation, decider)
    case 'forget':
      return decideForget(state, key, operation, decider)
    case 'use':
      return decideUse(state, key, operation.atMs, decider)
    case 'reaffirm':
      return decideReaffirm(state, key, operation, decider)
    case 'held':
      return { held: operation.target }
  }
}
