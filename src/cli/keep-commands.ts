import type { Command } from './command.ts'
import type { ExitCode } from './exit-codes.ts'
import { copies, noteStays, reasons } from './operator-options.ts'

/** The commands for what must stay available offline. @param askingExitCodes those of every command that asks a node */
export const keepCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => {
  const shared = {
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/keep.ts'),
  } as const
  return [
    {
      ...shared,
      name: 'keep',
      summary: 'say which tags must stay available offline, on every node',
      usage: '[PATTERN]… [--list FILE] [--note TEXT]',
      words: { min: 0, max: Number.POSITIVE_INFINITY },
      description:
        'In a mesh keep.copies nodes hold what the tags of PATTERN stand for, and fetch what they lack; a node alone holds all of it. No node drops ' +
        'it to make room. PATTERN is an image, or a pattern ' +
        'as in keep.patterns: * stands for anything within one component, ** also across slashes, and without a tag every tag is meant. ' +
        `nginx is docker.io/library/nginx, as for docker pull. Quote it, or the shell reads the stars. A list names images as that of \`warm\` does, nginx being nginx:latest there. ${noteStays}`,
      options: [
        { name: 'list', value: 'FILE', summary: 'also what a file names; - is standard input' },
        ...reasons,
        copies,
      ],
      examples: [
        { line: 'holdfast keep nginx:1.27 --note "the bridge"', does: 'one tag' },
        { line: "holdfast keep 'ghcr.io/acme/**:stable'", does: 'one tag of every image of acme' },
        { line: 'holdfast keep --list images.txt', does: 'what a file names' },
      ],
    },
    {
      ...shared,
      name: 'unkeep',
      summary: 'take back what `keep` said',
      usage: 'PATTERN…',
      words: { min: 1, max: Number.POSITIVE_INFINITY },
      description:
        'Its images may go again when room is needed, the least recently used first, unless another pattern or a pin keeps them.',
      options: [copies],
      examples: [{ line: 'holdfast unkeep nginx:1.27', does: '' }],
    },
    {
      ...shared,
      name: 'keeps',
      isWatchable: true,
      summary: 'list what must stay available offline',
      usage: '[PATTERN]',
      words: { min: 0, max: 1 },
      description:
        'Lists every pattern, those of keep.patterns in the configuration of the node among them, with the number of known tags that it covers. ' +
        'Pins are kept, too: `holdfast pins` lists them. So is what the pods of all nodes run: `holdfast report --running` lists that. With PATTERN it shows one, with the tags that it covers.',
      options: [],
      examples: [
        { line: 'holdfast keeps', does: 'all' },
        { line: "holdfast keeps 'ghcr.io/acme/**'", does: 'one, with its tags' },
      ],
      load: () => import('./commands/keeps.ts'),
    },
  ]
}
