import { type Digest, digestAlgorithm, digestHex, digestOf } from '../../oci/digest.ts'
import type { BlobReader, OpenedEarly } from '../../ports/content-store.ts'
import type { Verdict } from '../../ports/content-upkeep.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { ReadableStore } from '../../ports/neighbour-store.ts'
import type { OpenBlob, OpenListed } from './blob-access.ts'
import type { Holdings, Listed } from './holdings.ts'

/** Shorter than containerd said: what was read so far may be wrong. */
const shrank = (digest: Digest) =>
  new HoldfastError('blob-in-doubt', `${digest} in containerd's store is shorter than it should be`)

/**
 * Reads what containerd holds. Each blob is hashed once for every time that it appeared, before or while it is first read; one that does
 * not hash to its digest is held no more until it went and came again.
 */
export function readHoldings(holdings: Holdings, openListed: OpenListed): ReadableStore {
  /** The state in which each blob was found to be sound. */
  const sound = new Map<Digest, string>()
  const verifying = new Map<string, Promise<boolean>>()
  holdings.onChange(({ kind, digest }) => {
    if (kind === 'removed') sound.delete(digest)
  })

  async function openHeld(
    digest: Digest,
  ): Promise<{ readonly info: Listed; readonly blob: OpenBlob } | undefined> {
    const info = holdings.get(digest)
    if (info === undefined) return undefined
    const blob = await openListed(info)
    if (blob !== undefined) return { info, blob }
    holdings.lose(info, 'vanished')
    return undefined
  }

  async function judge(info: Listed, blob: OpenBlob): Promise<Verdict> {
    const hex = await blob.hash()
    if (hex === digestHex(info.digest)) {
      if (holdings.get(info.digest) === info) sound.set(info.digest, blob.state)
      return 'sound'
    }
    holdings.lose(info, hex === undefined ? 'vanished' : 'damaged')
    return hex === undefined ? 'absent' : 'damaged'
  }

  function verify(info: Listed, blob: OpenBlob): Promise<boolean> {
    const key = `${info.digest} ${info.appearance} ${blob.state}`
    const running = verifying.get(key)
    if (running !== undefined) return running
    const found = judge(info, blob)
      .then(verdict => verdict === 'sound')
      .finally(() => verifying.delete(key))
    verifying.set(key, found)
    return found
  }

  function readerOf(info: Listed, blob: OpenBlob): BlobReader {
    return {
      size: info.size,
      async read(into, position) {
        const got = await blob.read(into, position)
        if (got > 0 || into.length === 0 || position >= info.size) return got
        holdings.lose(info, 'damaged')
        throw shrank(info.digest)
      },
      close: () => blob.close(),
    }
  }

  async function openEarly(digest: Digest): Promise<OpenedEarly | undefined> {
    const held = await openHeld(digest)
    if (held === undefined) return undefined
    const { info, blob } = held
    const reader = readerOf(info, blob)
    const isKnown = sound.get(digest) === blob.state
    return { reader, verified: isKnown ? undefined : verify(info, blob) }
  }

  async function open(digest: Digest): Promise<BlobReader | undefined> {
    const opened = await openEarly(digest)
    if (opened === undefined) return undefined
    const { reader, verified = true } = opened
    try {
      if (await verified) return reader
    } catch (error) {
      await reader.close()
      throw error
    }
    await reader.close()
    return undefined
  }

  async function get(digest: Digest, maxBytes: number): Promise<Buffer | undefined> {
    if ((holdings.get(digest)?.size ?? 0) > maxBytes) return undefined
    const held = await openHeld(digest)
    if (held === undefined) return undefined
    const { info, blob } = held
    try {
      const bytes = await readWhole(blob, info.size)
      if (digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes
    } finally {
      await blob.close()
    }
    holdings.lose(info, 'damaged')
    return undefined
  }

  return {
    stat: digest => {
      const info = holdings.get(digest)
      return info && { digest, size: info.size }
    },
    open,
    openEarly,
    get,
    *list() {
      for (const { digest, size } of holdings.list()) yield { digest, size }
    },
    onChange: holdings.onChange,
    async reverify(digest, { signal }): Promise<Verdict> {
      signal.throwIfAborted()
      const held = await openHeld(digest)
      if (held === undefined) return 'absent'
      try {
        return await judge(held.info, held.blob)
      } finally {
        await held.blob.close()
      }
    },
  }
}

async function readWhole(blob: OpenBlob, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size)
  let done = 0
  while (done < size) {
    const got = await blob.read(bytes.subarray(done), done)
    if (got === 0) break
    done += got
  }
  return bytes.subarray(0, done)
}
