import { HoldfastError } from '../ports/errors.ts'

/** How loudly it is told that content passes on without being stored: a full store is no fault, and a node may be meant to keep nothing. */
export function levelOfPassing(err: unknown): 'debug' | 'info' | 'warn' {
  if (!(err instanceof HoldfastError)) return 'warn'
  if (err.code === 'not-kept') return 'debug'
  return err.code === 'store-full' ? 'info' : 'warn'
}
