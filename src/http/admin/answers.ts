import type { ModeSwitch } from '../../keep/mode-switch.ts'
import { formatTag, parseTag } from '../../oci/reference.ts'
import type { ResolutionLog } from '../../ports/resolution-log.ts'
import type { TagLedger } from '../../ports/tag-ledger.ts'
import type { ResolveTag } from '../../pull/resolution.ts'
import type {
  ResolutionsAnswer,
  ResolutionsQuery,
  ResolveAnswer,
  ResolveQuery,
} from './contract.ts'
import { defined, iso } from './describe.ts'
import { createNameOf, type KnownNodes } from './find-node.ts'
import { readTime } from './read-query.ts'
import { createTellResolution, type TellResolution, tellGiven } from './tell-resolution.ts'

/** Where the admin API's answers come from. */
export interface AdminParts {
  readonly resolveTag: ResolveTag
  readonly ledger: Pick<TagLedger, 'trustedNowMs'>
  readonly resolutions: Pick<ResolutionLog, 'find'>
  readonly node: { readonly nodes: KnownNodes }
  readonly modeSwitch: Pick<ModeSwitch, 'state'>
}

/** What this node says of tags, and in whose name it answers. Each throws `OciError` when a reference is none. */
export interface AdminAnswers {
  /** Whose answer it is, and at what time. */
  asOf(): { readonly node: string; readonly asOf: string }
  resolve(query: ResolveQuery, signal: AbortSignal): Promise<ResolveAnswer>
  /** What a tag resolves to now, and with `explain` what was tried. */
  readonly resolution: TellResolution
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
  const nameOf = createNameOf(parts.node.nodes)
  const asOf = (): { node: string; asOf: string } => ({ node, asOf: iso(ledger.trustedNowMs()) })

  const mode = () => parts.modeSwitch.state().mode
  const resolution = createTellResolution({ resolveTag: parts.resolveTag, nameOf, mode })

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
      const atMs = readTime(at)
      const items = parts.resolutions
        .find({ ...defined({ reference, atMs }), limit })
        .map(entry => tellGiven(entry, nameOf))
      return { ...asOf(), items }
    },
  }
}
