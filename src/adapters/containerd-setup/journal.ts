import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HoldfastError } from '../../ports/errors.ts'
import type { Fallback } from './hosts-toml.ts'
import { ifThere, writeWhole } from './whole-file.ts'

/** What install did to the directory of one registry. */
export interface JournalEntry {
  readonly registry: string
  /** Whether a `hosts.toml` was there before; then it lies in the backup. */
  readonly hadFile: boolean
  /** The directory itself is ours. */
  readonly madeDirectory: boolean
  readonly fallback: Fallback
  /** SHA-256 of what we wrote, and while it is being replaced of what replaces it: the file is ours if it is one of these. */
  readonly written: readonly string[]
  /** SHA-256 of the text with the registry behind, which the running node may mount over the file. Absent unless `auto` means it. */
  readonly upstream?: string
}

/** Everything that uninstall needs to know. */
export interface Journal {
  readonly version: 1
  /** The first directory that had to be made to have the directory of hosts.toml files. */
  readonly madeDirectory: string | undefined
  /** By the name of the registry's directory. */
  readonly entries: Readonly<Record<string, JournalEntry>>
}

/** containerd looks for names of registries; none begins with a dot. */
const folder = '.holdfast'

/** Where the file of a registry's directory lies as it was before install. */
export const backupPath = (certsDir: string, directory: string): string =>
  join(certsDir, folder, 'before', directory, 'hosts.toml')

/** The same with the registry behind the mirror: containerd reads it only where it is mounted over the other. */
export const upstreamPath = (certsDir: string, directory: string): string =>
  join(certsDir, folder, 'upstream', directory, 'hosts.toml')

/** Why the running node leaves it at that the mirror stands alone, in its words. */
export const whyAlonePath = (certsDir: string): string => join(certsDir, folder, 'why-alone')

const journalPath = (certsDir: string): string => join(certsDir, folder, 'journal.json')

/** Reads it; nothing was ever installed where there is none. Throws `HoldfastError` when it is of another version or no journal. */
export async function readJournal(certsDir: string): Promise<Journal> {
  const path = journalPath(certsDir)
  const text = await ifThere(readFile(path, 'utf8'))
  if (text === undefined) return { version: 1, madeDirectory: undefined, entries: {} }
  const value: unknown = parseJson(text)
  if (isJournal(value)) return value
  const cure = `a version of Holdfast that knows it can uninstall; else restore the files under ${join(certsDir, folder)} by hand and remove it`
  throw new HoldfastError('config-invalid', `${path} is no journal of this version: ${cure}`)
}

/** Durable before it returns: what it says is done afterwards. */
export async function writeJournal(certsDir: string, journal: Journal): Promise<void> {
  await mkdir(join(certsDir, folder), { recursive: true, mode: 0o700 })
  await writeWhole(journalPath(certsDir), `${JSON.stringify(journal, null, 2)}\n`, 0o600)
}

/** Takes away what is kept for one registry, with what a write that was cut short left beside it. */
export async function removeKept(certsDir: string, directory: string): Promise<void> {
  for (const pathOf of [backupPath, upstreamPath]) {
    await rm(dirname(pathOf(certsDir, directory)), { recursive: true, force: true })
  }
}

/** Takes it away with the backups, once nothing is left to bring back. */
export async function removeJournal(certsDir: string): Promise<void> {
  await ifThere(rm(join(certsDir, folder), { recursive: true, force: true }))
}

/** The journal with one entry changed, or without it. */
export function withEntry(
  journal: Journal,
  directory: string,
  entry: JournalEntry | undefined,
): Journal {
  const { [directory]: _, ...others } = journal.entries
  return { ...journal, entries: entry === undefined ? others : { ...others, [directory]: entry } }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isJournal(value: unknown): value is Journal {
  const journal = value as Partial<Journal> | null | undefined
  if (journal?.version !== 1 || typeof journal.entries !== 'object') return false
  return Object.values(journal.entries ?? {}).every(
    entry => typeof entry?.registry === 'string' && Array.isArray(entry.written),
  )
}
