/** The longest that somebody waits for other nodes to store what an operator said, ms. */
const withinMs = 30_000

/**
 * How an operator's word is made: on so many nodes before it is acknowledged, or on those that there are when the time is over.
 *
 * @param check asked of what stands there right before
 */
export const wordTerms = <T>(
  copies: number,
  check?: (standing: T | undefined) => void,
): {
  readonly copies: number
  readonly check?: ((standing: T | undefined) => void) | undefined
  readonly signal: AbortSignal
} => ({
  copies,
  check,
  signal: AbortSignal.timeout(withinMs),
})
