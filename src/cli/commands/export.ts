import { createWriteStream } from 'node:fs'
import { lstat, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileReason, writeReason } from '../../config/file-words.ts'
import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi, type Download } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { formatBytes, readReference } from '../print.ts'
import { createProgress } from '../progress.ts'

/** `holdfast export REF… -o FILE` */
export const run: RunCommand = async context => {
  const { words, options, terminal } = context
  const file = options['output']
  const isPinned = options['pinned'] !== undefined
  const isSelf = options['self'] !== undefined
  if (file === undefined) throw new CommandFailure('usage', 'name the bundle with -o FILE')
  if (file === '-') throw new CommandFailure('usage', '-o -: a bundle is written to a file')
  if (words.length === 0 && !isPinned && !isSelf) {
    throw new CommandFailure('usage', 'name images to export, --pinned or --self')
  }
  const since = await readSince(context, file)
  await mustBeFree(file, options['force'] !== undefined)
  const api = createAdminApi(await findAdmin(context))
  const query = {
    ref: words.map(word => formatReference(readReference(word))),
    platform: options['platform']?.split(',') ?? [],
    pinned: isPinned || undefined,
    self: isSelf || undefined,
    referrers: options['referrers'] !== undefined || undefined,
    since: since?.name,
  }
  const bundle = await api.download('/api/v1/export', query, since?.note)
  await write(context, bundle, file)
  const { size } = await stat(file)
  terminal.err(`holdfast: ${tell(bundle, size, since?.name)}\n`)
  terminal.out(`${file}\n`)
  return 'ok'
}

async function write({ terminal }: CommandContext, { bytes, header }: Download, file: string) {
  // Before it is packed, which makes little of layers that are packed.
  const size = Number(header('holdfast-bundle-bytes')) || undefined
  const progress = createProgress(terminal, { label: 'export', size })
  const unfinished = `${file}.part`
  try {
    bytes.on('data', (chunk: Buffer) => progress.advance(chunk.length))
    await pipeline(bytes, createWriteStream(unfinished, { flush: true }))
    await rename(unfinished, file)
    progress.end(true)
  } catch (cause) {
    await rm(unfinished, { force: true })
    throw new CommandFailure(
      'failed',
      `${file} was not written: ${reasonOf(cause, writeReason)}`,
      cause,
    )
  } finally {
    progress.end()
  }
}

/** Throws `CommandFailure` with `usage` where something lies at the path that is not to be lost. */
async function mustBeFree(file: string, isForced: boolean): Promise<void> {
  const there = await lstat(file).catch(() => undefined)
  if (there === undefined) return
  if (!there.isFile() && !there.isSymbolicLink()) {
    throw new CommandFailure('usage', `-o ${file}: a bundle is written to a file, and this is none`)
  }
  if (isForced) return
  const cure = 'name another file, or write over it with --force'
  throw new CommandFailure('usage', `${file} is there already: ${cure}`)
}

/** The earlier bundle, which may lie on the stick that the new one is written to. */
async function readSince({ options, parts }: CommandContext, file: string) {
  const path = options['since']
  if (path === undefined) return undefined
  if (await isSame(path, file)) {
    const why = 'it would take the place of the one that it goes with'
    throw new CommandFailure('usage', `write the bundle to another file than ${path}: ${why}`)
  }
  try {
    const { readBundleNote } = await parts.loadEarlierBundle()
    return { name: basename(path), note: await readBundleNote(path) }
  } catch (cause) {
    throw new CommandFailure('usage', `--since ${path}: ${reasonOf(cause, fileReason)}`, cause)
  }
}

async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(path => realpath(path).catch(() => undefined)))
  return a !== undefined && a === b
}

function tell({ header }: Download, size: number, since: string | undefined): string {
  const count = (name: string) => Number(header(`holdfast-bundle-${name}`) ?? 0)
  const [images, leftOut] = [count('images'), count('left-out-blobs')]
  const of = `${images} ${images === 1 ? 'image' : 'images'} in ${formatBytes(size)}`
  if (since === undefined) return of
  const bytes = formatBytes(count('left-out-bytes'))
  return `${of}; ${leftOut} blobs (${bytes}) are left out: whoever imports it needs ${since} first`
}

/** What a file system says is said in words of ours, all else in those of the node. */
function reasonOf(cause: unknown, ofFile: (cause: unknown) => string): string {
  if (cause instanceof Error && 'syscall' in cause && 'path' in cause) return ofFile(cause)
  return cause instanceof Error ? cause.message : String(cause)
}
