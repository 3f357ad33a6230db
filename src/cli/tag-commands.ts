import type { Command, Option } from './command.ts'
import type { ExitCode } from './exit-codes.ts'
import { copies } from './operator-options.ts'

const searching: readonly Option[] = [
  { name: 'registry', value: 'HOST', summary: 'those of one registry' },
  {
    name: 'prefix',
    value: 'TEXT',
    summary: 'those that begin so, as they are listed: docker.io/library/ng',
  },
  { name: 'contains', value: 'TEXT', summary: 'those with that anywhere in them: nginx, -rc1' },
  {
    name: 'stale',
    value: 'DURATION',
    summary: 'those that their registry did not confirm for longer than that: 12h, 7d',
  },
  { name: 'incomplete', summary: 'those that could not be run from this node alone' },
  {
    name: 'source',
    value: 'SOURCE',
    oneOf: ['upstream', 'push', 'import', 'containerd'],
    summary: 'those last learned from there: upstream, push, import or containerd',
  },
  { name: 'limit', value: 'N', summary: 'at most so many, 1000 by default' },
]

/** The commands for what is remembered of tags. @param askingExitCodes those of every command that asks a node */
export const tagCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => [
  {
    name: 'tags',
    isWatchable: true,
    summary: 'list the tags that this node remembers, or look for some',
    usage:
      '[REPO] [--contains TEXT] [--prefix TEXT] [--stale DURATION] [--incomplete] [--source SOURCE]',
    words: { min: 0, max: 1 },
    description:
      'Lists every remembered tag with its digest, or those of one repository; with options only those that fit all of them. A tag is ' +
      'incomplete here when this node lacks some of what its own platforms need of the image, which other nodes may hold, or the image has nothing ' +
      'for them; `explain` tells which.',
    options: searching,
    examples: [
      { line: 'holdfast tags', does: 'all' },
      { line: 'holdfast tags ghcr.io/acme/web', does: 'one repository' },
      { line: 'holdfast tags --contains nginx', does: 'of any registry' },
      { line: 'holdfast tags --incomplete', does: 'what could not be run from this node alone' },
      {
        line: 'holdfast tags --registry docker.io --stale 7d',
        does: 'what Docker Hub did not confirm for a week',
      },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/tags.ts'),
  },
  {
    name: 'explain',
    summary: 'tell all that is known of a tag, and what it is answered with now and why',
    usage: 'REF',
    words: { min: 1, max: 1 },
    description:
      'Asks what a client would be answered at this moment, as `resolve --explain` does, and shows with it the pin, what this node holds of ' +
      'the image for every platform, which other nodes hold it, every digest that the tag is known to have stood for with who said so and ' +
      'when, and the last answers that this node gave. `why` goes further back in those.',
    options: [],
    examples: [
      { line: 'holdfast explain nginx', does: 'for people' },
      {
        line: 'holdfast explain nginx -o json | jq \'.platforms[] | select(.wanted and .state != "complete")\'',
        does: 'what is missing, and for whom',
      },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/explain.ts'),
  },
  {
    name: 'refresh',
    summary: 'ask the registry of a tag now, and tell what came of it',
    usage: 'REF',
    words: { min: 1, max: 1 },
    description:
      'Asks the registry at once, also where it is known to be down or where an answer from memory would do, and waits for resolve.timeoutMs. ' +
      'What it says is written down and told to the other nodes as any other answer is. A pin stays what it is.',
    options: [],
    examples: [{ line: 'holdfast refresh nginx', does: 'before and after' }],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/refresh.ts'),
  },
  {
    name: 'forget',
    summary: 'forget what a tag stood for, on every node',
    usage: 'REF [--copies N]',
    words: { min: 1, max: 1 },
    description:
      'What was observed of the tag until now is answered no more, by no node, also not by one that is cut off and hears of it later. The tag is ' +
      'back as soon as its registry answers for it, or an import brings it. A pin stays, and so do the blobs, until their room is needed. To ' +
      'keep one digest from being served for good, `block` it.',
    options: [copies],
    examples: [
      { line: 'holdfast forget registry.lab/app:test', does: 'its registry is gone for good' },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/forget.ts'),
  },
]
