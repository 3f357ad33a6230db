import { open } from 'node:fs/promises'
import type { ClusterKey } from '../../ports/cluster-keys.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { parseKeys } from './key-lines.ts'

/** A file of keys is some hundred bytes; what is longer is another file. */
const maxFileBytes = 64 * 1024

/** What a file of keys holds. */
export interface KeyFileContent {
  readonly text: string
  /** At least one. */
  readonly keys: readonly ClusterKey[]
  /** Its permissions, where others than its owner have some: `0644`. */
  readonly openMode: string | undefined
}

/** Reads `mesh.secretFile`. Throws `HoldfastError` with `config-invalid`, which says what to do. */
export async function readKeys(path: string): Promise<KeyFileContent> {
  const { text, openMode } = await read(path)
  return { text, keys: parseKeys(text, path), openMode }
}

async function read(path: string): Promise<Omit<KeyFileContent, 'keys'>> {
  const refuse = (what: string, cause?: unknown): HoldfastError =>
    new HoldfastError('config-invalid', `mesh.secretFile ${path} ${what}`, cause)
  try {
    await using file = await open(path)
    const { mode } = await file.stat()
    const bytes = Buffer.alloc(maxFileBytes + 1)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    if (bytesRead > maxFileBytes) throw refuse('is too long for a file of keys')
    return { text: bytes.toString('utf8', 0, bytesRead), openMode: openModeOf(mode) }
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    const code = (error as NodeJS.ErrnoException).code
    const isAbsent = code === 'ENOENT' || code === 'ENOTDIR'
    const cure = `is not there; \`holdfast mesh secret --file ${path}\` makes one`
    throw refuse(isAbsent ? cure : `cannot be read (${code ?? error})`, error)
  }
}

const openModeOf = (mode: number): string | undefined =>
  (mode & 0o077) === 0 ? undefined : (mode & 0o777).toString(8).padStart(4, '0')

/** What to say of a file of keys that others may read; `undefined`: nothing. */
export function tellOpenMode(
  path: string,
  { openMode }: Pick<KeyFileContent, 'openMode'>,
): string | undefined {
  if (openMode === undefined) return undefined
  return `mesh.secretFile ${path} has mode ${openMode}: whoever reads it on this machine can join the mesh; make it 0600`
}
