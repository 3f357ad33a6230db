import { readFile } from 'node:fs/promises'
import type { Behind, Fallback } from './hosts-toml.ts'
import { type JournalEntry, readJournal, whyAlonePath } from './journal.ts'
import { type Found, findDirectory, ownerOf } from './registry-directory.ts'
import { ifThere } from './whole-file.ts'

/** How one registry is set up. */
export interface HostsState {
  readonly registry: string
  readonly path: string
  readonly owner: ReturnType<typeof ownerOf>
  /** What install was told to put behind the mirror; absent where the file is not ours. */
  readonly fallback?: Fallback
  /** With `auto`: who stands there now. */
  readonly behind?: Behind
  /** With `auto`: why the node that ran last leaves the mirror alone for good. */
  readonly whyAlone?: string
  /** A file that was there before lies in the backup. */
  readonly hasBackup: boolean
  /** Why containerd ignores the file, if it does. */
  readonly problem?: string
  /** Before this version containerd ignores the file; absent: none that is supported does. */
  readonly readFrom?: '2.2'
  /** Whom containerd asks, in this order. */
  readonly asks: readonly string[]
}

/** Tells of each registry, and of all that were ever installed. Throws `HoldfastError` when the journal cannot be read. */
export async function readStatus(
  certsDir: string,
  registries: readonly string[],
): Promise<readonly HostsState[]> {
  const { entries } = await readJournal(certsDir)
  const installed = Object.values(entries).map(({ registry }) => registry)
  const states: HostsState[] = []
  for (const registry of new Set([...registries, ...installed])) {
    const found = await findDirectory(certsDir, registry)
    const entry = entries[found.directory]
    const owner = ownerOf(found, entry)
    const isOurs = owner === 'holdfast' || owner === 'edited'
    const { file, path } = found
    states.push({
      registry,
      path,
      owner,
      ...(isOurs && entry !== undefined && (await fallbackOf(certsDir, found, entry))),
      hasBackup: entry?.hadFile ?? false,
      ...(file !== undefined && 'problem' in file && { problem: file.problem }),
      ...(file !== undefined && 'readFrom' in file && { readFrom: file.readFrom }),
      asks: file === undefined || 'problem' in file ? [] : asked(file),
    })
  }
  return states
}

async function fallbackOf(
  certsDir: string,
  { sha256 }: Found,
  { fallback, upstream }: JournalEntry,
): Promise<Pick<HostsState, 'fallback' | 'behind' | 'whyAlone'>> {
  if (fallback !== 'auto') return { fallback }
  const behind = upstream !== undefined && sha256 === upstream ? 'upstream' : 'none'
  if (upstream === undefined) return { fallback, behind }
  const why = (await ifThere(readFile(whyAlonePath(certsDir), 'utf8')))?.trim()
  return { fallback, behind, ...(why && { whyAlone: why }) }
}

function asked({
  hosts,
  server,
}: {
  hosts: readonly string[]
  server: string | undefined
}): string[] {
  return [...new Set([...hosts, ...(server === undefined ? ['the registry itself'] : [server])])]
}
