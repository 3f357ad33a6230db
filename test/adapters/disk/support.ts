import { createCipheriv } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import {
  type DiskStore,
  type DiskStoreOptions,
  openDiskStore,
} from '../../../src/adapters/disk/open-disk-store.ts'
import { type Digest, digestAlgorithm, digestHex, digestOf } from '../../../src/oci/digest.ts'
import type { StoreChange } from '../../../src/ports/content-store.ts'
import { silentLog } from '../../../src/ports/log.ts'

/** A store on `dir` that no limit touches, closed with the test. */
export async function openStore(
  t: Test,
  dir: string,
  options: Partial<DiskStoreOptions> = {},
): Promise<DiskStore> {
  const store = await openDiskStore({
    dir,
    log: silentLog,
    quotaBytes: 2 ** 40,
    minFreeBytes: 0,
    ...options,
  })
  t.teardown(() => store.close())
  return store
}

/** Where a blob lies. */
export function blobPath(dir: string, digest: Digest): string {
  return join(dir, digestAlgorithm(digest), digestHex(digest))
}

/** Where its interrupted download lies. */
export function partialPath(dir: string, digest: Digest): string {
  return join(dir, 'partial', digest.replace(':', '-'))
}

/** Bytes that look random and follow from a number, so that two processes have the same. */
export function contentFrom(
  seed: number,
  size: number,
): { readonly content: Buffer; readonly digest: Digest } {
  const iv = Buffer.alloc(16)
  iv.writeUInt32BE(seed)
  const content = createCipheriv('aes-128-ctr', Buffer.alloc(16), iv).update(Buffer.alloc(size))
  return { content, digest: digestOf(content) }
}

/** Everything that is told of changes, as it comes. */
export function recordChanges(store: DiskStore): StoreChange[] {
  const changes: StoreChange[] = []
  store.onChange(change => changes.push(change))
  return changes
}

/** Names of all files under a store's directory. */
export async function filesIn(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries.filter(entry => !entry.isDirectory()).map(entry => entry.name)
}
