import type { Digest } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import type { ContentStore } from '../ports/content-store.ts'

/** Blobs looked at at the same time. */
const concurrency = 16

/** The byte every manifest starts with. */
const openingBrace = '{'.charCodeAt(0)

/**
 * Hands over the bytes of every blob among `entries` that is held and looks like a manifest (small, starts with `{`); others cost one
 * read of a byte. What cannot be read is passed over: the store tells about that itself.
 */
export async function readManifests<E extends { readonly digest: Digest }>(
  store: Pick<ContentStore, 'open' | 'get'>,
  entries: Iterable<E>,
  found: (entry: E, bytes: Buffer) => void,
): Promise<void> {
  const queue = entries[Symbol.iterator]()
  await Promise.all(Array.from({ length: concurrency }, work))

  async function work(): Promise<void> {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      const bytes = await look(next.value.digest)
      if (bytes !== undefined) found(next.value, bytes)
    }
  }

  async function look(digest: Digest): Promise<Buffer | undefined> {
    if ((await firstByte(digest)) !== openingBrace) return undefined
    return store.get(digest, maxManifestBytes)
  }

  async function firstByte(digest: Digest): Promise<number | undefined> {
    const reader = await store.open(digest).catch(() => undefined)
    if (reader === undefined) return undefined
    try {
      const into = new Uint8Array(1)
      await reader.read(into, 0)
      return into[0]
    } catch {
      return undefined
    } finally {
      await reader.close()
    }
  }
}
