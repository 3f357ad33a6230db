import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type ResolveAnswer, resolveAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { formatAge, formatSayer, print, properties, readReference } from '../print.ts'

/** `holdfast resolve REF` */
export const run: RunCommand = async context => {
  const ref = formatReference(readReference(context.words[0] ?? ''))
  const explain = context.options['explain'] !== undefined || undefined
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/resolve', { ref, explain }, resolveAnswer)
  print(context, answer, () => lines(answer))
  return answer.found ? 'ok' : 'noAnswer'
}

function lines(answer: ResolveAnswer): string[] {
  const { reference, digest, source, fresh, mediaType, size, confirmedAt, ageSeconds, steps } =
    answer
  const age = typeof ageSeconds === 'number' ? ` (${formatAge(ageSeconds)} ago)` : ''
  const rungs = steps ?? []
  const width = Math.max(0, ...rungs.map(({ rung }) => rung.length))
  return [
    reference,
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
    ...rungs.map(({ rung, outcome }) => `  ${rung.padEnd(width)}  ${outcome}`),
  ]
}
