import type { Command } from './command.ts'
import type { ExitCode } from './exit-codes.ts'
import { copies, noteStays, reasons } from './operator-options.ts'

/** The commands for bans and blocks. @param askingExitCodes those of every command that asks a node */
export const exclusionCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => {
  const shared = {
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/exclude.ts'),
  } as const
  const some = { words: { min: 1, max: Number.POSITIVE_INFINITY } } as const
  const none = { words: { min: 0, max: 0 }, usage: '', options: [] } as const
  return [
    {
      ...shared,
      ...some,
      name: 'ban',
      summary: 'have every node stop believing and serving a node',
      usage: 'NODE… [--note TEXT]',
      description:
        'For a node that was stolen or lies. What it says of tags no longer counts, what it said before neither, on every node, and nobody ' +
        'connects to it. Nothing is lost: what others say of the same tags comes back into force, and `unban` takes it all back. Whoever holds ' +
        'the key of the cluster can come back under another id: change the key as well (`holdfast mesh secret --help`). NODE is a name of ' +
        `\`holdfast peers\`, or its id or the beginning of it. ${noteStays}`,
      options: [...reasons, copies],
      examples: [{ line: 'holdfast ban galley --note "stolen in port"', does: '' }],
    },
    {
      ...shared,
      ...some,
      name: 'unban',
      summary: 'lift a ban',
      usage: 'NODE…',
      description: 'What the node says, and said before, counts again.',
      options: [copies],
      examples: [{ line: 'holdfast unban galley', does: '' }],
    },
    {
      ...shared,
      ...none,
      name: 'bans',
      isWatchable: true,
      summary: 'list the nodes that are banned',
      description: 'Lists who is banned, since when, by whom and why.',
      examples: [{ line: 'holdfast bans', does: '' }],
    },
    {
      ...shared,
      ...some,
      name: 'block',
      summary: 'have no node answer a tag with a digest',
      usage: 'DIGEST… [--note TEXT]',
      description:
        'For an image that must not be run. No tag is answered with it on any node, whatever the registry says: what the tag stood for before ' +
        `is answered, or nothing. Pods that name the digest itself, and nodes that hold the image already, are not stopped by it. ${noteStays}`,
      options: [...reasons, copies],
      examples: [{ line: 'holdfast block sha256:… --note CVE-2026-1234', does: '' }],
    },
    {
      ...shared,
      ...some,
      name: 'unblock',
      summary: 'lift a block',
      usage: 'DIGEST…',
      description: 'Tags that stand for the digest are answered with it again.',
      options: [copies],
      examples: [{ line: 'holdfast unblock sha256:…', does: '' }],
    },
    {
      ...shared,
      ...none,
      name: 'blocks',
      isWatchable: true,
      summary: 'list the digests that are blocked',
      description: 'Lists what is blocked, since when, by whom and why.',
      examples: [{ line: 'holdfast blocks', does: '' }],
    },
  ]
}
