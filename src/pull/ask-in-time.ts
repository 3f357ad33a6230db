import { UpstreamFailure } from '../ports/errors.ts'
import { type Absent, absent } from './absent.ts'

/**
 * One client's question to an upstream, shared with nobody: it ends with the client or at the deadline, and its failure is
 * {@link Absent}. Rejects with the client's reason when `signal` aborts.
 */
export async function askInTime<T extends object>(
  ask: (signal: AbortSignal) => Promise<T>,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<T | Absent> {
  const deadline = AbortSignal.timeout(deadlineMs)
  try {
    return await ask(AbortSignal.any([signal, deadline]))
  } catch (error) {
    signal.throwIfAborted()
    if (deadline.aborted) return absent(`no answer within ${deadlineMs} ms`, 'unreachable')
    if (error instanceof UpstreamFailure) return absent(error.message, error.code)
    throw error
  }
}
