import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { BlobReader, BlobWriter } from '../../src/ports/content-store.ts'
import type { MaintainedStore } from '../../src/ports/content-upkeep.ts'

/** What one subtest gets: an empty store, cleaned up with the test. */
export type OpenStore = (
  t: Test,
  limits: { readonly quotaBytes: number; readonly makeRoom?: (bytes: number) => Promise<boolean> },
) => Promise<{
  readonly store: MaintainedStore
  /** Damages a held blob behind the store's back. */
  damage(digest: Digest): Promise<void>
}>

/** Limits that no subtest reaches. */
export const plenty = { quotaBytes: 2 ** 30 }

/** Random bytes and their digest. */
export function makeBlob(bytes: number, algorithm?: 'sha256' | 'sha512') {
  const content = randomBytes(bytes)
  return { content, digest: digestOf(content, algorithm) }
}

/** Everything a reader (or the first `size` bytes of a writer) has, read in pieces of `step` bytes. */
export async function readAll(
  reader: Pick<BlobReader | BlobWriter, 'read'>,
  size: number,
  step = 100_000,
): Promise<Buffer> {
  const all = Buffer.alloc(size)
  let position = 0
  while (position < size) {
    const got = await reader.read(all.subarray(position, position + step), position)
    if (got === 0) break
    position += got
  }
  return all.subarray(0, position)
}

/** The bytes in pieces of `step`. */
export function* slices(bytes: Buffer, step: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
}
