import { parseDuration } from '../../config/quantity.ts'
import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type ResolutionsAnswer, resolutionsAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { formatSayer, print, properties, readLimit, readReference } from '../print.ts'

/** `holdfast why REF` */
export const run: RunCommand = async context => {
  const ref = formatReference(readReference(context.words[0] ?? ''))
  const limit = readLimit(context.options['limit'], 20, 1000)
  const at = readTime(context.options['at'], Date.now())
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/resolutions', { ref, at, limit }, resolutionsAnswer)
  print(context, answer, () => lines(ref, at, answer))
  return answer.items.length > 0 ? 'ok' : 'noAnswer'
}

/** ISO 8601 (a date alone is its end), or how long ago. Throws `CommandFailure` with `usage`. */
function readTime(text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined
  const ago = parseDuration(text.replace(/ ?ago$/, ''))
  if (ago !== undefined) return new Date(nowMs - ago).toISOString()
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text)
  const time = /^\d{4}-\d{2}-\d{2}/.test(text)
    ? Date.parse(isDate ? `${text}T23:59:59.999` : text)
    : Number.NaN
  if (Number.isNaN(time)) {
    const cure = 'write 2026-11-20T03:00:00Z, 2026-11-20, or 8h for eight hours ago'
    throw new CommandFailure('usage', `--at ${JSON.stringify(text)} is no time; ${cure}`)
  }
  return new Date(time).toISOString()
}

function lines(ref: string, at: string | undefined, { items }: ResolutionsAnswer): string[] {
  if (items.length === 0) {
    const until = at === undefined ? '' : ` until ${at}`
    return [`${ref}: this node gave no answer${until} that it remembers`]
  }
  return items.flatMap(
    ({ reference, digest, source, reason, saidBy, firstAt, lastAt, count }, index) => [
      ...(index === 0 ? [] : ['']),
      firstAt === lastAt ? lastAt : `${firstAt} to ${lastAt}`,
      ...properties([
        ['reference', reference],
        ['digest', digest ?? 'none'],
        ['source', source],
        ['because', reason],
        ['said by', formatSayer(saidBy)],
        ['times', String(count)],
      ]),
    ],
  )
}
