import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJournal, upstreamPath, whyAlonePath } from './journal.ts'
import { bindFile, boundPaths, realOf, unbind } from './mounts.ts'
import { sha256 } from './registry-directory.ts'
import { ifThere, writeWhole } from './whole-file.ts'

/** A registry that stands behind the mirror, or may. */
export interface MayStand {
  readonly registry: string
  /** What containerd reads. */
  readonly path: string
  readonly stands: boolean
  /** Absent: it may not, or no longer. */
  readonly terms: Terms | undefined
}

/** What lets it stand there. */
interface Terms {
  /** What containerd is to read meanwhile. */
  readonly upstreamPath: string
  /** SHA-256 of what it reads while the mirror is alone. */
  readonly aloneSha256: string
}

/**
 * Registries that were installed with `auto`, and all that stand behind the mirror now. Those that `registries.yaml` names may not: K3s
 * deletes their directories at its start, and does not start where it cannot.
 *
 * Why a mount: what outlives the machine's next start has to be the mirror alone, and mounts do not. Measured with 1.6.20, 1.7.24 and
 * 2.1.9: a file mounted over `hosts.toml` is read by the next pull, and the one below it by the next after `umount`. A link into /run in its
 * place leads nowhere after a start: `hosts.toml` as such a link sends containerd straight to the registry, the directory as such a link to
 * `_default`, which would have to be the mirror alone and cut off every registry that Holdfast does not know. Two directories in config_path
 * are read as one by the transfer service of 2.1. Throws `HoldfastError` when the journal cannot be read.
 */
export async function readMayStand(
  certsDir: string,
  namedByK3s: readonly string[],
): Promise<readonly MayStand[]> {
  const { entries } = await readJournal(certsDir)
  const bound = await boundPaths()
  // By the file without links: a registry's directory may be a link, to a place in certsDir or elsewhere.
  const found = new Map<string, MayStand>()
  for (const [directory, { registry, written, upstream }] of Object.entries(entries)) {
    const [aloneSha256] = written
    // Two of them: install is at it, or was cut short.
    if (upstream === undefined || aloneSha256 === undefined || written.length > 1) continue
    const path = join(certsDir, directory, 'hosts.toml')
    const file = (await realOf(path)) ?? path
    // One file for two registries cannot have both behind.
    const mayStand = !namedByK3s.includes(registry) && !found.has(file)
    const terms = { upstreamPath: upstreamPath(certsDir, directory), aloneSha256 }
    const stands = bound.has(file)
    found.set(file, { registry, path, stands, terms: mayStand ? terms : undefined })
  }
  return [...found.values(), ...(await strays(certsDir, bound, found))]
}

/** What stands in a directory that the journal does not know, or not as one in which it may. */
async function strays(
  certsDir: string,
  bound: ReadonlySet<string>,
  known: ReadonlyMap<string, MayStand>,
): Promise<readonly MayStand[]> {
  const left = new Set([...bound].filter(file => !known.has(file)))
  const found: MayStand[] = []
  for (const registry of left.size === 0 ? [] : ((await ifThere(readdir(certsDir))) ?? [])) {
    const path = join(certsDir, registry, 'hosts.toml')
    // Once, however many names lead there.
    if (left.delete((await realOf(path)) ?? '')) {
      found.push({ registry, path, stands: true, terms: undefined })
    }
  }
  return found
}

/** Lets the registry stand behind the mirror, unless somebody changed the file since. Throws `HoldfastError` when that cannot be done. */
export async function putBehind({ path, terms }: MayStand): Promise<boolean> {
  const text = await ifThere(readFile(path, 'utf8'))
  if (terms === undefined || text === undefined || sha256(text) !== terms.aloneSha256) return false
  await bindFile(terms.upstreamPath, path)
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
