import { maxValueBytes } from '../ledger/record.ts'
import type { Digest } from '../oci/digest.ts'
import {
  formatReference,
  parseFullReference,
  parseReference,
  type Repository,
} from '../oci/reference.ts'

/** An image that pods run by its digest. */
export interface RunningDigest {
  readonly repository: Repository
  readonly digest: Digest
}

/** What pods run by the names that they give it. */
export interface RunningNames {
  /** As `registry/repository:tag`. */
  readonly tags: ReadonlySet<string>
  /** By `registry/repository@digest`. */
  readonly byDigest: ReadonlyMap<string, RunningDigest>
}

/** Tells tags and digests apart. Throws at what is no reference. */
export function sortNames(names: Iterable<string>): RunningNames {
  const tags = new Set<string>()
  const byDigest = new Map<string, RunningDigest>()
  for (const name of names) {
    const { tag: _, digest, ...repository } = parseReference(name)
    if (digest === undefined) tags.add(name)
    else byDigest.set(formatReference({ ...repository, digest }), { repository, digest })
  }
  return { tags, byDigest }
}

/** Names as the value of a register, one a line in their order; of what is too long for one the last names are `left` out, whole. */
export function encodeNames(names: readonly string[]): {
  readonly text: string
  readonly left: number
} {
  const told: string[] = []
  let bytes = 0
  for (const name of names) {
    bytes += Buffer.byteLength(name) + 1
    if (bytes > maxValueBytes) break
    told.push(name)
  }
  return { text: told.sort().join('\n'), left: names.length - told.length }
}

/** Reads what another node said. A line that is no name in its one form, be it of a later version, is passed over. Never throws. */
export const decodeNames = (text: string): RunningNames =>
  sortNames(text.split('\n').filter(isName))

function isName(line: string): boolean {
  const parsed = parseFullReference(line)
  if (parsed === undefined) return false
  const { tag, digest } = parsed
  return (tag === undefined) !== (digest === undefined) && formatReference(parsed) === line
}
