import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJournal, upstreamPath, withEntry, writeJournal } from './journal.ts'
import { readMayStand, takeAway } from './stand-behind.ts'

/** A registry that may no longer stand behind the mirror. */
export interface LeftAlone {
  readonly registry: string
  readonly path: string
  readonly outcome: 'alone'
}

/**
 * Lets no registry stand behind the mirror any more, until the next install. First of all goes what would be mounted: so a node that still runs with
 * `auto` mounts nothing again. Resolves with those that might, or did. Throws `HoldfastError` when the journal cannot be read, or a mount
 * cannot be taken away.
 */
export async function leaveAlone(certsDir: string): Promise<readonly LeftAlone[]> {
  let journal = await readJournal(certsDir)
  const paths = new Map<string, string>()
  for (const [directory, { upstream, ...entry }] of Object.entries(journal.entries)) {
    if (upstream === undefined) continue
    await rm(upstreamPath(certsDir, directory), { force: true })
    journal = withEntry(journal, directory, { ...entry, fallback: 'none' })
    await writeJournal(certsDir, journal)
    paths.set(entry.registry, join(certsDir, directory, 'hosts.toml'))
  }
  for (const one of await readMayStand(certsDir, [])) {
    await takeAway(one)
    if (one.stands) paths.set(one.registry, one.path)
  }
  return [...paths].map(([registry, path]) => ({ registry, path, outcome: 'alone' }))
}
