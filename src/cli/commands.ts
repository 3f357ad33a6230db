import { archiveCommands } from './archive-commands.ts'
import { backupCommands } from './backup-commands.ts'
import type { Command, Option } from './command.ts'
import { containerdCommands } from './containerd-commands.ts'
import { exclusionCommands } from './exclusion-commands.ts'
import { keepCommands } from './keep-commands.ts'
import { kubernetesCommands } from './kubernetes-commands.ts'
import { meshCommands } from './mesh-commands.ts'
import { nodeCommands } from './node-commands.ts'
import { nodeOption } from './node-words.ts'
import { pinCommands } from './pin-commands.ts'
import { scheduleCommands } from './schedule-commands.ts'
import { tagCommands } from './tag-commands.ts'
import { uninstallCommand } from './uninstall-command.ts'
import { warmCommands } from './warm-commands.ts'

/** Options of every command. */
export const globalOptions: readonly Option[] = [
  {
    name: 'config',
    short: 'c',
    value: 'FILE',
    summary: 'configuration file (also HOLDFAST_CONFIG)',
  },
  {
    name: 'output',
    short: 'o',
    value: 'text|json|yaml',
    summary: 'form of the result; text by default',
  },
  { name: 'help', short: 'h', summary: 'show help' },
  { name: 'version', short: 'V', summary: 'print the version' },
]

/** Options of the commands that ask a running node. */
export const askingOptions: readonly Option[] = [
  {
    name: 'address',
    value: 'ADDRESS',
    summary:
      'admin API: host:port, http(s)://host:port or unix:/path (also HOLDFAST_ADDRESS); by default as configured',
  },
  {
    name: 'token-file',
    value: 'FILE',
    summary: 'file with the admin token (HOLDFAST_ADMIN_TOKEN holds the token itself)',
  },
  { name: 'ca-file', value: 'FILE', summary: 'PEM of the authority of an https address' },
]

/** Of the commands that can be watched. */
export const watchOption: Option = {
  name: 'watch',
  optionalValue: 'SECONDS',
  summary:
    'show it anew every 2 s, or as often as that, until Ctrl-C; goes on while the node restarts',
}

/** What was named may not be there: a tag, a node. */
const askingExitCodes = [
  'noAnswer',
  'usage',
  'configInvalid',
  'unreachable',
  'denied',
  'failed',
  'refused',
] as const

/** Every command, in the order in which help lists them. */
export const commands: readonly Command[] = [
  {
    name: 'serve',
    summary: 'run a node',
    usage: '[--KEY VALUE]…',
    words: { min: 0, max: 0 },
    description:
      'Starts the mirror, the admin API and the health listener, and runs until it is told to stop. Without any configuration it ' +
      'mirrors docker.io on 127.0.0.1:5050 and keeps everything under ./data. SIGTERM or SIGINT stops it gracefully; a second one at once, ' +
      'with 143 or 130.',
    options: [],
    examples: [
      { line: 'holdfast serve', does: 'a node on the defaults' },
      {
        line: 'holdfast serve --config /etc/holdfast.yaml --log.level debug',
        does: 'as configured, with more to read',
      },
      {
        line: `holdfast serve --upstreams '{"docker.io":{},"quay.io":{}}'`,
        does: 'two registries',
      },
    ],
    exitCodes: ['ok', 'usage', 'configInvalid', 'failed'],
    asks: false,
    load: () => import('./commands/serve.ts'),
  },
  {
    name: 'resolve',
    summary: 'ask which digest a tag stands for now, and why',
    usage: 'REF [--explain]',
    words: { min: 1, max: 1 },
    description:
      'Asks the node what it would answer to a client at this moment. REF is written as for docker pull: nginx is ' +
      'docker.io/library/nginx:latest. `why` does not list such questions, for no client got an answer.',
    options: [
      {
        name: 'explain',
        summary: 'show every rung of the ladder that was tried, with its outcome',
      },
    ],
    examples: [
      { line: 'holdfast resolve nginx', does: 'the digest and where it comes from' },
      { line: 'holdfast resolve ghcr.io/acme/web:v1 --explain', does: 'and what was tried' },
      { line: 'holdfast resolve nginx -o json | jq -r .digest', does: 'for scripts' },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/resolve.ts'),
  },
  {
    name: 'why',
    summary: 'tell why a tag was answered so, or why a pod runs what it runs',
    usage: 'REF|POD [--at TIME] [--node NODE] [--limit N]',
    words: { min: 1, max: 1 },
    description:
      'For a tag it shows the answers that every node gave, newest first, and the pods that run it; answers in a row with one digest are one. For a ' +
      'pod (NAMESPACE/NAME, or the name) it shows for each container which image it names, which digest runs, whether that is what Holdfast ' +
      'answered when the container was made, who said so, and what it would get now. A word that is the name of a pod means the pod; write ' +
      'nginx:latest for the image. Each node keeps its last ten thousand answers, across restarts, and its pods for keep.runningFor.',
    options: [
      {
        name: 'at',
        value: 'TIME',
        summary:
          'answered, and running, at or before: 2026-11-20T03:00:00Z, 2026-11-20, or 8h for eight hours ago',
      },
      { ...nodeOption, summary: 'ask this node alone; by default all are asked' },
      { name: 'limit', value: 'N', summary: 'at most so many answers of a node, 20 by default' },
    ],
    examples: [
      { line: 'holdfast why nginx', does: 'the last answers' },
      { line: 'holdfast why default/web-0', does: 'why a pod runs what it runs' },
      { line: 'holdfast why nginx --at 8h --limit 1', does: 'what was in force last night' },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/why.ts'),
  },
  ...tagCommands(askingExitCodes),
  {
    name: 'report',
    isWatchable: true,
    summary: 'tell whether images would start if no registry could be reached from now on',
    usage: '[REF]… [--list FILE] [--running] [--node NODE[,NODE]…] [--mend]',
    words: { min: 0, max: Number.POSITIVE_INFINITY },
    description:
      'Asks every node what it holds, and tells for each image that is pinned or kept, that you name, or that pods run now, what would happen if ' +
      'the uplink were cut. ready: it starts on every node, from what that node or others hold, and as many nodes hold it as keep.copies wants. at risk: it ' +
      'starts, but fewer nodes hold it, or what starts is an earlier image. not ready: on some node nothing would start. While an operator keeps what no known tag fits, or a node does not ' +
      'answer all is at risk at best; --node names those to judge. Copies are counted for each platform. ' +
      'What refers to an image (signatures, SBOMs) and too few nodes hold is told, and changes no verdict. ' +
      'What mends it is told at the end, the last line being the one command for all that can be fetched: the same with --mend, which makes one warm ' +
      'job, waits for it and reports anew. It leaves the job to go on by itself when that stands still for 30 s, or with Ctrl-C.',
    options: [
      { name: 'running', summary: 'what the pods of all nodes run now; with --node those of one' },
      {
        name: 'list',
        value: 'FILE',
        summary: 'also what a file names, as `warm` takes it; - is standard input',
      },
      {
        name: 'node',
        value: 'NODE[,NODE]…',
        summary: 'judge these nodes alone; copies are counted on all',
      },
      {
        name: 'mend',
        summary: 'fetch what is not ready and can be had, wait for that, and report anew',
      },
    ],
    examples: [
      { line: 'holdfast report', does: 'before the cable is pulled' },
      { line: 'holdfast report --mend', does: 'and have fetched what is missing' },
      { line: 'holdfast report --running', does: 'would everything come back after a power cut?' },
      { line: 'holdfast report nginx ghcr.io/acme/web:v1', does: 'of these two' },
      {
        line: 'holdfast report -o json | jq -r \'.items[] | select(.verdict != "ready") | .reference\'',
        does: 'what is not as it should be',
      },
    ],
    exitCodes: ['ok', 'faulty', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/report.ts'),
  },
  ...nodeCommands(askingExitCodes),
  ...pinCommands(askingExitCodes),
  ...keepCommands(askingExitCodes),
  ...scheduleCommands(askingExitCodes),
  ...warmCommands(askingExitCodes),
  ...exclusionCommands(askingExitCodes),
  ...backupCommands(askingExitCodes),
  ...archiveCommands(askingExitCodes),
  ...meshCommands(askingExitCodes),
  ...containerdCommands,
  ...kubernetesCommands,
  uninstallCommand,
  {
    name: 'check-config',
    summary: 'tell everything that is wrong with the configuration',
    usage: '[--config FILE] [--KEY VALUE]…',
    words: { min: 0, max: 0 },
    description:
      'Reads the configuration as serve would: file, then environment, then flags. Lists every fault with its place, every file ' +
      'that is named and cannot be read, and what is wrong in the files that a start reads. Warns of a file of cluster keys that others ' +
      'may read. Starts nothing.',
    options: [
      { name: 'show', summary: 'print the whole configuration that results, secrets masked' },
    ],
    examples: [
      { line: 'holdfast check-config --config /etc/holdfast.yaml', does: 'before a restart' },
    ],
    exitCodes: ['ok', 'usage', 'configInvalid'],
    asks: false,
    load: () => import('./commands/check-config.ts'),
  },
  {
    name: 'completion',
    summary: 'print a script that has your shell complete commands, options and values',
    usage: 'bash|zsh|fish',
    words: { min: 1, max: 1 },
    description:
      'Prints it to standard output. It knows the commands of this version; for tags, pins, keeps, jobs, schedules, bans, blocks and nodes it asks ' +
      'the node that HOLDFAST_ADDRESS, HOLDFAST_CONFIG or the defaults name while you type, and offers none where that does not answer at once.',
    options: [],
    examples: [
      {
        line: 'source <(holdfast completion bash)',
        does: 'in this shell; in ~/.bashrc for those to come',
      },
      { line: 'holdfast completion fish > ~/.config/fish/completions/holdfast.fish', does: '' },
      {
        line: 'holdfast completion zsh > ~/.zfunc/_holdfast',
        does: 'in a directory of fpath; or source it after compinit',
      },
    ],
    exitCodes: ['ok', 'usage'],
    asks: false,
    load: () => import('./commands/completion.ts'),
  },
  {
    name: 'version',
    summary: 'print the version',
    usage: '',
    words: { min: 0, max: 0 },
    description: 'Prints the versions of Holdfast and of the Node that runs it.',
    options: [],
    examples: [{ line: 'holdfast version', does: '' }],
    exitCodes: ['ok', 'usage'],
    asks: false,
    load: () => import('./commands/version.ts'),
  },
]

/** What scripts run and nobody types: no help tells of it. */
const unlisted: readonly Command[] = [
  {
    name: '__complete',
    summary: 'list what may be meant by the beginning of a word, for `holdfast completion`',
    usage: 'KIND [TYPED]',
    words: { min: 1, max: 2 },
    description: 'Prints a candidate a line, with what it means after a tab.',
    options: [],
    examples: [{ line: 'holdfast __complete tags ngi', does: '' }],
    exitCodes: ['ok', 'usage'],
    asks: true,
    load: () => import('./commands/complete.ts'),
  },
]

/** The command of that name. */
export function findCommand(name: string): Command | undefined {
  return [...commands, ...unlisted].find(command => command.name === name)
}

/** Every option that a command takes, apart from the configuration's keys. */
export function optionsOf(command: Command): readonly Option[] {
  const own = new Set(command.options.map(({ name }) => name))
  const watching = command.isWatchable === true ? [watchOption] : []
  const usual = [...watching, ...(command.asks ? askingOptions : []), ...globalOptions]
  return [...command.options, ...usual.filter(({ name }) => !own.has(name))]
}
