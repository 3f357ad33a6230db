import type { RunCommand } from '../command.ts'
import { askNodes } from '../each-node.ts'
import { type GcAnswer, gcAnswer } from '../node-answers.ts'
import { formatBytes } from '../print.ts'
import { columns, type Line } from '../table.ts'

const reasons: Readonly<Record<string, string>> = {
  unused: 'not used for too long',
  room: 'its room is needed',
}

/** `holdfast gc [--dry-run]` */
export const run: RunCommand = context => {
  const dryRun = context.options['dry-run'] !== undefined
  return askNodes(context, {
    what: 'store/gc',
    ask: (api, path) =>
      dryRun
        ? api.get(path, {}, gcAnswer)
        : api.change('POST', path, { query: {}, body: { dryRun } }, gcAnswer),
    lines,
    heads: [dryRun ? 'WOULD GO' : 'WENT', 'BYTES', 'STAYS'],
    row: ({ dropped, bytes, protectedBytes }) => [
      String(dropped),
      formatBytes(bytes),
      formatBytes(protectedBytes),
    ],
  })
}

function lines({ node, dryRun, dropped, bytes, protectedBytes, items }: GcAnswer): readonly Line[] {
  const stays = `${formatBytes(protectedBytes)} are protected or in use`
  if (dropped === 0) return [`${node}: nothing ${dryRun ? 'would go' : 'had to go'}; ${stays}`]
  const went = dryRun ? 'would go' : 'went'
  const rows = items.map(({ digest, kind, size, lastUsedAt, reason }) => [
    digest,
    kind === 'partial' ? 'unfinished' : kind,
    formatBytes(size),
    lastUsedAt,
    reasons[reason] ?? reason,
  ])
  const more = dropped - items.length
  return [
    `${node}: ${dropped} ${went}, ${formatBytes(bytes)}; ${stays}`,
    '',
    ...columns([['DIGEST', 'KIND', 'SIZE', 'LAST USED', 'WHY'], ...rows]),
    ...(more > 0 ? [`and ${more} more`] : []),
  ]
}
