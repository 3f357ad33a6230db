import { formatTag, parseTag, type TagReference } from '../../oci/reference.ts'
import type { ResolutionLog } from '../../ports/resolution-log.ts'
import type { TagLedger } from '../../ports/tag-ledger.ts'
import type { ResolveTag } from '../../pull/resolution.ts'
import type {
  Resolution,
  ResolutionsAnswer,
  ResolutionsQuery,
  ResolveAnswer,
  ResolveQuery,
} from './contract.ts'
import { defined, iso, isoOf } from './describe.ts'
import type { MeshView } from './node-view.ts'

/** Where the admin API's answers come from. */
export interface AdminParts {
  readonly resolveTag: ResolveTag
  readonly ledger: Pick<TagLedger, 'trustedNowMs'>
  readonly resolutions: Pick<ResolutionLog, 'find'>
  /** Absent: this node has no mesh. */
  readonly mesh: (() => MeshView) | undefined
}

/** What this node says of tags, and in whose name it answers. Each throws `OciError` when a reference is none. */
export interface AdminAnswers {
  /** Whose answer it is, and at what time. */
  asOf(): { readonly node: string; readonly asOf: string }
  resolve(query: ResolveQuery, signal: AbortSignal): Promise<ResolveAnswer>
  /** What a tag resolves to now, and with `explain` what was tried. */
  resolution(
    key: TagReference,
    options: { readonly explain: boolean; readonly signal: AbortSignal },
  ): Promise<Resolution>
  /** What a node goes by, where that is known here. */
  nameOf(id: string | undefined): string | undefined
  resolutions(query: ResolutionsQuery): ResolutionsAnswer
}

/** Answers from this node's own state. */
export function createAdminAnswers(
  parts: AdminParts,
  { node }: { readonly node: string },
): AdminAnswers {
  const { ledger } = parts
  const asOf = (): { node: string; asOf: string } => ({ node, asOf: iso(ledger.trustedNowMs()) })

  function nameOf(node: string | undefined): string | undefined {
    const view = node === undefined ? undefined : parts.mesh?.()
    const nodes = view === undefined ? [] : [view.self, ...view.members]
    return nodes.find(({ id }) => id === node)?.name
  }

  /** A node is told with its name, where it has one here: people do not know ids. */
  const tellSayer = (saidBy: string | undefined) => ({ saidBy, saidByName: nameOf(saidBy) })

  const resolution: AdminAnswers['resolution'] = async (key, { explain, signal }) => {
    // Asked as an explanation in any case: a person's question must not look like a client's pull.
    const answer = await parts.resolveTag(key, { asking: 'explain', signal })
    const { reason, failure, steps } = answer
    const told = { reason, ...defined({ failure, steps: explain ? [...steps] : undefined }) }
    if (!answer.found) return { ...told, found: false }
    const { digest, mediaType, size, source, fresh, confirmedAtMs, ageSeconds, saidBy } = answer
    const confirmedAt = isoOf(confirmedAtMs)
    const optional = defined({ confirmedAt, ageSeconds, ...tellSayer(saidBy) })
    return { ...told, found: true, digest, mediaType, size, source, fresh, ...optional }
  }

  return {
    asOf,
    nameOf,
    resolution,
    async resolve({ ref, explain }, signal) {
      const key = parseTag(ref)
      const told = await resolution(key, { explain, signal })
      return { ...asOf(), reference: formatTag(key), ...told }
    },
    resolutions({ ref, at, limit }) {
      const reference = ref === undefined ? undefined : formatTag(parseTag(ref))
      const atMs = at === undefined ? undefined : Date.parse(at)
      const items = parts.resolutions
        .find({ ...defined({ reference, atMs }), limit })
        .map(({ firstAtMs, lastAtMs, count, source, reason, digest, saidBy, ...entry }) => ({
          reference: entry.reference,
          source,
          reason,
          firstAt: iso(firstAtMs),
          lastAt: iso(lastAtMs),
          count,
          ...defined({ digest, ...tellSayer(saidBy) }),
        }))
      return { ...asOf(), items }
    },
  }
}
