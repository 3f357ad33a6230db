import { lstatSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, digestAlgorithm, digestOf, parseDigest } from '../../oci/digest.ts'
import type { BlobInfo } from '../../ports/content-store.ts'
import { algorithms, isNameless, type Layout, parseFlatName, temporaryDigest } from './layout.ts'
import { openFile } from './open-file.ts'
import { syncDirectory } from './syncing.ts'

/** Makes the directories, durably, and for their owner alone: what is in them may be private. */
export async function makeDirectories(layout: Layout): Promise<void> {
  for (const dir of [...algorithms.map(layout.blobDir), layout.partialDir, layout.quarantineDir]) {
    await mkdir(dir, { recursive: true, mode: 0o700 })
  }
  await syncDirectory(layout.dir)
}

/** The blobs by their names: only a name that is a digest, and a regular file, is one. */
export async function readBlobs(layout: Layout): Promise<readonly BlobInfo[]> {
  const found: BlobInfo[] = []
  for (const algorithm of algorithms) {
    const dir = layout.blobDir(algorithm)
    found.push(...(await readSizes(dir, name => parseDigest(`${algorithm}:${name}`))))
  }
  return found
}

/**
 * Gives the small blobs that a crash caught on their way in their names where they are whole: clients may have been given them. Removes
 * the others, and what has no name yet: nobody was given that.
 */
export async function settleTemporaries(layout: Layout): Promise<void> {
  for (const name of await readdir(layout.partialDir)) {
    const path = join(layout.partialDir, name)
    if (isNameless(name)) await rm(path, { force: true })
    const digest = temporaryDigest(name)
    if (digest === undefined) continue
    await publishWhole(layout, path, digest).catch(() => {}) // nobody was promised more than to be asked anew
    await rm(path, { force: true })
  }
}

async function publishWhole(layout: Layout, path: string, digest: Digest): Promise<void> {
  const algorithm = digestAlgorithm(digest)
  if (digestOf(await readFile(path), algorithm) !== digest) return
  const file = await openFile(path, 'grow')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(path, layout.blob(digest))
  await syncDirectory(layout.blobDir(algorithm))
}

/** What interrupted downloads left. Removes what no download can go on with: empty files, and what is held whole. */
export async function readPartials(
  layout: Layout,
  isHeld: (digest: Digest) => boolean,
): Promise<readonly BlobInfo[]> {
  const found = await readSizes(layout.partialDir, parseFlatName)
  const isUseless = ({ digest, size }: BlobInfo) => size === 0 || isHeld(digest)
  for (const { digest } of found.filter(isUseless))
    await rm(layout.partial(digest), { force: true })
  return found.filter(info => !isUseless(info))
}

/**
 * Sizes of the regular files in a directory whose names are digests. One call after another: a third of the time that the thread pool
 * takes with them, and a start has nothing else to do. Inodes lie in blocks of many, so that a cold card is read a few hundred times.
 */
async function readSizes(
  dir: string,
  parse: (name: string) => Digest | undefined,
): Promise<readonly BlobInfo[]> {
  const found: BlobInfo[] = []
  for (const name of await readdir(dir)) {
    const digest = parse(name)
    if (digest === undefined) continue
    const stats = lstatSync(`${dir}/${name}`, { throwIfNoEntry: false }) // vanished meanwhile
    if (stats?.isFile()) found.push({ digest, size: stats.size })
  }
  return found
}
