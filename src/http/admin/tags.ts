import type { FindTags, FoundTag } from '../../keep/find-tags.ts'
import type { ForgetTag } from '../../keep/forget-tag.ts'
import type { Digest } from '../../oci/digest.ts'
import { formatTag, parseTag } from '../../oci/reference.ts'
import type { TagLedger } from '../../ports/tag-ledger.ts'
import type { RefreshTag } from '../../pull/refresh-tag.ts'
import { defined, iso } from './describe.ts'
import type { createExplainTag } from './explain-tag.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { readPreconditions, versionOf, writeTag } from './preconditions.ts'
import { ProblemError } from './problem.ts'
import type { ForgetAnswer, RefreshAnswer, TagsAnswer } from './tag-contract.ts'

/** An answer is given within this time, ms: longer than any journey's deadline. */
const withinMs = 60_000

/** Adds what concerns tags. */
export function addTags(
  add: AddOperation,
  {
    findTags,
    explainTag,
    refreshTag,
    forgetTag,
    ledger,
    asOf,
  }: {
    readonly findTags: FindTags
    readonly explainTag: ReturnType<typeof createExplainTag>
    readonly refreshTag: RefreshTag
    readonly forgetTag: ForgetTag
    readonly ledger: Pick<TagLedger, 'live' | 'pin' | 'trustedNowMs'>
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

  add(operations.tag, async ({ path, reply }) => {
    const key = parseTag(path['reference'] ?? '')
    const explained = await explainTag(key, AbortSignal.timeout(withinMs))
    const live = ledger.live(key)
    writeTag(reply, live && versionOf(live))
    return explained
  })

  add(operations.refreshTag, async ({ path, audit }) => {
    const key = parseTag(path['reference'] ?? '')
    const reference = formatTag(key)
    audit({ subject: reference })
    const refreshed = await refreshTag(key, AbortSignal.timeout(withinMs))
    const { outcome, before, after, reason, failure, saidBy, tookMs } = refreshed
    if (outcome === 'not-asked') throw new ProblemError(409, `nobody was asked: ${reason}`)
    audit({ subject: reference, before: digestOf(before), after: digestOf(after) })
    const pinnedDigest = ledger.pin(key)?.digest
    const optional = defined({ before, after, pinnedDigest, failure, saidBy })
    const told = { ...asOf(), reference, outcome, reason, tookMs, ...optional }
    return told satisfies RefreshAnswer
  })

  add(operations.forgetTag, async ({ path, query, caller, request, audit }) => {
    const key = parseTag(path['reference'] ?? '')
    const reference = formatTag(key)
    audit({ subject: reference })
    if (ledger.live(key) === undefined) {
      throw new ProblemError(
        404,
        `nothing is remembered of ${reference}; \`holdfast tags\` lists what is`,
      )
    }
    const check = readPreconditions(request.headers)
    const { before, stored } = await forgetTag(key, {
      author: caller,
      copies: query.copies,
      check: known => check(known && { version: versionOf(known), isThere: true }),
      signal: AbortSignal.timeout(withinMs),
    })
    audit({ subject: reference, before: digestOf(before?.digest) })
    const pinnedDigest = ledger.pin(key)?.digest
    const optional = defined({ forgotten: before?.digest, pinnedDigest })
    const told = { ...asOf(), reference, storedOn: stored, ...optional }
    return told satisfies ForgetAnswer
  })
}

const digestOf = (digest: Digest | undefined) => digest && { digest }

function describe({ key, live, pin, isComplete }: FoundTag): TagsAnswer['items'][number] {
  const row = { reference: formatTag(key), complete: isComplete, pinned: pin !== undefined }
  const pinnedDigest = defined({ pinnedDigest: pin?.digest })
  if (live === undefined) return { ...row, ...pinnedDigest }
  const { digest, mediaType, size, source, confirmedAtMs, firstSeenMs } = live
  const times = { confirmedAt: iso(confirmedAtMs), firstSeenAt: iso(firstSeenMs) }
  return { ...row, digest, mediaType, size, source, ...times, ...pinnedDigest }
}
