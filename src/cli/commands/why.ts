import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type ResolutionsAnswer, resolutionsAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { formatSayer, print, properties, readLimit, readReference } from '../print.ts'
import { readTime } from '../read-time.ts'

/** `holdfast why REF` */
export const run: RunCommand = async context => {
  const ref = formatReference(readReference(context.words[0] ?? ''))
  const limit = readLimit(context.options['limit'], 20, 1000)
  const until = context.options['at']
  const at =
    until === undefined
      ? undefined
      : readTime(until, { option: '--at', towards: 'past', nowMs: Date.now() })
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/resolutions', { ref, at, limit }, resolutionsAnswer)
  print(context, answer, () => lines(ref, at, answer))
  return answer.items.length > 0 ? 'ok' : 'noAnswer'
}

function lines(ref: string, at: string | undefined, { items }: ResolutionsAnswer): string[] {
  if (items.length === 0) {
    const until = at === undefined ? '' : ` until ${at}`
    return [`${ref}: this node gave no answer${until} that it remembers`]
  }
  return items.flatMap(
    ({ reference, digest, source, reason, saidBy, saidByName, firstAt, lastAt, count }, index) => [
      ...(index === 0 ? [] : ['']),
      firstAt === lastAt ? lastAt : `${firstAt} to ${lastAt}`,
      ...properties([
        ['reference', reference],
        ['digest', digest ?? 'none'],
        ['source', source],
        ['because', reason],
        ['said by', formatSayer(saidBy, saidByName)],
        ['times', String(count)],
      ]),
    ],
  )
}
