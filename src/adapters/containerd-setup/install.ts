import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  behindOf,
  type Fallback,
  type HostsFault,
  type MirrorAccess,
  type RegistryAccess,
  writeHosts,
  writeHostsBefore,
} from './hosts-toml.ts'
import {
  backupPath,
  type Journal,
  type JournalEntry,
  readJournal,
  withEntry,
  writeJournal,
} from './journal.ts'
import { type Found, findDirectory, ownerOf, sha256 } from './registry-directory.ts'
import { ifThere, linkUnlessThere, syncDirectory, writeWhole } from './whole-file.ts'

/** What install is to do. */
export interface InstallOrder {
  readonly certsDir: string
  readonly registries: readonly RegistryAccess[]
  readonly mirror: MirrorAccess
  readonly fallback: Fallback
  /** Keep the hosts of a file that is there after ours. */
  readonly prepend: boolean
  /** Replace what is not understood or was changed since. */
  readonly force: boolean
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
}

/**
 * Sends registries to the mirror. What was there is kept aside once, as it is. Where one registry is refused, nothing is written.
 * Throws `HoldfastError` when the journal cannot be read.
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
  const found = await findDirectory(order.certsDir, registry.name)
  const written = compose(order, registry, found, journal.entries[found.directory])
  const at = { registry: registry.name, path: found.path, found }
  if ('problem' in written) {
    return { ...at, text: '', outcome: 'refused', reason: written.problem }
  }
  const { text, outcome } = written
  return { ...at, text, outcome: found.sha256 === sha256(text) ? 'unchanged' : outcome }
}

interface Composed {
  readonly text: string
  readonly outcome: 'written' | 'replaced' | 'prepended'
}

function compose(
  order: InstallOrder,
  registry: RegistryAccess,
  found: Found,
  entry: JournalEntry | undefined,
): Composed | HostsFault {
  const { mirror, prepend, force } = order
  const behind = behindOf(order.fallback)
  const owner = ownerOf(found, entry)
  const text = writeHosts(registry, mirror, behind)
  if (owner === 'holdfast' || found.sha256 === sha256(text)) return { text, outcome: 'written' }
  const doubt = force ? undefined : doubtAbout(found, owner)
  if (doubt !== undefined) return { problem: doubt }
  if (owner === 'nobody') return { text, outcome: 'written' }
  if (!prepend || owner === 'edited' || found.file === undefined || 'problem' in found.file) {
    return { text, outcome: 'replaced' }
  }
  const joined = writeHostsBefore(found.file, registry, mirror, behind)
  if (typeof joined === 'string') return { text: joined, outcome: 'prepended' }
  return { problem: `${joined.problem}: without --prepend the file is replaced` }
}

/** Why a file is not touched unasked. */
function doubtAbout(
  { file, certificates, backup }: Found,
  owner: ReturnType<typeof ownerOf>,
): string | undefined {
  if (file === undefined && certificates.length > 0) {
    const names = certificates.join(', ')
    return `${names} beside it would not be read any more: name them in upstreams.…tls, then --force`
  }
  if (file !== undefined && 'problem' in file) {
    return `it is not understood (${file.problem}): mend it, or --force replaces it`
  }
  if (owner === 'edited') return 'it was changed since it was written: --force replaces it'
  if (owner === 'k3s') return 'K3s writes it anew at each start: name the mirror in registries.yaml'
  if (owner === 'other' && backup === 'aside')
    return 'another took its place since: --force replaces it'
  return undefined
}

/** Journal, backup, file: in this order, so that whatever is cut short can be taken back. */
async function apply(
  { certsDir, fallback, mirror }: InstallOrder,
  journal: Journal,
  { found, text, registry }: Step,
): Promise<Journal> {
  const { directory, path, hasDirectory } = found
  const known = journal.entries[directory]
  const owner = ownerOf(found, known)
  const isOurs = owner === 'nobody' || owner === 'holdfast' || owner === 'edited'
  const hash = sha256(text)
  const entry: JournalEntry = {
    registry,
    hadFile: known?.hadFile === true || !isOurs,
    madeDirectory: known?.madeDirectory ?? !hasDirectory,
    fallback,
    written: [...new Set([...(known?.written ?? []).slice(-1), hash])],
  }
  const planned = withEntry(journal, directory, entry)
  await writeJournal(certsDir, planned)
  if (!hasDirectory) await mkdir(join(certsDir, directory), { mode: 0o755 })
  if (!isOurs) await keepAside(certsDir, found)
  // A token is in it: containerd reads it as root, nobody else needs to.
  const mode = mirror.token !== undefined && mirror.targets.length > 0 ? 0o600 : 0o644
  if (found.sha256 !== hash) await writeWhole(path, text, mode)
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
