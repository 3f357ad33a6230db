import type { ReportAnswer } from './report-answers.ts'

/** One image of a report. */
export type Item = ReportAnswer['items'][number]
/** The nodes of a report. */
export type Nodes = Pick<ReportAnswer, 'nodes'>

/** Names that are told one by one. */
const maxNamed = 5

/** A, b and c. */
export const listOf = (names: readonly string[], last: 'and' | 'or' = 'and'): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} ${last} ${names.at(-1)}`

/** The first few of many. */
export function some(names: readonly string[]): string {
  const more = names.length - maxNamed
  return more <= 1 ? names.join(', ') : `${names.slice(0, maxNamed).join(', ')} and ${more} more`
}

export const silentOf = ({ nodes }: Nodes): readonly string[] =>
  nodes.filter(({ heard }) => !heard).map(({ name }) => name)

export const doNotAnswer = (names: readonly string[]): string =>
  `${listOf(names)} ${names.length === 1 ? 'does' : 'do'} not answer`

/** Standings in which nothing is wrong. */
export const fine: readonly string[] = ['here', 'in-reach', 'not-for']

/** Nothing that a node fetches makes it start. */
export const isForNobody = ({ standings }: Item): boolean =>
  standings.length > 0 && standings.every(({ standing }) => standing === 'not-for')

/** What refers to it is not on as many nodes as should have it. */
export const lacksReferrers = ({ referrers }: Item): boolean =>
  (referrers ?? []).some(({ held, wanted }) => held < wanted)

export const isByDigest = ({ reference }: Pick<Item, 'reference'>): boolean =>
  reference.includes('@')
