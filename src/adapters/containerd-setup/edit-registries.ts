import { readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readRegistries, withEndpoint, withoutEndpoint } from './k3s-registries.ts'
import { sha256 } from './registry-directory.ts'
import { ifThere, linkUnlessThere, removeUnfinished, writeWhole } from './whole-file.ts'

/** What becomes of `registries.yaml`, whose registries K3s sets up by itself. */
export interface RegistriesEdit {
  readonly path: string
  /** Those of the chosen registries that it names. */
  readonly registries: readonly string[]
  /** The whole text as it is to be. */
  readonly text: string
  readonly outcome: 'unchanged' | 'to-be-edited' | 'edited'
}

/** The file as it was before the first edit; beside it, for its directory may lie on another file system than the others. */
const backupOf = (path: string): string => `${path}.before-holdfast`
/** What we wrote: the mirror's URL, then the hashes of the last text and of the one that it replaces, a line each. */
const noteOf = (path: string): string => `${path}.holdfast`

/** Registries for whose files K3s answers. Throws `HoldfastError` when the file cannot be understood. */
export async function namedRegistries(path: string): Promise<readonly string[]> {
  const text = await ifThere(readFile(path, 'utf8'))
  return text === undefined ? [] : readRegistries(text, path).named
}

/**
 * Puts the mirror first for these registries, all of them named in the file; with `write: false` nothing is changed. What it was before
 * the first edit is kept beside it.
 */
export async function editRegistries(
  path: string,
  registries: readonly string[],
  url: string,
  { write }: { readonly write: boolean },
): Promise<RegistriesEdit> {
  const before = await readFile(path, 'utf8')
  const note = await readNote(path)
  const text = compose(before, path, registries, url, note)
  const edit = { path, registries }
  if (text === before) return { ...edit, text, outcome: 'unchanged' }
  if (!write) return { ...edit, text, outcome: 'to-be-edited' }
  const isOurs = note?.hashes.includes(sha256(before)) === true
  const isFresh = note === undefined || (!isOurs && !names(before, path, note.url))
  // What others changed since is not in the backup: it would be lost with it.
  if (!isOurs) await rm(backupOf(path), { force: true })
  const hashes = [sha256(text), ...(isOurs ? [sha256(before)] : [])]
  await writeWhole(noteOf(path), `${[url, ...hashes].join('\n')}\n`, 0o600)
  if (isFresh) await linkUnlessThere(path, backupOf(path))
  const { mode, uid, gid } = await stat(path)
  await writeWhole(path, text, mode & 0o777, { uid, gid })
  return { ...edit, text, outcome: 'edited' }
}

function compose(
  before: string,
  path: string,
  registries: readonly string[],
  url: string,
  note: Note | undefined,
): string {
  const isMoved = note !== undefined && note.url !== url && names(before, path, note.url)
  const base = isMoved ? withoutEndpoint(before, path, note.url, []) : before
  const set = readRegistries(base, path).firstIs(url)
  const missing = registries.filter(name => !set.includes(name))
  return missing.length === 0 ? base : withEndpoint(base, path, missing, url)
}

interface Note {
  readonly url: string
  readonly hashes: readonly string[]
}

async function readNote(path: string): Promise<Note | undefined> {
  const text = await ifThere(readFile(noteOf(path), 'utf8'))
  if (text === undefined) return undefined
  const [url = '', ...hashes] = text.trim().split('\n')
  return { url, hashes }
}

/**
 * Brings the file back as it was, byte for byte; one that was changed since loses the mirror and keeps the rest. Resolves with what was
 * done, or `undefined` when it was never edited.
 */
export async function restoreRegistries(path: string): Promise<'restored' | 'edited' | undefined> {
  await removeUnfinished(dirname(path)) // it may hold credentials
  const note = await readNote(path)
  if (note === undefined) return undefined
  const outcome = await takeBack(path, note)
  await rm(backupOf(path), { force: true })
  await rm(noteOf(path), { force: true })
  return outcome
}

async function takeBack(path: string, { url, hashes }: Note): Promise<'restored' | 'edited'> {
  const now = await ifThere(readFile(path, 'utf8'))
  const original = await ifThere(readFile(backupOf(path), 'utf8'))
  if (now !== undefined && hashes.includes(sha256(now)) && original !== undefined) {
    await rename(backupOf(path), path)
    return 'restored'
  }
  // Never written, for the edit was cut short, or taken out by hand.
  if (now === undefined || !names(now, path, url)) return 'restored'
  await takeOut(path, now, url, original)
  return 'edited'
}

const names = (text: string, path: string, url: string): boolean =>
  readRegistries(text, path).firstIs(url).length > 0

async function takeOut(
  path: string,
  now: string,
  url: string,
  original: string | undefined,
): Promise<void> {
  const mirrored = (text: string) => readRegistries(text, path).mirrored
  const before = original === undefined ? mirrored(now) : mirrored(original)
  const added = mirrored(now).filter(name => !before.includes(name))
  const { mode, uid, gid } = await stat(path)
  await writeWhole(path, withoutEndpoint(now, path, url, added), mode & 0o777, { uid, gid })
}
