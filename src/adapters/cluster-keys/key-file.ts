import { randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  link,
  open,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HoldfastError } from '../../ports/errors.ts'
import { parseKeys } from './key-lines.ts'
import { changeKeyText, newKeyText, type RotationStep } from './key-text.ts'

/** What a file of keys holds after a command. */
export interface KeyFileState {
  /** Ids of its keys, the one to dial with first. */
  readonly keyIds: readonly string[]
  /** Whether the command changed anything. */
  readonly isChanged: boolean
}

/** Makes the text of a new key: 32 random bytes. */
export function generateKeyText(): string {
  return randomBytes(32).toString('base64url')
}

/** Writes a file with one new key, 0600. Throws `HoldfastError` when there is a file already. */
export async function createKeyFile(path: string): Promise<KeyFileState> {
  const text = newKeyText(generateKeyText())
  const temporary = await writeTemporary(path, path, text, 0o600)
  try {
    // Unlike a rename this fails where a file is.
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new HoldfastError(
      'config-invalid',
      `${path} is there already and stays as it is: a new key in its place would cut off every node that has the old one; --rotate add puts one beside it`,
      error,
    )
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(path)
  return { keyIds: idsIn(text, path), isChanged: true }
}

/** Takes one step of a rotation in a file. Owner and mode stay. Throws `HoldfastError` when the step is not the next one. */
export async function rotateKeyFile(path: string, step: RotationStep): Promise<KeyFileState> {
  const target = await realpath(path).catch((error: unknown) => {
    throw new HoldfastError('config-invalid', `${path} cannot be read: nothing to rotate`, error)
  })
  const before = await readFile(target, 'utf8')
  parseKeys(before, path)
  const after = changeKeyText(before, path, step, generateKeyText)
  const keyIds = idsIn(after, path)
  if (after === before) return { keyIds, isChanged: false }
  const { mode, uid, gid } = await stat(target)
  const temporary = await writeTemporary(path, target, after, mode & 0o777)
  try {
    const own = await stat(temporary)
    if (own.uid !== uid || own.gid !== gid) await chown(temporary, uid, gid)
    await chmod(temporary, mode & 0o777)
    await rename(temporary, target)
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(target)
  return { keyIds, isChanged: true }
}

/** Of the temporary file nobody has heard. */
function unwritable(path: string, error: unknown): HoldfastError {
  const { code } = error as NodeJS.ErrnoException
  const isAbsent = code === 'ENOENT' || code === 'ENOTDIR'
  const why = isAbsent ? `there is no directory ${dirname(path)}` : (code ?? String(error))
  return new HoldfastError('config-invalid', `${path} cannot be written: ${why}`, error)
}

const idsIn = (text: string, path: string): readonly string[] =>
  parseKeys(text, path).map(({ id }) => id)

/** Writes a file beside `target` whose name the user called `path`; when that fails, nothing of the key stays behind. */
async function writeTemporary(
  path: string,
  target: string,
  text: string,
  mode: number,
): Promise<string> {
  const temporary = join(dirname(target), `.${randomBytes(6).toString('hex')}.new`)
  try {
    await writeFile(temporary, text, { flag: 'wx', mode, flush: true })
    return temporary
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw unwritable(path, error)
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
