import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Random bytes of a token. */
const tokenBytes = 32

/**
 * Makes the file with the admin token when there is none, for its owner only and complete before it can be seen. An existing file is
 * left as it is, whatever it holds.
 */
export async function ensureAdminToken(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (existsSync(path)) return
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

/** Whether a name is that of a file with the token, or of one that is about to be: what a start that was cut short left. */
export const isAdminTokenFile = (file: string, name: string): boolean =>
  name.startsWith(file) && /^(\.[\da-f]{12})?$/.test(name.slice(file.length))

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
