/** The last lines of a log, in memory. */
export interface LineRing {
  add(line: string): void
  /** The oldest first, without their ends. */
  lines(): readonly string[]
}

/** Bounds of what is remembered: as many lines, and as many characters in all of them. */
const usual = { maxLines: 1_000, maxLength: 512 * 1024 } as const

/** Remembers lines as they were written; the oldest go first. */
export function createLineRing({
  maxLines,
  maxLength,
}: {
  readonly maxLines: number
  readonly maxLength: number
} = usual): LineRing {
  let kept: string[] = []
  let length = 0
  /** Lines at the beginning that no longer count: to move all others for each would cost more than it saves. */
  let gone = 0
  return {
    add(line) {
      kept.push(line.trimEnd())
      length += kept.at(-1)?.length ?? 0
      while (kept.length - gone > maxLines || (length > maxLength && gone < kept.length)) {
        length -= kept[gone]?.length ?? 0
        kept[gone++] = ''
      }
      if (gone < maxLines) return
      kept = kept.slice(gone)
      gone = 0
    },
    lines: () => kept.slice(gone),
  }
}
