/** A set of parsers to be fed with damaged input. */
export interface FuzzSubject {
  readonly name: string
  /** Valid input of all kinds; the damage is done to these. */
  readonly makeSeeds: () => readonly string[]
  /**
   * What must hold for any text, parser by parser: says whether the parser accepted it, rejects it with an expected error, and throws
   * any other when it found a fault.
   */
  readonly checks: Readonly<Record<string, (text: string) => boolean>>
  /** Whether this error is the parser's way to refuse. */
  readonly isRefusal: (error: unknown) => boolean
}

/** Throws when what must hold does not. */
export function claim(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`does not hold: ${what}`)
}
