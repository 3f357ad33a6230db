import { createWriteStream } from 'node:fs'
import { lstat, realpath, rename, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { PassThrough, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
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
  if (words.length === 0 && !isPinned && !isSelf) {
    throw new CommandFailure('usage', 'name images to export, --pinned or --self')
  }
  const since = await readSince(context, file)
  await mustBeFree(context, file)
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
  const put = file === '-' ? pipe(context, bundle) : write(context, bundle, file)
  const { size, where, path } = await put
  terminal.err(`holdfast: ${tell(bundle, size, since?.name)}${where}\n`)
  terminal.out(path)
  return 'ok'
}

/** Of a bundle that was written: its bytes, and what is said of the place to the person and to who reads the output. */
interface Written {
  readonly size: number
  readonly where: string
  readonly path: string
}

async function write(context: CommandContext, bundle: Download, file: string): Promise<Written> {
  const unfinished = `${file}.part`
  try {
    const to = createWriteStream(unfinished, { flush: true })
    const size = await transfer(context, bundle, { to, isPacked: !file.endsWith('.tar') })
    await rename(unfinished, file)
    return { size, where: await podsNode(context), path: `${file}\n` }
  } catch (cause) {
    await rm(unfinished, { force: true })
    throw unwritten(file, cause)
  }
}

/** To standard output as a plain tar, for whatever is at the other end. */
async function pipe(context: CommandContext, bundle: Download): Promise<Written> {
  try {
    const size = await transfer(context, bundle, { to: process.stdout, isPacked: false })
    return { size, where: '', path: '' }
  } catch (cause) {
    throw unwritten('the bundle', cause)
  }
}

/** Sends the bundle as the node packed it, or unpacked. Resolves to the bytes that were written. */
async function transfer(
  { terminal }: CommandContext,
  { bytes, header }: Download,
  { to, isPacked }: { readonly to: Writable; readonly isPacked: boolean },
): Promise<number> {
  // Before it is packed, which makes little of layers that are packed.
  const size = Number(header('holdfast-bundle-bytes')) || undefined
  const progress = createProgress(terminal, { label: 'export', size })
  let written = 0
  async function* counted(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      written += chunk.length
      progress.advance(chunk.length)
      yield chunk
    }
  }
  try {
    await pipeline(bytes, isPacked ? new PassThrough() : createZstdDecompress(), counted, to)
    progress.end(true)
    return written
  } finally {
    progress.end()
  }
}

const unwritten = (what: string, cause: unknown): CommandFailure =>
  new CommandFailure('failed', `${what} was not written: ${reasonOf(cause, writeReason)}`, cause)

/** In a pod a file lies on the disk of whichever node was asked. */
async function podsNode({ env, loadConfig }: CommandContext): Promise<string> {
  if (env['KUBERNETES_SERVICE_HOST'] === undefined) return ''
  const { config } = await loadConfig()
  return config === undefined ? '' : `, in the pod on node ${config.node.name}`
}

/** Throws `CommandFailure` with `usage` where a bundle cannot go, or something lies that is not to be lost. */
async function mustBeFree({ options, terminal }: CommandContext, file: string): Promise<void> {
  if (file === '-') {
    if (terminal.size?.() === undefined) return
    throw new CommandFailure('usage', '-o -: a bundle is not for a terminal: write it to a file')
  }
  const there = await lstat(file).catch(() => undefined)
  if (there === undefined) return
  if (!there.isFile() && !there.isSymbolicLink()) {
    throw new CommandFailure('usage', `-o ${file}: a bundle is written to a file, and this is none`)
  }
  if (options['force'] !== undefined) return
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
