/** The value below which that share (0 to 1) of all values lies; NaN of none. */
export function quantile(values: Iterable<number>, share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The middle value; NaN of none. */
export const median = (values: Iterable<number>): number => quantile(values, 0.5)
