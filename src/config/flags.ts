import { type Assignment, type Assignments, assign, gather } from './assignments.ts'
import type { Fault } from './faults.ts'
import { keyOfFlag } from './keys.ts'

/** A flag as it was given: its name without dashes; no text where none followed. */
export interface Flag {
  readonly name: string
  readonly text: string | undefined
}

/** Whether a flag may stand without a value (`--store.complete-tags`). */
export function isSwitch(name: string): boolean {
  return keyOfFlag(name)?.schema.type === 'boolean'
}

/** Whether a flag sets a key of the configuration. */
export function isConfigFlag(name: string): boolean {
  return keyOfFlag(name) !== undefined
}

/** Reads flags that {@link isConfigFlag} knows; later ones win. */
export function readFlags(flags: readonly Flag[]): Assignments {
  return gather(flags.map(readFlag))
}

function readFlag({ name, text }: Flag): Assignment | Fault | undefined {
  const key = keyOfFlag(name)
  if (key === undefined) return undefined
  const origin = { kind: 'flag', name: `--${name}` } as const
  const given = text ?? (isSwitch(name) ? 'true' : undefined)
  if (given === undefined) return { path: key.path.join('.'), origin, problem: 'needs a value' }
  return assign(key, given, origin)
}
