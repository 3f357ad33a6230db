import type { RunCommand } from '../command.ts'
import { askNodes } from '../each-node.ts'
import { type ScrubAnswer, scrubAnswer } from '../node-answers.ts'
import { formatBytes } from '../print.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast scrub [--status]` */
export const run: RunCommand = context => {
  const isQuestion = context.options['status'] !== undefined
  return askNodes(context, {
    what: 'store/scrub',
    ask: (api, path) =>
      isQuestion
        ? api.get(path, {}, scrubAnswer)
        : api.change('POST', path, { query: {} }, scrubAnswer),
    lines,
    heads: ['DAMAGED', 'UNREADABLE', 'QUARANTINE', 'SCRUB'],
    row: answer => [
      String(answer.damaged),
      String(answer.unreadable),
      String(answer.quarantine.length),
      tellPass(answer),
    ],
    foot: answers =>
      answers.some(isFaulty)
        ? ['', '`holdfast scrub --status --node NODE` tells what was found, and what to do']
        : [],
    exitCode: answer => (isFaulty(answer) ? 'faulty' : 'ok'),
  })
}

const isFaulty = ({ damaged, unreadable }: ScrubAnswer): boolean => damaged + unreadable > 0

function lines(answer: ScrubAnswer): readonly Line[] {
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
