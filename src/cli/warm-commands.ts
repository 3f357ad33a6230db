import type { Command } from './command.ts'
import type { ExitCode } from './exit-codes.ts'
import { copies, reasons, warmOptions } from './operator-options.ts'

/** The commands for warm jobs. @param askingExitCodes those of every command that asks a node */
export const warmCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => [
  {
    name: 'warm',
    summary: 'have nodes fetch images now, so that they start later without a registry',
    usage: '[IMAGE]… [--list FILE] [--node NODE[,NODE]…|--copies N]',
    words: { min: 0, max: Number.POSITIVE_INFINITY },
    description:
      'Makes a job, and shows how far it is until it is over. Every node works on its own share, behind all pulls, goes on after a restart, and ' +
      'waits for a registry that is away; what is here is not fetched again. Ctrl-C leaves the job running. The images are not collected ' +
      'while it runs; `holdfast keep` has them stay. A list has an image a line, or is a YAML list, or has one under `images`. ' +
      'Exit code 0: all is there; 1: nodes that are away have yet to do their share, there are fewer than --copies, or the job was called off; 7: something could not be had, or has nothing for any of its nodes.',
    options: [
      { name: 'list', value: 'FILE', summary: 'also what a file names; - is standard input' },
      {
        name: 'from',
        value: 'keep|running',
        summary: 'in place of images: all that is kept or pinned, or all that pods run',
      },
      warmOptions.nodes,
      { name: 'all', summary: 'all nodes, as by default' },
      warmOptions.copies,
      warmOptions.platforms,
      warmOptions.referrers,
      { name: 'concurrency', value: 'N', summary: 'images that a node fetches at once; 3' },
      { name: 'id', value: 'ID', summary: 'the name of the job: to say the same again is safe' },
      { name: 'detach', summary: 'do not wait for the end' },
      ...reasons,
    ],
    examples: [
      { line: 'holdfast warm nginx:1.27 redis:7', does: 'on all nodes' },
      { line: 'holdfast warm --list images.txt --node van-2', does: 'on one node' },
      { line: 'holdfast warm --from keep --detach', does: 'all that is kept, without waiting' },
    ],
    exitCodes: ['ok', 'faulty', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/warm.ts'),
  },
  {
    name: 'jobs',
    isWatchable: true,
    summary: 'list warm jobs, or tell how one is on every node',
    usage: '[ID [--follow]]',
    words: { min: 0, max: 1 },
    description:
      'Without ID it lists jobs, newest first; those that have been over for a week are no longer listed. With ID it tells how each image is on ' +
      'each node, by what those that are there say now and the others said last. Exit code 7: something could not be had, or has nothing for any of its nodes.',
    options: [{ name: 'follow', summary: 'show how far it is until it is over' }],
    examples: [
      { line: 'holdfast jobs', does: '' },
      { line: 'holdfast jobs 5e1f02 --follow', does: 'go on watching what was detached' },
    ],
    exitCodes: ['ok', 'faulty', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/jobs.ts'),
  },
  {
    name: 'cancel',
    summary: 'call a warm job off; one that is over is no longer listed',
    usage: 'ID',
    words: { min: 1, max: 1 },
    description:
      'On every node; one that is away hears of it when it is back. What was fetched stays.',
    options: [copies],
    examples: [{ line: 'holdfast cancel 5e1f02', does: '' }],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/cancel.ts'),
  },
]
