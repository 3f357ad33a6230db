import type { TagReference } from '../oci/reference.ts'
import type { LiveTarget } from '../ports/tag-ledger.ts'
import type { KeptPattern } from './keep-set.ts'

/** Tags that are named, of those that are covered. */
const maxNamed = 100

/** Counts known tags, those that answer with something. */
export type CoveredTags = (
  patterns: readonly Pick<KeptPattern, 'matches' | 'beginning'>[],
) => Promise<{
  /** In the order of the patterns. */
  readonly byPattern: readonly number[]
  /** Tags that any of them covers. */
  readonly any: number
  /** The first hundred of them, in byte order. */
  readonly first: readonly TagReference[]
}>

/** @param tags walks those of the ledger that begin with one of these texts, some keys at a time */
export function createCoveredTags(
  tags: (beginnings: readonly string[]) => AsyncIterable<Pick<LiveTarget, 'key'>>,
): CoveredTags {
  return async patterns => {
    const byPattern = patterns.map(() => 0)
    const first: TagReference[] = []
    let any = 0

    function count(key: TagReference): void {
      const covering = patterns.flatMap(({ matches }, i) => (matches(key) ? [i] : []))
      for (const i of covering) byPattern[i] = (byPattern[i] ?? 0) + 1
      if (covering.length === 0) return
      any += 1
      if (first.length < maxNamed) first.push(key)
    }

    if (patterns.length === 0) return { byPattern, any, first }
    const beginnings = patterns.map(({ beginning }) => beginning)
    for await (const { key } of tags(beginnings)) count(key)
    return { byPattern, any, first }
  }
}
