import type { ResolveAnswer } from './answers.ts'
import { formatAge, formatSayer, properties } from './print.ts'
import type { Line } from './table.ts'

/** What a tag resolves to, and what was tried where that is told. */
export function resolutionLines(answer: Omit<ResolveAnswer, 'reference'>): readonly Line[] {
  const { digest, source, fresh, mediaType, size, confirmedAt, ageSeconds, steps } = answer
  const age = typeof ageSeconds === 'number' ? ` (${formatAge(ageSeconds)} ago)` : ''
  const rungs = steps ?? []
  return [
    ...properties([
      ['digest', answer.found ? digest : 'none'],
      ['source', source && `${source}${fresh === true ? ', fresh' : ''}`],
      ['because', answer.reason],
      ['upstream', answer.failure],
      ['said by', formatSayer(answer.saidBy, answer.saidByName)],
      ['confirmed', confirmedAt && `${confirmedAt}${age}`],
      ['type', mediaType],
      ['size', typeof size === 'number' ? `${size} bytes` : undefined],
    ]),
    ...(rungs.length === 0 ? [] : ['', 'tried, in this order:']),
    ...properties(rungs.map(({ rung, outcome }) => [rung, outcome])),
  ]
}
