import { compareTexts } from '../ledger/record.ts'
import type { TagReference } from '../oci/reference.ts'
import { derived } from '../ports/derived.ts'
import type { Keep, KeepBook } from '../ports/keep-book.ts'
import type { Log } from '../ports/log.ts'

/** A pattern on image names that was understood. */
export interface TagPattern {
  /** The one way to write it. */
  readonly canonical: string
  /** All names that match begin so, as `registry/repository:tag`. */
  readonly beginning: string
  matches(key: TagReference): boolean
}

/** Reads a pattern, or tells what is wrong with it and what to write in its place. */
export type ParsePattern = (
  text: string,
) => TagPattern | { readonly problem: string; readonly cure: string }

/** A pattern of what must stay, and who wants it. */
export interface KeptPattern {
  /** In its canonical form. */
  readonly pattern: string
  /** It stands in `keep.patterns` of this node. */
  readonly isConfigured: boolean
  /** What an operator said, on any node. */
  readonly said: Keep | undefined
  /** All names that match begin so, as `registry/repository:tag`. */
  readonly beginning: string
  matches(key: TagReference): boolean
}

/** Which tags must stay available offline: those of the configuration and those that operators named. Pins are not looked at. */
export interface KeepSet {
  /** Right from the moment in which a change is durable here, by whomever it was said. */
  isKept(key: TagReference): boolean
  /** Every tag that is kept begins with one of them, as `registry/repository:tag`. */
  beginnings(): readonly string[]
  /** In the order of their patterns. */
  patterns(): readonly KeptPattern[]
  /** Calls back after it changed. */
  onChange(listener: () => void): () => void
}

/** Patterns that are in force at the most: every tag is compared with all of them. */
export const maxPatterns = 1_000

/** The set in force on this node. What another node said that is no pattern here, or is one too many, keeps nothing and is told once. */
export function createKeepSet(parts: {
  readonly book: Pick<KeepBook, 'list' | 'onChange'>
  readonly parse: ParsePattern
  /** `keep.patterns`, which were checked. */
  readonly configured: readonly string[]
  readonly log: Log
}): KeepSet {
  const { book, parse, log } = parts
  const configured = parts.configured.map(understood).filter(pattern => pattern !== undefined)
  const told = new Set<string>()

  function understood(text: string): TagPattern | undefined {
    const parsed = parse(text)
    return 'problem' in parsed ? undefined : parsed
  }

  function tellOnce(pattern: string, message: string): void {
    if (told.has(pattern) || told.size >= maxPatterns) return
    told.add(pattern)
    log.warn({ pattern }, message)
  }

  function compile(keeps: readonly Keep[]): readonly KeptPattern[] {
    const found = new Map<string, KeptPattern>()
    for (const { canonical: pattern, ...known } of configured) {
      found.set(pattern, { ...known, pattern, isConfigured: true, said: undefined })
    }
    for (const keep of keeps) {
      const parsed = understood(keep.pattern)
      if (parsed?.canonical !== keep.pattern) {
        tellOnce(keep.pattern, 'a keep of another node is no pattern here: it keeps nothing')
      } else if (found.size >= maxPatterns && !found.has(keep.pattern)) {
        tellOnce(keep.pattern, 'one keep too many: it keeps nothing')
      } else {
        const isConfigured = found.has(keep.pattern)
        const { beginning, matches } = parsed
        const { pattern } = keep
        found.set(pattern, { pattern, isConfigured, said: keep, beginning, matches })
      }
    }
    return [...found.values()].sort((a, b) => compareTexts(a.pattern, b.pattern))
  }

  /** The book is asked each time: it says so by another array when it changed, also when another database took its place. */
  const current = derived(() => book.list(), compile)

  return {
    isKept: key => current().some(pattern => pattern.matches(key)),
    beginnings: () => current().map(({ beginning }) => beginning),
    patterns: current,
    onChange: book.onChange,
  }
}
