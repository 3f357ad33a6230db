import type { Command, Option } from './command.ts'
import type { ExitCode } from './exit-codes.ts'
import { copies, reasons } from './operator-options.ts'

const wishes: readonly Option[] = [
  ...reasons,
  {
    name: 'expires',
    value: 'TIME',
    summary: 'until when: 2026-12-24T18:00:00Z, 2026-12-24, 14d from now, or never',
  },
  {
    name: 'allow-incomplete',
    summary:
      'also when no node holds all of the image: it is fetched as soon as it can be; its manifest must be had from somewhere now',
  },
  {
    name: 'allow-elsewhere',
    summary:
      'also a digest that is known as an image of another repository alone: nodes give it as long as one of them has it',
  },
  copies,
]

/** The commands for pins. @param askingExitCodes those of every command that asks a node */
export const pinCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => [
  {
    name: 'pin',
    summary: 'fix a tag to a digest, on every node',
    usage: 'REF [DIGEST] [--note TEXT] [--expires TIME]',
    words: { min: 1, max: 2 },
    description:
      'From now on the tag is answered with this digest and no other, whatever the registry says, on every node of the mesh. Without a digest ' +
      'it is what the tag resolves to now. A digest that no node holds is refused, for pods could not start from it. A pin changes ' +
      'nothing for pods whose imagePullPolicy is IfNotPresent and whose node has an image of that tag: nobody asks then. Said again of the same ' +
      "digest, what is left out stays: the note (--note '' takes it away) and the end (--expires never).",
    options: wishes,
    examples: [
      { line: 'holdfast pin nginx:1.27 --note "the voyage"', does: 'as it is now' },
      { line: 'holdfast pin nginx:1.27 sha256:… --expires 14d', does: 'for two weeks' },
      { line: 'holdfast pin nginx:1.27 --copies 2', does: 'and wait until a second node has it' },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/pin.ts'),
  },
  {
    name: 'rollback',
    summary: 'pin a tag to the digest it stood for before',
    usage: 'REF [DIGEST] [--note TEXT]',
    words: { min: 1, max: 2 },
    description:
      'Pins the tag to the digest that it stood for before the one it answers with, or to one of its history that is named. ' +
      '`holdfast unpin` lets the tag follow its registry again.',
    options: [
      {
        name: 'to',
        value: 'DIGEST',
        summary: 'the same as DIGEST: not the one before, but this one',
      },
      ...wishes,
    ],
    examples: [
      { line: 'holdfast rollback ghcr.io/acme/web:stable', does: 'the new one was no good' },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/pin.ts'),
  },
  {
    name: 'unpin',
    summary: 'let a tag follow its registry again',
    usage: 'REF…',
    words: { min: 1, max: Number.POSITIVE_INFINITY },
    description:
      'Removes the pin on every node: from then on the tag is answered with what its registry says. What the pin kept goes again when room is needed, ' +
      'unless `holdfast keep` keeps it.',
    options: [copies],
    examples: [{ line: 'holdfast unpin nginx:1.27', does: '' }],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/unpin.ts'),
  },
  {
    name: 'pins',
    isWatchable: true,
    summary: 'list what is pinned, or the history of one pin',
    usage: '[REF] [--limit N]',
    words: { min: 0, max: 1 },
    description:
      'Lists every pin with its standing: in force, blocked, or expired, these last. An expired one does nothing, and is listed until it is ' +
      'removed or said anew. With a reference it shows what was said of that pin and when; two ' +
      'operators who did not know of each other are marked as a conflict, of which the newer one is in force everywhere.',
    options: [{ name: 'limit', value: 'N', summary: 'at most so many, 1000 by default' }],
    examples: [
      { line: 'holdfast pins', does: 'all' },
      { line: 'holdfast pins nginx:1.27', does: 'one, with its history' },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/pins.ts'),
  },
]
