import type { Command } from './command.ts'

/** `holdfast uninstall` */
export const uninstallCommand: Command = {
  name: 'uninstall',
  summary: 'take everything of a node off this machine',
  usage: '[--keep-data] [--wait DURATION] [--force]',
  words: { min: 0, max: 0 },
  description:
    'For a node that was stopped for good. Puts the files of containerd back as `containerd uninstall` does; takes our lease, our labels and ' +
    'the names that we gave imported images out of containerd, where the images stay; and removes the data directory: the key, the ' +
    'database with pins and all else that operators said, the blobs, and what no other node has of them. Only files that Holdfast makes ' +
    'are removed, from a directory in which it ran; what else lies there is told and stays. Can be run again.',
  options: [
    {
      name: 'keep-data',
      summary: 'leave the data: a node that is installed later goes on with it',
    },
    {
      name: 'wait',
      value: 'DURATION',
      summary: 'how long a node that is still stopping is waited for; not at all by default',
    },
    { name: 'force', summary: 'give up changes that were made since to files of containerd' },
  ],
  examples: [
    {
      line: 'holdfast uninstall --config /etc/holdfast/holdfast.yaml',
      does: 'of the node with this configuration, its data as well',
    },
    { line: 'holdfast uninstall --keep-data', does: 'for an installation that comes back' },
  ],
  exitCodes: ['ok', 'usage', 'configInvalid', 'failed'],
  asks: false,
  load: () => import('./commands/uninstall.ts'),
}
