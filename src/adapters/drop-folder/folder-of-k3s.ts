import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { HoldfastError } from '../../ports/errors.ts'

/** K3s and RKE2 import what lies there at every start, whatever their data directory is called. */
export function isFolderOfK3s(path: string): boolean {
  return basename(path) === 'images' && basename(dirname(path)) === 'agent'
}

/** Rejects with `config-invalid` where a drop folder is that of K3s, lies in it, or is a link to it. */
export async function refuseFolderOfK3s(path: string): Promise<void> {
  for (const name of new Set([path, await realpath(path).catch(() => path)])) refuse(name)
}

function refuse(path: string): void {
  for (let at = path; dirname(at) !== at; at = dirname(at)) {
    if (!isFolderOfK3s(at)) continue
    throw new HoldfastError(
      'config-invalid',
      `dropFolder.path: K3s imports what lies in ${path} itself, and both would give one docker archive two digests; name another folder`,
    )
  }
}
