/** The longest that somebody waits for other nodes to store what an operator said, ms. */
const withinMs = 30_000

/** How an operator's word is made: on so many nodes before it is acknowledged, or on those that there are when the time is over. */
export const wordTerms = (
  copies: number,
): { readonly copies: number; readonly signal: AbortSignal } => ({
  copies,
  signal: AbortSignal.timeout(withinMs),
})
