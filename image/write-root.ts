import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { arrange, type Entry } from './entry.ts'

/** Writes a root file system. Another owner than ourselves needs root. */
export async function writeRoot(directory: string, entries: readonly Entry[]): Promise<void> {
  for (const entry of arrange(entries)) {
    const path = join(directory, entry.path)
    await mkdir(dirname(path), { recursive: true })
    if (entry.type === 'directory') await mkdir(path, { recursive: true })
    else if (entry.type === 'symlink') await symlink(entry.target ?? '', path)
    else await writeFile(path, entry.data ?? '')
    // Whatever the mask of this process leaves.
    if (entry.type !== 'symlink') await chmod(path, entry.mode)
    if (entry.owner !== undefined) await chown(path, entry.owner, entry.owner)
  }
}
