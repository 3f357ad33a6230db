import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { type ScrubAnswer, scrubAnswer } from '../node-answers.ts'
import { nodePath } from '../node-words.ts'
import { columns, formatBytes, print } from '../print.ts'

/** `holdfast scrub [--status]` */
export const run: RunCommand = async context => {
  const path = nodePath(context, 'store/scrub')
  const isQuestion = context.options['status'] !== undefined
  const api = createAdminApi(await findAdmin(context))
  const answer = isQuestion
    ? await api.get(path, {}, scrubAnswer)
    : await api.change('POST', path, { query: {} }, scrubAnswer)
  print(context, answer, () => lines(answer))
  return answer.damaged + answer.unreadable > 0 ? 'faulty' : 'ok'
}

function lines(answer: ScrubAnswer): string[] {
  const { node, findings, quarantine } = answer
  const found = findings.map(({ at, verdict, size, digest }) => [
    at,
    verdict,
    formatBytes(size),
    digest,
  ])
  const aside = quarantine.map(({ digest, size }) => [formatBytes(size), digest])
  return [
    `${node}: ${tellPass(answer)}`,
    ...(found.length > 0 ? ['', ...columns([['AT', 'FOUND', 'SIZE', 'DIGEST'], ...found])] : []),
    ...(aside.length > 0 ? ['', 'in quarantine, until their room is needed:'] : []),
    ...columns(aside.map(row => ['', ...row])),
    ...cures(answer),
  ]
}

function tellPass({ running, pass }: ScrubAnswer): string {
  if (pass === undefined) return 'not scrubbed since it was started'
  const { blobs, bytes, doneBlobs, doneBytes, startedAt, endedAt } = pass
  if (!running) return `${doneBlobs} blobs (${formatBytes(doneBytes)}) hashed, ended ${endedAt}`
  const percent = bytes === 0 ? 100 : Math.floor((doneBytes / bytes) * 100)
  return `scrubbing since ${startedAt}: ${doneBlobs} of ${blobs} blobs, ${percent}% of ${formatBytes(bytes)}`
}

function cures({ damaged, unreadable }: ScrubAnswer): string[] {
  return [
    ...(damaged > 0
      ? ['', 'what is damaged is fetched anew when somebody asks for it; look at the disk']
      : []),
    ...(unreadable > 0
      ? ['', 'what cannot be read was left where it is: look at the disk and the log']
      : []),
  ]
}
