import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { likelyLines } from '../likely-tags.ts'
import { nodePath } from '../node-words.ts'
import { print, readLimit, readReference } from '../print.ts'
import { readTime } from '../read-time.ts'
import type { Line } from '../table.ts'
import { nodeWhyAnswer, type WhyAnswer, whyAnswer } from '../why-answers.ts'
import { unknownLines, whyLines } from '../why-words.ts'

/** `holdfast why REF|POD` */
export const run: RunCommand = async context => {
  const subject = context.words[0] ?? ''
  readReference(subject) // names of pods have the form of names of images
  const limit = readLimit(context.options['limit'], 20, 1000)
  const until = context.options['at']
  const at =
    until === undefined
      ? undefined
      : readTime(until, { option: '--at', towards: 'past', nowMs: Date.now() })
  const path = context.options['node'] === undefined ? undefined : nodePath(context, 'why')
  const api = createAdminApi(await findAdmin(context))
  const answer = await ask(api, path, { subject, at, limit })
  const lines = whyLines(answer)
  const likely = lines.length === 0 ? await likelyLines(context, api, subject) : []
  print(context, answer, () => [
    ...tell(subject, at, lines),
    ...likely,
    ...apart(unknownLines(answer)),
  ])
  if (lines.length > 0) return 'ok'
  return answer.silent.length > 0 ? 'unreachable' : 'noAnswer'
}

async function ask(
  api: AdminApi,
  path: string | undefined,
  query: Parameters<AdminApi['get']>[1],
): Promise<WhyAnswer> {
  if (path === undefined) return api.get('/api/v1/why', query, whyAnswer)
  return { nodes: [await api.get(path, query, nodeWhyAnswer)], silent: [] }
}

function tell(subject: string, at: string | undefined, lines: readonly Line[]): readonly Line[] {
  if (lines.length > 0) return lines
  const until = at === undefined ? '' : ` until ${at}`
  return [`${subject}: no pod is called so, and no node gave an answer${until} that it remembers`]
}

const apart = (lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', ...lines]
