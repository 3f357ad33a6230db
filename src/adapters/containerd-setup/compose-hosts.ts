import { everyRegistry } from './every-registry.ts'
import {
  type Behind,
  behindOf,
  type Fallback,
  type HostsFault,
  type HostsToml,
  type MirrorAccess,
  type RegistryAccess,
  writeHosts,
  writeHostsBefore,
} from './hosts-toml.ts'
import type { JournalEntry } from './journal.ts'
import { type Found, type Owner, ownerOf, sha256 } from './registry-directory.ts'

/** What is wanted of a registry's file. */
export interface ComposeOrder {
  readonly mirror: MirrorAccess
  readonly fallback: Fallback
  /** Keep the hosts of a file that is there after ours. */
  readonly prepend: boolean
  /** Replace what is not understood or was changed since. */
  readonly force: boolean
}

/** What a registry's file is to say. */
export interface Composed {
  readonly text: string
  /** What the running node may mount over it. Nobody can tell of every registry whether it answers. */
  readonly upstream: string | undefined
  readonly outcome: 'written' | 'replaced' | 'prepended'
}

/** Decides what becomes of one file; a fault tells why it is not touched unasked, and what to do. */
export function composeHosts(
  order: ComposeOrder,
  registry: RegistryAccess,
  found: Found,
  entry: JournalEntry | undefined,
): Composed | HostsFault {
  const { mirror, fallback, force } = order
  const { file } = found
  // No file: nothing that could be kept aside.
  if (file !== undefined && 'problem' in file && found.sha256 === undefined) {
    return { problem: `${file.problem}: remove it` }
  }
  const owner = ownerOf(found, entry)
  const isWritten = found.sha256 === sha256(writeHosts(registry, mirror, behindOf(fallback)))
  const doubt = force || owner === 'holdfast' || isWritten ? undefined : doubtAbout(found, owner)
  if (doubt !== undefined) return { problem: doubt }
  const kept = order.prepend ? keptOf(found, owner) : undefined
  const write = (behind: Behind): string | HostsFault =>
    kept === undefined
      ? writeHosts(registry, mirror, behind)
      : writeHostsBefore(kept, registry, mirror, behind)
  const text = write(behindOf(fallback))
  const mayStand = fallback === 'auto' && registry.name !== everyRegistry
  const upstream = mayStand ? write('upstream') : undefined
  if (typeof text !== 'string') return notJoined(text)
  if (typeof upstream === 'object') return notJoined(upstream)
  return { text, upstream, outcome: outcomeOf(owner, kept) }
}

/** What was there before install, whether it still is or lies aside. */
function keptOf({ file, before }: Found, owner: Owner): HostsToml | undefined {
  const kept = owner === 'other' || owner === 'k3s' ? file : before
  return kept === undefined || 'problem' in kept ? undefined : kept
}

function outcomeOf(owner: Owner, kept: HostsToml | undefined): Composed['outcome'] {
  if (owner === 'nobody' || owner === 'holdfast') return 'written'
  return kept === undefined ? 'replaced' : 'prepended'
}

const notJoined = ({ problem }: HostsFault): HostsFault => ({
  problem: `${problem}: without --prepend the file is replaced`,
})

/** Why a file is not touched unasked. */
function doubtAbout({ file, certificates, backup }: Found, owner: Owner): string | undefined {
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
