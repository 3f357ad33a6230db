import type { Command } from './command.ts'
import type { ExitCode } from './exit-codes.ts'
import { forOption, nodeOption, nodesOption } from './node-words.ts'
import { copies, noteStays, reasons } from './operator-options.ts'

/** The commands about one node. @param askingExitCodes those of every command that asks a node */
export const nodeCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => {
  const none = { words: { min: 0, max: 0 }, asks: true } as const
  const one = { words: { min: 0, max: 1 }, asks: true } as const
  const exitCodes = ['ok', ...askingExitCodes] as const
  return [
    {
      ...none,
      name: 'status',
      isWatchable: true,
      summary: 'show how a node is: what is wrong, registries, store, mesh, clock',
      usage: '[--node NODE|all]',
      description:
        'Shows the state of a running node, first of all what is worse than it should be and what to do about it. A registry that does not ' +
        'answer is asked in the background alone, at least every 15 s, and pulls do not wait for it; not heard so far: nothing was asked of it since the start.',
      options: [nodesOption],
      examples: [
        { line: 'holdfast status', does: 'of the node that is asked' },
        { line: 'holdfast status --node all', does: 'of every node, a line each' },
        { line: 'holdfast status -o json | jq .degraded', does: 'what is worse than it should be' },
      ],
      exitCodes,
      load: () => import('./commands/status.ts'),
    },
    {
      ...none,
      name: 'store',
      isWatchable: true,
      summary: 'show how the room of a store is taken',
      usage: '[--node NODE|all]',
      description:
        'Shows what the store of a node holds, what of it may not be dropped now, and how much it may take: its quota or, on a disk that ' +
        'others fill, what is left to it. With store.kind: both what containerd holds is told beside it.',
      options: [nodesOption],
      examples: [
        { line: 'holdfast store', does: '' },
        { line: 'holdfast store --node galley', does: 'of another node' },
      ],
      exitCodes,
      load: () => import('./commands/store.ts'),
    },
    {
      ...none,
      name: 'gc',
      summary: 'drop what a store needs no longer, now',
      usage: '[--dry-run] [--node NODE|all]',
      description:
        'Does now what a node does every hour by itself: drops what was not used for store.unusedForDays, interrupted downloads that nobody ' +
        'continued for a week, and, where the store is nearly full, what was used least. What is pinned, kept, in use or relied on by other ' +
        'nodes stays in any case.',
      options: [
        { name: 'dry-run', summary: 'drop nothing, only tell what would go and why' },
        nodesOption,
      ],
      examples: [
        { line: 'holdfast gc --dry-run', does: 'what would go' },
        { line: 'holdfast gc --node galley', does: 'on another node' },
      ],
      exitCodes,
      load: () => import('./commands/gc.ts'),
    },
    {
      ...none,
      name: 'scrub',
      summary: 'hash every blob of a store again, and tell what was found',
      usage: '[--status] [--node NODE|all]',
      description:
        'Begins to hash every blob of a node again, at 20 MiB a second, as it does every week by itself; one that is under way goes on. What ' +
        'does not hash to its digest is put into quarantine and fetched anew when somebody asks for it; other nodes and clients never see ' +
        'it. Tells how far it is and what was found since the node was started.',
      options: [{ name: 'status', summary: 'begin nothing, only tell' }, nodesOption],
      examples: [
        { line: 'holdfast scrub', does: 'begin' },
        { line: 'holdfast scrub --status', does: 'how far it is' },
      ],
      exitCodes: ['ok', 'faulty', ...askingExitCodes],
      load: () => import('./commands/scrub.ts'),
    },
    {
      ...one,
      name: 'mode',
      summary: 'tell or set whether a node asks registries',
      usage:
        '[auto|online|offline|configured] [--for DURATION] [--node NODE|all | --cluster [--copies N] [--note TEXT]]',
      description:
        'Sets the mode of a node, or with --cluster of all nodes, above what the configuration says, at once and also over restarts, until it ' +
        'is set anew or the time is over. What is set for one node is above what is set for all. auto asks registries and leaves alone those ' +
        'that are known to be down; online asks them always; offline asks none. configured takes back what was set. Without a word it tells ' +
        `the mode and who set it. With --cluster it reaches nodes that are off now when they come back, and those that join later. ${noteStays}`,
      options: [
        forOption,
        nodesOption,
        { name: 'cluster', summary: 'of all nodes, those that join later among them' },
        { ...copies, summary: `with --cluster: ${copies.summary}` },
        ...reasons.map(one => ({ ...one, summary: `with --cluster: ${one.summary}` })),
      ],
      examples: [
        { line: 'holdfast mode', does: 'what it is' },
        { line: 'holdfast mode offline --for 12h', does: 'while the link costs by the byte' },
        { line: 'holdfast mode offline --cluster --for 12h', does: 'on every node' },
        { line: 'holdfast mode configured --node galley', does: 'as before, on another node' },
      ],
      exitCodes: ['ok', ...askingExitCodes],
      load: () => import('./commands/mode.ts'),
    },
    {
      ...one,
      name: 'log-level',
      summary: 'tell or set how much a node logs',
      usage: '[debug|info|warn|error] [--for DURATION] [--node NODE|all]',
      description:
        'Sets the least severe line that a node writes into its log, at once. A restart brings back what is configured (log.level).',
      options: [forOption, nodesOption],
      examples: [
        { line: 'holdfast log-level debug --for 10m', does: 'to look at something' },
        { line: 'holdfast log-level', does: 'what it is' },
      ],
      exitCodes,
      load: () => import('./commands/log-level.ts'),
    },
    {
      ...none,
      name: 'config',
      summary: 'show the configuration that is in force on a node',
      usage: '[--node NODE]',
      description:
        'Prints every key as the running node has it: from its file, its environment and its flags, with the defaults, and with what an ' +
        'operator has set since. Passwords and tokens are masked. `holdfast check-config` reads a file that is not in force yet.',
      options: [nodeOption],
      examples: [
        { line: 'holdfast config', does: '' },
        { line: 'holdfast config --node galley -o json | jq .config.store', does: 'for scripts' },
      ],
      exitCodes,
      load: () => import('./commands/config.ts'),
    },
    {
      ...none,
      name: 'support-bundle',
      summary: 'write all that helps to find out what is wrong with a node into one file',
      usage: '[--output-file FILE] [--node NODE|all]',
      description:
        'Gathers status, peers, configuration (masked), mode, store, scrub, audit log, answers for tags, metrics, versions, sizes of files and ' +
        'the last lines of the log into a .tar.gz, with a MANIFEST.txt that lists them. There are no tokens, passwords, keys and images in it; ' +
        'names of nodes, images and registries are, and addresses. What cannot be read on a node that is unwell is noted in the place of it.',
      options: [
        {
          name: 'output-file',
          value: 'FILE',
          summary: 'write it there, where nothing is yet; by default a name with the time',
        },
        {
          ...nodesOption,
          summary: `${nodeOption.summary}; all: of every one that is known, a directory each`,
        },
      ],
      examples: [
        { line: 'holdfast support-bundle --node all', does: 'of every node' },
        { line: 'holdfast support-bundle --output-file galley.tar.gz --node galley', does: '' },
      ],
      exitCodes,
      load: () => import('./commands/support-bundle.ts'),
    },
    {
      ...one,
      name: 'audit',
      isWatchable: true,
      summary: 'tell what was done through the admin API, by whom and when',
      usage:
        '[REF] [--subject TEXT] [--by NAME] [--since TIME] [--until TIME] [--limit N] [--node NODE|all]',
      description:
        'Shows who changed what and when, newest first, also what was refused. The caller is the name that stands behind his token in ' +
        'admin.tokenFile, or socket; NAME on NODE (ID) where he asked another node, which has it in its own log, too. The last ten thousand ' +
        'are kept, each on the node that was asked, and beside them the last thousand that were refused, and as many of each of what was ' +
        'restored.',
      options: [
        {
          name: 'subject',
          value: 'TEXT',
          summary: 'done to this: a digest, a pattern, a node, of a ban by its whole id',
        },
        { name: 'by', value: 'NAME', summary: 'by this caller, also through other nodes' },
        { name: 'since', value: 'TIME', summary: `not before: ${timeForms}` },
        { name: 'until', value: 'TIME', summary: 'not after, written as for --since' },
        { name: 'limit', value: 'N', summary: 'at most so many, 20 by default' },
        nodesOption,
      ],
      examples: [
        { line: 'holdfast audit', does: 'the last changes' },
        { line: 'holdfast audit nginx:1.27', does: 'those of one tag' },
        {
          line: 'holdfast audit --node all --since 8h',
          does: 'what was done in the night, anywhere',
        },
      ],
      exitCodes: ['ok', ...askingExitCodes],
      load: () => import('./commands/audit.ts'),
    },
  ]
}

const timeForms = '2026-11-20T03:00:00Z, 2026-11-20, or 8h for eight hours ago'
