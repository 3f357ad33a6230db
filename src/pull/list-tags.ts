import { formatRepository, type Repository } from '../oci/reference.ts'
import type { FailureClass } from '../ports/errors.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { Upstream } from '../ports/upstream.ts'
import { type Absent, absent, isAbsent } from './absent.ts'
import { askInTime } from './ask-in-time.ts'
import type { ReachOf } from './reach-of.ts'
import { tellUnconfigured } from './resolve-tag.ts'

/** All tags of a repository, in byte order, each once, and who said so. */
export interface ListedTags {
  readonly tags: readonly string[]
  readonly source: 'upstream' | 'ledger'
}

/** Lists a repository's tags. Settles within the deadline; rejects only when `signal` (the client's) aborts. */
export type ListTags = (repository: Repository, signal: AbortSignal) => Promise<ListedTags | Absent>

/** Tags of one repository read from the ledger at a time. */
const ledgerPage = 1_000

interface Parts {
  readonly upstream: Pick<Upstream, 'listTags'>
  readonly reachOf: ReachOf
  readonly ledger: Pick<TagLedger, 'listTags'>
  /** Whether, by policy, memory may answer for this repository after such a failure. */
  readonly mayServe: (repository: Repository, failure: FailureClass) => boolean
}

/**
 * The registry's own list while it can be had within `deadlineMs`, else the tags the ledger knows. A repository of which the ledger knows
 * none is absent.
 */
export function createListTags(parts: Parts, settings: { readonly deadlineMs: number }): ListTags {
  return async (repository, signal) => {
    const reach = parts.reachOf(repository)
    if (reach.state === 'unconfigured') return absent(tellUnconfigured(repository.registry))
    const asked =
      reach.state === 'reachable'
        ? await ask(repository, signal)
        : absent(`${formatRepository(repository)} is not to be reached`, reach.failure)
    return isAbsent(asked) ? recall(repository, asked) : asked
  }

  function ask(repository: Repository, signal: AbortSignal): Promise<ListedTags | Absent> {
    const list = async (ends: AbortSignal): Promise<ListedTags> => {
      const tags = await parts.upstream.listTags(repository, ends)
      return { tags: [...new Set(tags)].sort(), source: 'upstream' }
    }
    return askInTime(list, settings.deadlineMs, signal)
  }

  function recall(repository: Repository, refusal: Absent): ListedTags | Absent {
    const { failure } = refusal
    if (failure !== undefined && !parts.mayServe(repository, failure)) return refusal
    const tags = [...known(repository)]
    return tags.length > 0 ? { tags, source: 'ledger' } : refusal
  }

  function* known(repository: Repository): Generator<string> {
    for (let after: string | undefined; ; ) {
      const page = parts.ledger.listTags(repository, after, ledgerPage)
      yield* page
      if (page.length < ledgerPage) return
      after = page.at(-1)
    }
  }
}
