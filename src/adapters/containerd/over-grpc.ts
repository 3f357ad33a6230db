import { status } from '@grpc/grpc-js'
import { type Digest, digestAlgorithm } from '../../oci/digest.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { ContainerdApi } from './api.ts'
import type { OpenListed } from './blob-access.ts'
import { statusOf } from './failure.ts'
import { type BeginHash, hashFetched } from './hash-fetched.ts'
import { readAhead } from './read-ahead.ts'

/** What is asked of containerd at once, and how many of these before they are needed. */
const reading = { pieceBytes: 4 * 1024 * 1024, ahead: 1 }

/** Asks containerd for the bytes. A blob that is deleted while it is read ends its readers with `blob-interrupted`. */
export function overGrpc(api: () => ContainerdApi | undefined, beginHash: BeginHash): OpenListed {
  return async ({ digest, size, appearance }) => {
    if (!(await isThere(api(), digest))) return undefined
    const fetch = (into: Uint8Array, position: number) => ask(api(), digest, position, into)
    return {
      state: `listed ${appearance}`,
      read: readAhead(size, fetch, reading),
      // By pieces of its own: it is elsewhere in the blob than whoever reads it.
      hash: () =>
        hashFetched({ algorithm: digestAlgorithm(digest), size }, fetch, beginHash).catch(error => {
          if (error instanceof HoldfastError) throw error
          throw new HoldfastError('store-unusable', `${digest} cannot be hashed`, error)
        }),
      close: async () => {},
    }
  }
}

async function isThere(api: ContainerdApi | undefined, digest: Digest): Promise<boolean> {
  if (api === undefined) return false
  try {
    await api.read(digest, 0, new Uint8Array(1))
    return true
  } catch (error) {
    const code = statusOf(error)
    if (code === status.OUT_OF_RANGE) return true // an empty one
    if (code === status.NOT_FOUND || code === status.UNAVAILABLE) return false
    throw new HoldfastError('store-unusable', `containerd does not give ${digest}`, error)
  }
}

async function ask(
  api: ContainerdApi | undefined,
  digest: Digest,
  position: number,
  into: Uint8Array,
): Promise<number> {
  try {
    if (api !== undefined) return await api.read(digest, position, into)
  } catch (error) {
    throw new HoldfastError('blob-interrupted', `containerd stopped giving ${digest}`, error)
  }
  throw new HoldfastError('blob-interrupted', `containerd went away while ${digest} was read`)
}
