import { link, lstat, readFile, rename, rm, stat } from 'node:fs/promises'
import { HoldfastError } from '../../ports/errors.ts'
import { readRegistries, saysTheSame, withEndpoint, withoutEndpoint } from './k3s-registries.ts'
import { sha256 } from './registry-directory.ts'
import { codeOf, ifThere, writeWhole } from './whole-file.ts'

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
/** What we wrote last, by its hash, and where: `<sha256> <url>`. */
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
  const isSet = registries.every(name => readRegistries(before, path).firstIs(url).includes(name))
  const edit = { path, registries }
  if (isSet) return { ...edit, text: before, outcome: 'unchanged' }
  const text = withEndpoint(before, path, registries, url)
  if (!write) return { ...edit, text, outcome: 'to-be-edited' }
  await writeWhole(noteOf(path), `${sha256(text)} ${url}\n`, 0o600)
  await keepAside(path)
  const { mode, uid, gid } = await stat(path)
  await writeWhole(path, text, mode & 0o777, { uid, gid })
  return { ...edit, text, outcome: 'edited' }
}

async function keepAside(path: string): Promise<void> {
  try {
    await link(path, backupOf(path))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

/**
 * Brings the file back as it was, byte for byte; one that was changed since loses the mirror and keeps the rest. Resolves with what was
 * done, or `undefined` when it was never edited.
 */
export async function restoreRegistries(path: string): Promise<'restored' | 'edited' | undefined> {
  const note = await ifThere(readFile(noteOf(path), 'utf8'))
  if (note === undefined) return undefined
  const [hash = '', url = ''] = note.trim().split(' ')
  const now = await ifThere(readFile(path, 'utf8'))
  const isOurs = now !== undefined && sha256(now) === hash
  const hasBackup = (await ifThere(lstat(backupOf(path)))) !== undefined
  const original = hasBackup ? await readFile(backupOf(path), 'utf8') : undefined
  let outcome: 'restored' | 'edited' = 'restored'
  if (hasBackup && isOurs) {
    await rename(backupOf(path), path)
  } else if (now !== undefined && now !== original && hasBackup) {
    await takeOut(path, now, url, original ?? '')
    outcome = 'edited'
  }
  await rm(backupOf(path), { force: true })
  await rm(noteOf(path), { force: true })
  return outcome
}

async function takeOut(path: string, now: string, url: string, original: string): Promise<void> {
  const before = readRegistries(original, path).mirrored
  const added = readRegistries(now, path).mirrored.filter(name => !before.includes(name))
  const text = withoutEndpoint(now, path, url, added)
  if (saysTheSame(text, now, path)) return
  if (readRegistries(text, path).firstIs(url).length > 0) {
    throw new HoldfastError(
      'config-invalid',
      `${path}: ${url} could not be taken out; do so by hand`,
    )
  }
  const { mode, uid, gid } = await stat(path)
  await writeWhole(path, text, mode & 0o777, { uid, gid })
}
