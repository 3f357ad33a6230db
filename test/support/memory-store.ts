import { type Digest, digestAlgorithm, digestOf } from '../../src/oci/digest.ts'
import type {
  BlobInfo,
  BlobReader,
  BlobWriter,
  StoreChange,
} from '../../src/ports/content-store.ts'
import type { MaintainedStore } from '../../src/ports/content-upkeep.ts'
import { HoldfastError } from '../../src/ports/errors.ts'

export interface MemoryStore extends MaintainedStore {
  /** Changes a held blob's first byte, as a failing disk would. */
  damage(digest: Digest): void
}

/** A content store in memory: the fake, held to the same conformance suite as the real ones. Nothing in it waits. */
export function createMemoryStore({
  quotaBytes = Number.POSITIVE_INFINITY,
  makeRoom = () => Promise.resolve(false),
}: {
  readonly quotaBytes?: number
  readonly makeRoom?: (bytes: number) => Promise<boolean>
} = {}): MemoryStore {
  const blobs = new Map<Digest, Buffer>()
  const partials = new Map<Digest, Growing>()
  const writing = new Set<Digest>()
  const quarantined: BlobInfo[] = []
  const listeners = new Set<(change: StoreChange) => void>()

  const sum = (sizes: Iterable<number>) => [...sizes].reduce((total, size) => total + size, 0)
  const blobBytes = () => sum([...blobs.values()].map(blob => blob.length))
  const partialBytes = () => sum([...partials.values()].map(partial => partial.size))

  const tell = (change: StoreChange) => {
    for (const listener of listeners) listener(change)
  }

  function add(digest: Digest, bytes: Buffer): void {
    const isNew = !blobs.has(digest)
    blobs.set(digest, bytes)
    if (isNew) tell({ kind: 'added', digest, size: bytes.length })
  }

  function remove(digest: Digest, reason?: 'damaged'): void {
    const held = blobs.get(digest)
    if (held === undefined) return
    blobs.delete(digest)
    if (reason === 'damaged') quarantined.push({ digest, size: held.length })
    tell({ kind: 'removed', digest, size: held.length, ...(reason && { reason }) })
  }

  async function reserve(what: string, bytes: number): Promise<void> {
    const shortfall = () => blobBytes() + partialBytes() + bytes - quotaBytes
    if (shortfall() > 0 && (await makeRoom(shortfall())) && shortfall() <= 0) return
    if (shortfall() > 0) throw new HoldfastError('store-full', `no room for ${what}`)
  }

  function open(digest: Digest): BlobReader | undefined {
    const bytes = blobs.get(digest)
    if (bytes === undefined) return undefined
    return {
      size: bytes.length,
      read: async (into, position) => copy(bytes, into, position),
      close: async () => {},
    }
  }

  async function write(digest: Digest, size: number | undefined): Promise<BlobWriter> {
    if (writing.has(digest)) throw new Error(`${digest} is being written already`)
    writing.add(digest)
    let state: 'open' | 'ended' = 'open'
    const kept = partials.get(digest)
    const partial = kept === undefined || kept.size > (size ?? kept.size) ? createGrowing() : kept
    partials.set(digest, partial)
    try {
      if (size !== undefined) await reserve(digest, size - partial.size)
    } catch (error) {
      end(partial.size > 0)
      throw error
    }
    let offset = partial.size

    function end(keep: boolean): void {
      state = 'ended'
      writing.delete(digest)
      if (!keep || partial.size === 0) partials.delete(digest)
    }
    function assertOpen(): void {
      if (state === 'ended') throw new Error(`the writer of ${digest} has ended`)
    }
    const isRight = () => digestOf(partial.bytes(), digestAlgorithm(digest)) === digest

    return {
      digest,
      get offset() {
        return offset
      },
      async write(chunk) {
        assertOpen()
        if (size !== undefined && partial.size + chunk.length > size) {
          throw new HoldfastError('wrong-digest', `${digest} is longer than ${size} bytes`)
        }
        if (size === undefined) await reserve(digest, chunk.length)
        partial.append(chunk)
        offset = partial.size
      },
      read: async (into, position) => copy(partial.bytes(), into, position),
      async verify() {
        assertOpen()
        return isRight()
      },
      async commit() {
        assertOpen()
        end(false)
        if (!isRight()) throw new HoldfastError('wrong-digest', `these bytes are not ${digest}`)
        const bytes = partial.bytes()
        add(digest, bytes)
        return { digest, size: bytes.length }
      },
      async suspend() {
        assertOpen()
        end(true)
      },
      async discard() {
        assertOpen()
        end(false)
      },
      release: async () => {},
    }
  }

  return {
    stat(digest) {
      const held = blobs.get(digest)
      return held === undefined ? undefined : { digest, size: held.length }
    },
    open: async digest => open(digest),
    async get(digest, maxBytes) {
      const bytes = blobs.get(digest)
      if (bytes === undefined || bytes.length > maxBytes) return undefined
      if (digestOf(bytes, digestAlgorithm(digest)) === digest) return Buffer.from(bytes)
      remove(digest, 'damaged')
      return undefined
    },
    async put(digest, bytes) {
      if (digestOf(bytes, digestAlgorithm(digest)) !== digest) {
        throw new HoldfastError('wrong-digest', `these bytes are not ${digest}`)
      }
      if (blobs.has(digest)) return
      await reserve(digest, bytes.length)
      add(digest, Buffer.from(bytes))
      if (!writing.has(digest)) partials.delete(digest)
    },
    write,
    async takeIn(algorithm) {
      const growing = createGrowing()
      return {
        async write(chunk) {
          await reserve(`${algorithm} of an archive`, growing.size + chunk.length)
          growing.append(chunk)
        },
        async commit(expected) {
          const bytes = growing.bytes()
          const digest = digestOf(bytes, algorithm)
          if (expected !== undefined && digest !== expected) {
            throw new HoldfastError('wrong-digest', `these bytes are not ${expected}`)
          }
          const isNew = !blobs.has(digest)
          if (isNew) add(digest, bytes)
          return { digest, size: bytes.length, isNew }
        },
        discard: async () => {},
      }
    },
    partial: digest => partials.get(digest)?.size ?? 0,
    delete: async digest => remove(digest),
    list: () => [...blobs].map(([digest, bytes]) => ({ digest, size: bytes.length })),
    usage: async () => ({
      blobBytes: blobBytes(),
      partialBytes: partialBytes(),
      blobs: blobs.size,
      freeBytes: Math.min(quotaBytes, 2 ** 40) - blobBytes() - partialBytes(),
      totalBytes: Math.min(quotaBytes, 2 ** 40),
    }),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    partials: () =>
      [...partials].map(([digest, { size }]) => ({ digest, size, isOpen: writing.has(digest) })),
    async dropPartial(digest) {
      const freed = writing.has(digest) ? 0 : (partials.get(digest)?.size ?? 0)
      if (freed > 0) partials.delete(digest)
      return freed
    },
    quarantined: () => quarantined,
    async reverify(digest, { signal }) {
      signal.throwIfAborted()
      const bytes = blobs.get(digest)
      if (bytes === undefined) return 'absent'
      if (digestOf(bytes, digestAlgorithm(digest)) === digest) return 'sound'
      remove(digest, 'damaged')
      return 'damaged'
    },
    damage(digest) {
      const bytes = blobs.get(digest)
      if (bytes === undefined) throw new Error(`${digest} is not held`)
      bytes[0] = ~(bytes[0] ?? 0)
    },
  }
}

interface Growing {
  readonly size: number
  append(chunk: Uint8Array): void
  bytes(): Buffer
}

function createGrowing(): Growing {
  let chunks: Buffer[] = []
  let size = 0
  return {
    get size() {
      return size
    },
    append(chunk) {
      chunks.push(Buffer.from(chunk))
      size += chunk.length
    },
    bytes() {
      const whole = chunks.length === 1 ? chunks[0] : undefined
      const bytes = whole ?? Buffer.concat(chunks)
      chunks = [bytes]
      return bytes
    },
  }
}

function copy(bytes: Buffer, into: Uint8Array, position: number): number {
  const part = bytes.subarray(position, position + into.length)
  into.set(part)
  return part.length
}
