import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ComposeOrder, composeHosts } from './compose-hosts.ts'
import { holdsToken, type RegistryAccess } from './hosts-toml.ts'
import {
  backupPath,
  type Journal,
  type JournalEntry,
  readJournal,
  upstreamPath,
  withEntry,
  writeJournal,
} from './journal.ts'
import { unbind, withoutMount } from './mounts.ts'
import { type Found, findDirectory, ownerOf, sha256 } from './registry-directory.ts'
import { ifThere, linkUnlessThere, syncDirectory, writeWhole } from './whole-file.ts'

/** What install is to do. */
export interface InstallOrder extends ComposeOrder {
  readonly certsDir: string
  readonly registries: readonly RegistryAccess[]
}

/** What became of one registry. */
export interface Installed {
  readonly registry: string
  readonly path: string
  readonly outcome: 'written' | 'replaced' | 'prepended' | 'unchanged' | 'refused'
  /** For `refused`: why, and what to do. */
  readonly reason?: string
}

interface Step extends Installed {
  readonly found: Found
  readonly text: string
  readonly upstream: string | undefined
}

/**
 * Sends registries to the mirror. What was there is kept aside once, as it is. Where one registry is refused, nothing is written. What the
 * running node mounted over its files goes in any case; it mounts again what the new state lets stand. Throws `HoldfastError` when the journal cannot
 * be read.
 */
export async function installHosts(order: InstallOrder): Promise<readonly Installed[]> {
  const { certsDir, registries } = order
  const before = await readJournal(certsDir)
  const steps: Step[] = []
  for (const registry of registries) steps.push(await plan(order, before, registry))
  if (steps.some(({ outcome }) => outcome === 'refused')) {
    return steps.map(step =>
      tell(step.outcome === 'refused' ? step : { ...step, outcome: 'unchanged' }),
    )
  }
  const madeDirectory = await mkdir(certsDir, { recursive: true, mode: 0o755 })
  let journal = { ...before, madeDirectory: before.madeDirectory ?? madeDirectory }
  for (const step of steps) journal = await apply(order, journal, step)
  return steps.map(tell)
}

const tell = ({ registry, path, outcome, reason }: Installed): Installed => ({
  registry,
  path,
  outcome,
  ...(reason !== undefined && { reason }),
})

async function plan(
  order: InstallOrder,
  journal: Journal,
  registry: RegistryAccess,
): Promise<Step> {
  const { path } = await findDirectory(order.certsDir, registry.name)
  await unbind(path)
  const found = await findDirectory(order.certsDir, registry.name)
  const written = composeHosts(order, registry, found, journal.entries[found.directory])
  const at = { registry: registry.name, path: found.path, found }
  if ('problem' in written) {
    return { ...at, text: '', upstream: undefined, outcome: 'refused', reason: written.problem }
  }
  const { text, upstream, outcome } = written
  return { ...at, text, upstream, outcome: found.sha256 === sha256(text) ? 'unchanged' : outcome }
}

/** Journal, backup, file: in this order, so that whatever is cut short can be taken back. */
async function apply(
  { certsDir, fallback, mirror }: InstallOrder,
  journal: Journal,
  { found, text, upstream, registry }: Step,
): Promise<Journal> {
  const { directory, path, hasDirectory } = found
  const known = journal.entries[directory]
  const owner = ownerOf(found, known)
  const isOurs = owner === 'nobody' || owner === 'holdfast' || owner === 'edited'
  const hash = sha256(text)
  const entry: JournalEntry = {
    registry,
    hadFile: !isOurs || (known?.hadFile === true && found.backup !== 'none'),
    madeDirectory: known?.madeDirectory ?? !hasDirectory,
    fallback,
    written: [...new Set([...(known?.written ?? []).slice(-1), hash])],
    ...(upstream !== undefined && { upstream: sha256(upstream) }),
  }
  const planned = withEntry(journal, directory, entry)
  await writeJournal(certsDir, planned)
  if (!hasDirectory) await mkdir(join(certsDir, directory), { mode: 0o755 })
  if (!isOurs) await keepAside(certsDir, found)
  // A token is in it: containerd reads it as root, nobody else needs to.
  const mode = holdsToken(mirror) ? 0o600 : 0o644
  await keepUpstream(upstreamPath(certsDir, directory), upstream, mode)
  if (found.sha256 !== hash) await withoutMount(path, () => writeWhole(path, text, mode))
  if (!hasDirectory) await syncDirectory(certsDir)
  const done = withEntry(planned, directory, { ...entry, written: [hash] })
  await writeJournal(certsDir, done)
  return done
}

/** A second name for the same file keeps everything about it, and costs no moment without it. The first backup stays. */
async function keepAside(certsDir: string, { directory, path }: Found): Promise<void> {
  const backup = backupPath(certsDir, directory)
  await mkdir(dirname(backup), { recursive: true, mode: 0o700 })
  await ifThere(linkUnlessThere(path, backup))
  await syncDirectory(dirname(backup))
}

/** Where it lies nobody reads it. */
async function keepUpstream(path: string, text: string | undefined, mode: number): Promise<void> {
  if (text === undefined) return rm(path, { force: true })
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeWhole(path, text, mode)
}
