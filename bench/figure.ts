import { median } from './quantile.ts'

/** What a figure is measured against. */
export interface Aim {
  /** The figure itself, or its ratio to the peer's. */
  readonly of: 'value' | 'ratio'
  readonly is: 'at least' | 'at most'
  readonly limit: number
}

/** One measured value, with what the same work costs the peer in the same run. */
export interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: 'req/s' | 'ms' | 'MB/s' | 'MB' | 'kB' | 'times' | '%'
  readonly peer?: Peer | undefined
  /** Absent: told for comparison only. */
  readonly aim?: Aim | undefined
}

/** Who does the same work beside us: another registry, or the least that this machine and Node need for it. */
export interface Peer {
  readonly name: string
  readonly value: number
  /** Our value to the peer's, when it was taken round by round; else that of the two values. */
  readonly ratio?: number | undefined
}

/** How our value compares to the peer's. */
export const ratioOf = ({ value, peer }: Figure): number | undefined =>
  peer === undefined ? undefined : (peer.ratio ?? value / peer.value)

/**
 * Ours beside the peer's over several rounds: medians, and the median of each round's ratio, because what else the machine does slows
 * both sides of a round.
 */
export function beside(
  ours: readonly number[],
  name: string,
  theirs: readonly number[],
): { readonly value: number; readonly peer: Peer } {
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN))
  return { value: median(ours), peer: { name, value: median(theirs), ratio: median(ratios) } }
}

/** Whether the aim is reached; `undefined` without one. */
export function isReached(figure: Figure): boolean | undefined {
  const { aim } = figure
  if (aim === undefined) return undefined
  const measured = aim.of === 'value' ? figure.value : (ratioOf(figure) ?? Number.NaN)
  return aim.is === 'at least' ? measured >= aim.limit : measured <= aim.limit
}

/** A value of the aims: at least so many times the peer's. */
export const times = (limit: number): Aim => ({ of: 'ratio', is: 'at least', limit })

/** A value of the aims: at most this. */
export const atMost = (limit: number): Aim => ({ of: 'value', is: 'at most', limit })
