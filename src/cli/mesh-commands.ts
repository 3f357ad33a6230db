import type { Command } from './command.ts'
import type { ExitCode } from './exit-codes.ts'
import { nodesOption } from './node-words.ts'

/** The commands about the mesh and its keys. @param askingExitCodes those of every command that asks a node */
export const meshCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => [
  {
    name: 'peers',
    isWatchable: true,
    summary: 'show the other nodes',
    usage: '[--node NODE|all]',
    words: { min: 0, max: 0 },
    description:
      'Shows every node of the mesh as this one sees it: where it is, whether it is alive, how far it is, whether its ledger is the same, ' +
      'which registries answer it. A node that is gone stays in the list for some days. Warnings come last, each with what to do.',
    options: [nodesOption],
    examples: [
      { line: 'holdfast peers', does: 'for people' },
      { line: 'holdfast peers --node galley', does: 'as that node sees them' },
      { line: 'holdfast peers --node all', does: 'what each node sees, to find a cut in the mesh' },
      {
        line: 'holdfast peers -o json | jq -r \'.members[] | select(.state != "alive") | .name\'',
        does: 'who is away',
      },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/peers.ts'),
  },
  {
    name: 'mesh status',
    summary: 'show how this node is connected, and who uses which key of the cluster',
    usage: '',
    words: { min: 0, max: 0 },
    description:
      'Shows this node in the mesh: its id, its neighbours, how far its ledger has been compared with others, by cluster key who dials ' +
      'with it and who does not accept it (a key that all accept can be promoted, one that nobody dials with dropped; nodes of an older ' +
      'version do not say what they accept), and each address at which another node is looked for with what came of it: ' +
      'seeds, and members that are not connected.',
    options: [],
    examples: [{ line: 'holdfast mesh status', does: 'between two steps of changing the key' }],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/mesh-status.ts'),
  },
  {
    name: 'mesh secret',
    summary: 'make a key for the cluster, or change the one it has',
    usage: '[--file FILE [--rotate STEP]]',
    words: { min: 0, max: 0 },
    description:
      'Prints a new key: 32 random bytes. Whoever holds a key of the cluster is one of its nodes, so it is carried as a password is. ' +
      'mesh.secretFile names the file that holds it, the same on every node, one key a line: a node dials with the first and accepts all. ' +
      'With --file the new key is written there (0600); a file that is there already stays as it is.\n\n' +
      'A key is changed in three steps, without a restart and without parting the mesh. After each step copy the file to every node ' +
      '(the Secret, where nodes have it from there) and wait until the last one has it; it is read anew within seconds.\n' +
      '  1. --rotate add: the new key is accepted and not used. A node that is off has to get this file before it comes back. ' +
      '`holdfast mesh status` names every node that does not accept it yet.\n' +
      '  2. --rotate promote: the new key moves to the first line; connections are made anew with it, then the old ones are closed. ' +
      '`holdfast mesh status` tells who still uses the old key.\n' +
      '  3. --rotate drop: the old key is refused from now on. Nodes that know no other are out.\n' +
      'A step taken twice does nothing the second time; a step out of turn is refused. Steps 1 and 2 can be undone by the file as it was ' +
      'before. When the old key is in wrong hands, do the same quickly: until step 3 it opens the door.',
    options: [
      { name: 'file', value: 'FILE', summary: 'write the key there, or change that file' },
      {
        name: 'rotate',
        value: 'STEP',
        oneOf: ['add', 'promote', 'drop'],
        summary: 'add, promote or drop, in the file of --file or else of mesh.secretFile',
      },
    ],
    examples: [
      { line: 'holdfast mesh secret --file /etc/holdfast/mesh.secret', does: 'for a new cluster' },
      {
        line: 'holdfast mesh secret --file /etc/holdfast/mesh.secret --rotate add',
        does: 'the first step of changing the key',
      },
      {
        line: 'holdfast mesh secret --file mesh.keys',
        does: 'for Kubernetes: a key of the Secret that `secret.existing` of the chart names; docs/kubernetes.md makes it',
      },
    ],
    exitCodes: ['ok', 'usage', 'configInvalid', 'failed'],
    asks: false,
    load: () => import('./commands/mesh-secret.ts'),
  },
]
