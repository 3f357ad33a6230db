import type { FindTags, FoundTag } from '../../keep/find-tags.ts'
import { formatTag, parseTag } from '../../oci/reference.ts'
import type { TagLedger } from '../../ports/tag-ledger.ts'
import { defined, iso } from './describe.ts'
import type { createExplainTag } from './explain-tag.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import type { TagsAnswer } from './tag-contract.ts'

/** An explanation is given within this time, ms: longer than any journey's deadline. */
const explainWithinMs = 60_000

/** Adds what concerns tags. */
export function addTags(
  add: AddOperation,
  {
    findTags,
    explainTag,
    ledger,
    asOf,
  }: {
    readonly findTags: FindTags
    readonly explainTag: ReturnType<typeof createExplainTag>
    readonly ledger: Pick<TagLedger, 'trustedNowMs'>
    readonly asOf: () => { readonly node: string; readonly asOf: string }
  },
): void {
  add(operations.tags, async ({ query }) => {
    const { after, limit, staleForSeconds, incomplete: isIncomplete, ...names } = query
    const confirmedBeforeMs =
      staleForSeconds === undefined ? undefined : ledger.trustedNowMs() - staleForSeconds * 1000
    const page = await findTags({ ...names, confirmedBeforeMs, isIncomplete }, { after, limit })
    const next = defined({ next: page.next })
    return { ...asOf(), items: page.tags.map(describe), ...next } satisfies TagsAnswer
  })

  add(operations.tag, ({ path }) =>
    explainTag(parseTag(path['reference'] ?? ''), AbortSignal.timeout(explainWithinMs)),
  )
}

function describe({ key, live, pin, isComplete }: FoundTag): TagsAnswer['items'][number] {
  const row = { reference: formatTag(key), complete: isComplete, pinned: pin !== undefined }
  const pinnedDigest = defined({ pinnedDigest: pin?.digest })
  if (live === undefined) return { ...row, ...pinnedDigest }
  const { digest, mediaType, size, source, confirmedAtMs, firstSeenMs } = live
  const times = { confirmedAt: iso(confirmedAtMs), firstSeenAt: iso(firstSeenMs) }
  return { ...row, digest, mediaType, size, source, ...times, ...pinnedDigest }
}
