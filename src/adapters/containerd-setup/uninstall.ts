import { rename, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  backupPath,
  type Journal,
  type JournalEntry,
  readJournal,
  removeJournal,
  removeKept,
  withEntry,
  writeJournal,
} from './journal.ts'
import { withoutMount } from './mounts.ts'
import { type Found, look, ownerOf } from './registry-directory.ts'
import { codeOf, ifThere, removeUnfinished, syncDirectory } from './whole-file.ts'

/** What became of one registry. */
export interface Uninstalled {
  readonly registry: string
  readonly path: string
  /** `left`: the file is somebody's own by now, and there was none before ours. */
  readonly outcome: 'restored' | 'removed' | 'left' | 'refused'
  /** For `refused`: why, and what to do. */
  readonly reason?: string
}

/**
 * Brings everything back as it was before the first install, mounts of the running node included. A file that was changed since is left alone unless forced, and with it what
 * is needed to take it back later. Throws `HoldfastError` when the journal cannot be read.
 */
export async function uninstallHosts(order: {
  readonly certsDir: string
  readonly force: boolean
}): Promise<readonly Uninstalled[]> {
  const { certsDir, force } = order
  let journal = await readJournal(certsDir)
  const outcomes: Uninstalled[] = []
  for (const [directory, entry] of Object.entries(journal.entries)) {
    const done = await withoutMount(join(certsDir, directory, 'hosts.toml'), () =>
      takeBack(certsDir, directory, entry, force),
    )
    outcomes.push(done)
    if (done.outcome === 'refused') continue
    // A token may be in it, and a backup that lay in its place still would be taken for that of the next install.
    await removeKept(certsDir, directory)
    journal = withEntry(journal, directory, undefined)
    await writeIfRoom(certsDir, journal)
  }
  if (Object.keys(journal.entries).length === 0) await clear(certsDir, journal)
  return outcomes
}

/** Of what was brought back already, and is written down still, nothing is left to do: a disk that is full stops nothing. */
async function writeIfRoom(certsDir: string, journal: Journal): Promise<void> {
  try {
    await writeJournal(certsDir, journal)
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')) throw error
  }
}

async function takeBack(
  certsDir: string,
  directory: string,
  entry: JournalEntry,
  force: boolean,
): Promise<Uninstalled> {
  const found = await look(certsDir, directory)
  const { path, backup } = found
  const at = { registry: entry.registry, path }
  await removeUnfinished(dirname(path))
  const owner = ownerOf(found, entry)
  // An install or uninstall that was cut short: what was there before is in its place.
  if (entry.hadFile && backup !== 'aside' && owner !== 'holdfast')
    return { ...at, outcome: 'restored' }
  const isChanged = owner !== 'holdfast' && owner !== 'nobody'
  if (isChanged && owner !== 'edited' && !entry.hadFile && !force) return { ...at, outcome: 'left' }
  if (isChanged && !force) {
    const reason = `it was changed since it was written: --force ${entry.hadFile ? 'puts what was there before in its place' : 'removes it'}`
    return { ...at, outcome: 'refused', reason }
  }
  await bringBack(certsDir, found, entry)
  return { ...at, outcome: entry.hadFile ? 'restored' : 'removed' }
}

async function bringBack(
  certsDir: string,
  { path, directory }: Found,
  { hadFile, madeDirectory }: JournalEntry,
): Promise<void> {
  // First of all: where a mount forbids it, nothing has changed yet.
  await (hadFile ? rename(backupPath(certsDir, directory), path) : ifThere(unlink(path)))
  await ifThere(syncDirectory(dirname(path)))
  if (madeDirectory) await removeIfEmpty(join(certsDir, directory))
}

/** The journal goes, and the directories that had to be made for it, up to the first one. */
async function clear(certsDir: string, { madeDirectory }: Journal): Promise<void> {
  await removeJournal(certsDir)
  if (madeDirectory === undefined) return
  let path = certsDir
  while (path.startsWith(madeDirectory)) {
    await removeIfEmpty(path)
    path = dirname(path)
  }
}

/** What keeps a directory: something in it, or a mount on it, or above it where nothing may be written. */
const keeping = ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EBUSY', 'EROFS']

async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path)
  } catch (error) {
    if (!keeping.includes(codeOf(error) ?? '')) throw error
  }
}
