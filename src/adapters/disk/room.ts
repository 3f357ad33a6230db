import { statfs } from 'node:fs/promises'
import { HoldfastError } from '../../ports/errors.ts'
import { createOneByOne } from '../../ports/one-by-one.ts'
import { tellFailure } from './disk-failure.ts'

/** Room that was promised to one download and is not filled yet. */
export interface Reservation {
  /** Asks for more. Rejects with `store-full`. */
  grow(bytes: number): Promise<void>
  /** Bytes that are now in a file, where they count as used. */
  filled(bytes: number): void
  /** Gives back what was not filled. */
  release(): void
}

/** Decides what may still come in. */
export interface Room {
  /** Rejects with `store-full` when no room may be made for `bytes`; `what` they are is for its message. */
  reserve(what: string, bytes: number): Promise<Reservation>
}

/** Free and total bytes of the file system that `dir` lies on, as an ordinary user sees them. */
export async function readFileSystem(
  dir: string,
): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
  const { bavail, blocks, bsize } = await tellFailure(statfs(dir), `asking for the room in ${dir}`)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

/**
 * Keeps what is used and promised within `quotaBytes`, and `minFreeBytes` of the file system free. What is missing is asked of
 * `makeRoom`, one question at a time, so that two downloads are not promised the same bytes.
 *
 * @param usedBytes everything the store has on disk now
 * @param makeRoom frees at least so many bytes, or answers `false`
 */
export function createRoom(
  parts: {
    readonly dir: string
    readonly usedBytes: () => number
    readonly makeRoom: (bytes: number) => Promise<boolean>
  },
  limits: { readonly quotaBytes: number; readonly minFreeBytes: number },
): Room {
  let promised = 0
  const inTurn = createOneByOne()

  async function shortfall(bytes: number): Promise<number> {
    const { freeBytes } = await readFileSystem(parts.dir)
    const overQuota = parts.usedBytes() + promised + bytes - limits.quotaBytes
    const overFree = promised + bytes + limits.minFreeBytes - freeBytes
    return Math.max(overQuota, overFree)
  }

  async function promise(what: string, bytes: number): Promise<void> {
    const missing = await shortfall(bytes)
    if (missing > 0) {
      const isMade = await parts.makeRoom(missing)
      if (!isMade || (await shortfall(bytes)) > 0) {
        throw new HoldfastError('store-full', `no room for ${bytes} bytes of ${what}`)
      }
    }
    promised += bytes
  }

  function promiseInTurn(what: string, bytes: number): Promise<void> {
    return bytes <= 0 ? Promise.resolve() : inTurn(() => promise(what, bytes))
  }

  return {
    async reserve(what, bytes) {
      let mine = Math.max(0, bytes)
      await promiseInTurn(what, mine)
      return {
        async grow(more) {
          await promiseInTurn(what, more)
          mine += more
        },
        filled(count) {
          mine -= count
          promised -= count
        },
        release() {
          promised -= mine
          mine = 0
        },
      }
    },
  }
}
