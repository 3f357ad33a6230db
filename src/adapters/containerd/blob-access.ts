import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { type Digest, type DigestAlgorithm, digestAlgorithm, digestHex } from '../../oci/digest.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { ContainerdApi } from './api.ts'
import { statusOf } from './failure.ts'
import type { Listed } from './holdings.ts'

/** A blob of containerd's that can be read. Nobody has verified it for us. */
export interface OpenBlob {
  /** Changes whenever its bytes may have. */
  readonly state: string
  read(into: Uint8Array, position: number): Promise<number>
  /** The hash in hex of its bytes; `undefined` when they went or changed meanwhile. Not ended by `close`. */
  hash(): Promise<string | undefined>
  close(): Promise<void>
}

/** Opens what containerd lists; `undefined` when it is not there (any more). */
export type OpenListed = (info: Listed) => Promise<OpenBlob | undefined>

/** The hash in hex of a file's first `size` bytes. */
export type HashFile = (path: string, algorithm: DigestAlgorithm, size: number) => Promise<string>

const hashStepBytes = 1024 * 1024
/** What is asked of containerd at once. */
const windowBytes = 4 * 1024 * 1024

/** Opens blobs in containerd's content directory: four times as fast as asking, and without work for containerd. */
export function inDirectory(root: string, hashFile: HashFile): OpenListed {
  return async ({ digest, size }) => {
    const path = join(root, 'blobs', digestAlgorithm(digest), digestHex(digest))
    const file = await openFile(path)
    if (file === undefined) return undefined
    const state = await stateOf(file)
    return {
      state,
      read: async (into, position) => (await file.read(into, 0, into.length, position)).bytesRead,
      async hash() {
        const hashing = hashFile(path, digestAlgorithm(digest), size)
        const hex = await hashing.catch((error: unknown) => error)
        const now = await openFile(path)
        const isSame = now !== undefined && (await stateOf(now)) === state
        await now?.close()
        if (!isSame) return undefined
        if (typeof hex === 'string') return hex
        throw new HoldfastError('store-unusable', `${path} cannot be read`, hex)
      },
      close: () => file.close(),
    }
  }
}

/** No link: it would lead to what containerd did not put there. `undefined`: not to be seen or opened from here. */
async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch {
    return undefined
  }
}

async function stateOf(file: FileHandle): Promise<string> {
  const { ino, size, ctimeMs } = await file.stat()
  return `${ino} ${size} ${ctimeMs}`
}

/** Asks containerd for the bytes. A blob that is deleted while it is read ends its readers with `blob-interrupted`. */
export function overGrpc(api: () => ContainerdApi | undefined): OpenListed {
  return async ({ digest, size, appearance }) => {
    if (!(await isThere(api(), digest))) return undefined
    const read = readAhead(size, (into, position) => ask(api(), digest, position, into))
    return {
      state: `listed ${appearance}`,
      read,
      hash: () => hashByReading(digest, read),
      close: async () => {},
    }
  }
}

/** Reads more than is asked for, so that a blob read in small pieces does not cost a call for each. One window is held at a time. */
function readAhead(size: number, fetch: OpenBlob['read']): OpenBlob['read'] {
  let window: { readonly from: number; readonly bytes: Promise<Buffer> } | undefined

  async function fill(from: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(Math.min(windowBytes, size - from))
    return bytes.subarray(0, await fetch(bytes, from))
  }

  function windowAt(position: number): NonNullable<typeof window> {
    const isIn = window && position >= window.from && position < window.from + windowBytes
    if (window !== undefined && isIn) return window
    const made = { from: position, bytes: fill(position) }
    window = made
    made.bytes.catch(() => {
      if (window === made) window = undefined
    })
    return made
  }

  return async (into, position) => {
    const wanted = into.subarray(0, Math.max(0, size - position))
    if (wanted.length === 0) return 0
    if (wanted.length >= windowBytes) return fetch(wanted, position)
    const { from, bytes } = windowAt(position)
    const fitting = (await bytes).subarray(position - from).subarray(0, wanted.length)
    wanted.set(fitting)
    return fitting.length
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

async function hashByReading(digest: Digest, read: OpenBlob['read']): Promise<string> {
  const hash = createHash(digestAlgorithm(digest))
  const buffer = Buffer.allocUnsafe(hashStepBytes)
  for (let position = 0; ; ) {
    const got = await read(buffer, position)
    if (got === 0) return hash.digest('hex')
    hash.update(buffer.subarray(0, got))
    position += got
  }
}
