import type { Command } from './command.ts'
import type { ExitCode } from './exit-codes.ts'

/** The commands that carry over what operators said. @param askingExitCodes those of every command that asks a node */
export const backupCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => [
  {
    name: 'backup',
    summary: 'print what operators said: pins, keeps, blocks, bans, schedules and mode',
    usage: '',
    words: { min: 0, max: 0 },
    description:
      'Prints what is in force at one moment, as JSON or, with -o yaml, as YAML for `restore`: pins, keeps, blocks, bans, schedules and the mode of ' +
      'all nodes. Every node knows all of it, so any node can be asked. Images are not in it (`holdfast export --pinned` carries those), nor what ' +
      'registries said of tags, nor keys or tokens: it holds no secret, and a token that may read is enough.',
    options: [],
    examples: [
      { line: 'holdfast backup > operators.json', does: 'from the nightly job of a machine' },
      { line: 'holdfast backup -o yaml > operators.yaml', does: 'for people to look through' },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/backup.ts'),
  },
  {
    name: 'restore',
    summary: 'say anew what a backup holds, and tell what came of each entry',
    usage: 'FILE|- [--replace] [--dry-run]',
    words: { min: 1, max: 1 },
    description:
      'Says everything of the file, JSON or YAML, that does not stand already, by this node, with the notes and authors it had; the other nodes ' +
      'learn it from there. Nothing is taken away, and to restore the same again changes nothing. A tag that is pinned to another digest by now ' +
      'keeps it unless --replace is given, and so does a schedule whose name means another one. A pin whose image no node holds is set, and the ' +
      'image fetched. What has ended by now is passed over. What the node refuses is listed with the reason, and does not stop the rest; a file ' +
      'that is not as `backup` writes it is refused as a whole, before anything is said.',
    options: [
      { name: 'replace', summary: 'also where something else was said by now' },
      { name: 'dry-run', summary: 'list what would be said, and say nothing' },
    ],
    examples: [
      { line: 'holdfast restore operators.json --dry-run', does: 'what would come of it' },
      { line: 'holdfast restore operators.json', does: 'on one node of a new cluster' },
    ],
    exitCodes: ['ok', 'faulty', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/restore.ts'),
  },
]
