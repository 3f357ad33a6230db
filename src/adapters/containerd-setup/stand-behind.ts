import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJournal, upstreamPath, whyAlonePath } from './journal.ts'
import { bindFile, boundAmong, unbind } from './mounts.ts'
import { sha256 } from './registry-directory.ts'
import { ifThere, writeWhole } from './whole-file.ts'

/** A registry that `auto` lets stand behind the mirror for a while. */
export interface MayStand {
  readonly registry: string
  /** What containerd reads. */
  readonly path: string
  /** What it is to read while the registry stands there. */
  readonly upstreamPath: string
  /** SHA-256 of what lies at `path` while it does not. */
  readonly aloneSha256: string
  readonly stands: boolean
}

/**
 * Registries that were installed with `auto`, and whether they stand behind the mirror now.
 *
 * Why a mount: what outlives the machine's next start has to be the mirror alone, and mounts do not. Measured with 1.6.20, 1.7.24 and
 * 2.1.9: a file mounted over `hosts.toml` is read by the next pull, and the one below it by the next after `umount`. A link into /run in its
 * place leads nowhere after a start: `hosts.toml` as such a link sends containerd straight to the registry, the directory as such a link to
 * `_default`, which would have to be the mirror alone and cut off every registry that Holdfast does not know. Two directories in config_path
 * are read as one by the transfer service of 2.1. Throws `HoldfastError` when the journal cannot be read.
 */
export async function readMayStand(certsDir: string): Promise<readonly MayStand[]> {
  const { entries } = await readJournal(certsDir)
  const found = Object.entries(entries).flatMap(([directory, { registry, written, upstream }]) => {
    const [aloneSha256] = written
    // Two of them: install is at it, or was cut short.
    if (upstream === undefined || aloneSha256 === undefined || written.length > 1) return []
    const path = join(certsDir, directory, 'hosts.toml')
    return [{ registry, path, upstreamPath: upstreamPath(certsDir, directory), aloneSha256 }]
  })
  const bound = await boundAmong(found.map(({ path }) => path))
  return found.map(one => ({ ...one, stands: bound.has(one.path) }))
}

/** Lets the registry stand behind the mirror, unless somebody changed the file since. Throws `HoldfastError` when that cannot be done. */
export async function putBehind(one: MayStand): Promise<boolean> {
  const text = await ifThere(readFile(one.path, 'utf8'))
  if (text === undefined || sha256(text) !== one.aloneSha256) return false
  await bindFile(one.upstreamPath, one.path)
  return true
}

/** Leaves the mirror alone from the next pull on. Throws `HoldfastError` when that cannot be done. */
export const takeAway = ({ path }: MayStand): Promise<void> => unbind(path)

/** Leaves word for `status` and `check` why the mirror stays alone; absent: it does not. */
export async function noteWhyAlone(certsDir: string, why: string | undefined): Promise<void> {
  const path = whyAlonePath(certsDir)
  if (why === undefined) return rm(path, { force: true })
  const known = await ifThere(readFile(path, 'utf8'))
  if (known !== `${why}\n`) await writeWhole(path, `${why}\n`, 0o600)
}
