import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '../oci/digest.ts'
import { formatTag } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { TagFilter, TagLedger, TagRow } from '../ports/tag-ledger.ts'

/** What an operator looks for; what is given must all fit. */
export interface TagSearch extends Omit<TagFilter, 'isWanted'> {
  /** Only what this node cannot run from its own store. */
  readonly isIncomplete?: boolean | undefined
}

/** A tag that was found. */
export interface FoundTag extends TagRow {
  /** All of what it answers with is held here, for this node's platforms. */
  readonly isComplete: boolean
}

/** A page of tags in byte order of `registry/repository:tag`. */
export interface TagPage {
  readonly tags: readonly FoundTag[]
  /** Where the next page begins, as its `after`; absent on the last. */
  readonly next: string | undefined
}

/** Finds tags, page by page: a page begins after a key, so that it stays right while tags come and go. */
export type FindTags = (
  search: TagSearch,
  page: { readonly after: string | undefined; readonly limit: number },
) => Promise<TagPage>

/** Keys looked through without a pause where few of them fit: clients wait meanwhile. */
const keysAtOnce = 100
/** The same where nearly all fit, so that a row of each is read. */
const rowsAtOnce = 32

/** A page that is not full after this is given as it is, ms. */
const lookMs = 25

/**
 * Looks through the ledger in short stretches, between which others have their turn, until the page is full or its time is up. So a
 * search that finds little takes several pages, some of them empty, and none of them long.
 */
export function createFindTags(parts: {
  readonly ledger: Pick<TagLedger, 'find'>
  readonly isComplete: (digest: Digest) => boolean
  readonly clock: Pick<Clock, 'monotonicMs'>
}): FindTags {
  const isIncomplete = (digest: Digest): boolean => !parts.isComplete(digest)

  function judge(row: TagRow): FoundTag {
    const digest = row.pin?.digest ?? row.live?.digest
    return { ...row, isComplete: digest !== undefined && parts.isComplete(digest) }
  }

  return async ({ isIncomplete: mustLack = false, ...search }, { after, limit }) => {
    const filter = { ...search, ...(mustLack && { isWanted: isIncomplete }) }
    const keys = isByNames(filter) ? Math.min(rowsAtOnce, limit + 1) : keysAtOnce
    const untilMs = parts.clock.monotonicMs() + lookMs
    const found: TagRow[] = []
    let from = after
    for (;;) {
      const { rows, until } = parts.ledger.find(filter, from, keys)
      found.push(...rows)
      // One more than asked tells that there is another page.
      if (found.length > limit) return fullPage(found.slice(0, limit))
      const isOver = until === undefined || parts.clock.monotonicMs() >= untilMs
      if (isOver) return { tags: found.map(judge), next: until }
      from = until
      await nextTurn()
    }
  }

  function fullPage(rows: readonly TagRow[]): TagPage {
    const last = rows.at(-1)
    return { tags: rows.map(judge), next: last && formatTag(last.key) }
  }
}

/** Nearly every key that is looked at fits. */
function isByNames(filter: TagFilter): boolean {
  const { registry, repository, contains, source, confirmedBeforeMs, isWanted } = filter
  if (contains !== undefined) return false
  if (repository !== undefined && registry === undefined) return false
  return source === undefined && confirmedBeforeMs === undefined && isWanted === undefined
}
