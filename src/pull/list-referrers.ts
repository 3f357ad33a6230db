import { LRUCache } from 'lru-cache'
import type { Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/manifest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { Upstream } from '../ports/upstream.ts'
import { type Absent, absent, isAbsent } from './absent.ts'
import { askInTime } from './ask-in-time.ts'
import type { ContentGraph } from './content-graph.ts'
import type { ReachOf } from './reach-of.ts'
import { tellUnconfigured } from './resolve-tag.ts'

/** What refers to a manifest, and who said so. */
export interface ListedReferrers {
  readonly descriptors: readonly Descriptor[]
  /** `store`: what is held here, and what the registry said when it was last asked. */
  readonly source: 'upstream' | 'store'
}

/**
 * Lists the manifests that refer to a digest; none at all is an answer. Settles within the deadline; rejects only when `signal` (the
 * client's) aborts. {@link Absent} only while the registry cannot be asked and nothing is known. `isPatient`: no client waits, and the registry
 * may be late.
 */
export type ListReferrers = (
  repository: Repository,
  subject: Digest,
  signal: AbortSignal,
  options?: { readonly isPatient?: boolean },
) => Promise<ListedReferrers | Absent>

/** Lists remembered at the most. */
const maxRemembered = 1_000

interface Parts {
  readonly upstream: Pick<Upstream, 'listReferrers'>
  readonly reachOf: ReachOf
  readonly graph: Pick<ContentGraph, 'referrers' | 'isServedUnder'>
  /** By rule; remembers what it worked out. */
  readonly isPrivate: (repository: Repository) => boolean
}

/** The registry's own list within `deadlineMs`, or `patientMs`, else what is held and what it said before. */
export function createListReferrers(
  parts: Parts,
  settings: { readonly deadlineMs: number; readonly patientMs: number },
): ListReferrers {
  const remembered = new LRUCache<string, readonly Descriptor[]>({ max: maxRemembered })

  return async (repository, subject, signal, { isPatient = false } = {}) => {
    const withinMs = isPatient ? settings.patientMs : settings.deadlineMs
    const reach = parts.reachOf(repository)
    if (reach.state === 'unconfigured') return absent(tellUnconfigured(repository.registry))
    const asked =
      reach.state === 'reachable'
        ? await ask(repository, subject, withinMs, signal)
        : absent(`${formatRepository(repository)} is not to be reached`, reach.failure)
    return isAbsent(asked) ? recall(repository, subject, asked) : asked
  }

  function ask(
    repository: Repository,
    subject: Digest,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<ListedReferrers | Absent> {
    const list = async (ends: AbortSignal): Promise<ListedReferrers> => {
      const descriptors = await parts.upstream.listReferrers(repository, subject, ends)
      remembered.set(keyOf(repository, subject), descriptors)
      return { descriptors, source: 'upstream' }
    }
    return askInTime(list, withinMs, signal)
  }

  function recall(
    repository: Repository,
    subject: Digest,
    refusal: Absent,
  ): ListedReferrers | Absent {
    const last = remembered.get(keyOf(repository, subject))
    const held = parts.graph
      .referrers(subject)
      .filter(({ digest }) => parts.graph.isServedUnder(digest, repository, parts.isPrivate))
    if (last === undefined && held.length === 0) return refusal
    const all = [...held, ...(last ?? [])].map(each => [each.digest, each] as const)
    return { descriptors: [...new Map(all).values()], source: 'store' }
  }
}

function keyOf(repository: Repository, subject: Digest): string {
  return `${formatRepository(repository)}@${subject}`
}
