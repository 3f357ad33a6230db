import { lstat, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../../oci/digest.ts'
import type { BlobInfo } from '../../ports/content-store.ts'
import { flatName, type Layout, parseFlatName } from './layout.ts'

/** Where damaged files lie until somebody looked at them or their room is needed. */
export interface Quarantine {
  readonly bytes: number
  /** What lies in it, the oldest first. */
  list(): readonly BlobInfo[]
  /** Moves a blob's file in; the oldest beyond {@link maxFiles} is dropped. */
  moveIn(digest: Digest): Promise<void>
  /** Drops all of it. */
  empty(): Promise<void>
}

/** Files kept: enough to learn what the disk does, too few to fill it. */
const maxFiles = 8

/** Opens the quarantine with what an earlier run left in it. */
export async function openQuarantine(layout: Layout): Promise<Quarantine> {
  /** Oldest first. */
  const files = new Map<string, number>()
  const pathOf = (name: string) => join(layout.quarantineDir, name)
  for (const name of await readdir(layout.quarantineDir)) {
    if (parseFlatName(name) !== undefined) files.set(name, (await lstat(pathOf(name))).size)
  }

  async function drop(name: string): Promise<void> {
    await rm(pathOf(name), { force: true })
    files.delete(name)
  }

  return {
    get bytes() {
      return [...files.values()].reduce((sum, size) => sum + size, 0)
    },
    list: () =>
      [...files].flatMap(([name, size]) => {
        const digest = parseFlatName(name)
        return digest === undefined ? [] : [{ digest, size }]
      }),
    async moveIn(digest) {
      const name = flatName(digest)
      await rename(layout.blob(digest), pathOf(name))
      files.delete(name)
      files.set(name, (await lstat(pathOf(name))).size)
      for (const oldest of [...files.keys()].slice(0, -maxFiles)) await drop(oldest)
    },
    async empty() {
      for (const name of [...files.keys()]) await drop(name)
    },
  }
}
