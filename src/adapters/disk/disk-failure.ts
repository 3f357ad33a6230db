import { HoldfastError } from '../../ports/errors.ts'

/** The operating system's code of an error (`ENOENT` and the like). */
export function errorCode(error: unknown): string | undefined {
  const isSystems = error instanceof Error && 'syscall' in error && 'code' in error
  return isSystems ? String(error.code) : undefined
}

/**
 * What a failed file operation means: `store-full` when the disk or the user's disk quota is, else `store-unusable`. What is no
 * error of the operating system stays as it is.
 *
 * @param doing what was tried, with the path
 */
export function diskFailure(error: unknown, doing: string): unknown {
  const code = errorCode(error)
  if (error instanceof HoldfastError || code === undefined) return error
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HoldfastError('store-full', `the disk is full: ${doing}`, error)
  }
  return new HoldfastError('store-unusable', `${code} while ${doing}`, error)
}

/** Awaits a file operation and turns its failure into {@link diskFailure}. */
export async function tellFailure<T>(operation: Promise<T>, doing: string): Promise<T> {
  try {
    return await operation
  } catch (error) {
    throw diskFailure(error, doing)
  }
}
