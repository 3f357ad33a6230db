import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HoldfastError } from '../../ports/errors.ts'

/** Random bytes of a token. */
const tokenBytes = 32

/**
 * Makes the file with the admin token when there is none, for its owner only and complete before it can be seen. An existing file is
 * left as it is. Throws `config-invalid` when it is empty: nobody could ever be admitted.
 */
export async function ensureAdminToken(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const isThere = await holdsToken(path)
  if (isThere) return
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(tokenBytes).toString('base64url')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    // Unlike a rename this never replaces a token that another process made meanwhile.
    await link(temporary, path)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    await unlink(temporary)
  }
}

async function holdsToken(path: string): Promise<boolean> {
  try {
    const text = await readFile(path, 'utf8')
    if (text.trim() !== '') return true
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false
    throw error
  }
  const cure = 'write a token into it, or remove it to have one made'
  throw new HoldfastError('config-invalid', `admin.tokenFile ${path} is empty: ${cure}`)
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
