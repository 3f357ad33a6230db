import type { LiveTarget } from '../ports/tag-ledger.ts'
import type { KeptPattern } from './keep-set.ts'

/** Counts known tags, those that answer with something. */
export type CoveredTags = (
  patterns: readonly Pick<KeptPattern, 'matches' | 'beginning'>[],
) => Promise<{
  /** In the order of the patterns. */
  readonly byPattern: readonly number[]
  /** Tags that any of them covers. */
  readonly any: number
}>

/** @param tags walks those of the ledger that begin with one of these texts, some keys at a time */
export function createCoveredTags(
  tags: (beginnings: readonly string[]) => AsyncIterable<Pick<LiveTarget, 'key'>>,
): CoveredTags {
  return async patterns => {
    const byPattern = patterns.map(() => 0)
    let any = 0
    if (patterns.length === 0) return { byPattern, any }
    for await (const { key } of tags(patterns.map(({ beginning }) => beginning))) {
      const covering = patterns.flatMap(({ matches }, i) => (matches(key) ? [i] : []))
      for (const i of covering) byPattern[i] = (byPattern[i] ?? 0) + 1
      any += Math.min(covering.length, 1)
    }
    return { byPattern, any }
  }
}
