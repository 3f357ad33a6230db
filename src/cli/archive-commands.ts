import type { Command } from './command.ts'
import type { ExitCode } from './exit-codes.ts'

/** The commands for images that are carried by hand. @param askingExitCodes those of every command that asks a node */
export const archiveCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => [
  {
    name: 'import',
    summary: 'import an archive of images into the running node',
    usage: 'FILE|- [--name REPOSITORY]',
    words: { min: 1, max: 1 },
    description:
      'Sends an archive to the node: .tar, plain or packed with gzip, zstd, bzip2 or lz4, holding an OCI image layout or what docker save ' +
      'writes, one image or many. The node verifies all of it before the first tag is written; of an archive that it refuses nothing ' +
      'stays. A tag becomes known as any other: an archive that is imported later moves it, and so does the registry when it is asked ' +
      'again. - reads standard input.',
    options: [
      {
        name: 'name',
        value: 'REPOSITORY',
        summary: 'the repository of images that the archive names by a tag alone',
      },
    ],
    examples: [
      { line: 'holdfast import nginx.tar.zst', does: 'what somebody saved' },
      { line: 'docker save nginx | holdfast import -', does: 'without a file' },
      {
        line: 'holdfast import web.tar --name ghcr.io/acme/web',
        does: 'where the archive says v1 and no more',
      },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/import.ts'),
  },
  {
    name: 'export',
    summary: 'write images of the running node into a bundle, to be carried elsewhere',
    usage:
      'REF… -o FILE|- [--force] [--pinned] [--self] [--platform LIST] [--referrers] [--since BUNDLE]',
    words: { min: 0, max: Number.POSITIVE_INFINITY },
    description:
      'Writes an OCI image layout, packed with zstd; as plain tar where FILE ends in .tar, which containerd before 2.0 needs, or is - ' +
      '(standard output): what the node holds of each image (a tag stands for its pin, else for the newest digest that ' +
      'is whole here), and what the ledger knows of its tag, signed by the node that saw it. `holdfast import`, or a drop folder, learns the ' +
      'tags and pins from it as they were: a bundle that is older than what a node knows moves nothing back. Other tools read it as an OCI ' +
      'archive. With --since it holds what an earlier bundle does not, and is for those who have imported that one; a third goes with the ' +
      'second and the first. Only Holdfast reads it, and says which bundle is missing.',
    options: [
      {
        name: 'output',
        short: 'o',
        value: 'FILE',
        summary: 'where the bundle is written; - is standard output',
      },
      {
        name: 'force',
        summary: 'write over the file that is there; it stays until the new one is whole',
      },
      { name: 'pinned', summary: 'whatever is pinned, and which pins were removed, too' },
      {
        name: 'self',
        summary: 'the image that the node runs from, too, to start a new node with (node.image)',
      },
      {
        name: 'platform',
        value: 'LIST',
        summary: 'these platforms alone, as linux/amd64,linux/arm64; all that is here by default',
      },
      { name: 'referrers', summary: 'signatures and what else refers to the images, too' },
      { name: 'since', value: 'BUNDLE', summary: 'leave out what this earlier bundle holds' },
    ],
    examples: [
      { line: 'holdfast export nginx redis:7 -o stick/base.tar.zst', does: 'two images' },
      {
        line: 'holdfast export --pinned --referrers -o pins.tar.zst',
        does: 'all pins with their signatures',
      },
      {
        line: 'holdfast export nginx redis:7 --since stick/base.tar.zst -o stick/monday.tar.zst',
        does: 'what is new since then',
      },
      {
        line: 'holdfast export --self -o - | ctr -n k8s.io images import -',
        does: 'into any containerd',
      },
    ],
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/export.ts'),
  },
]
