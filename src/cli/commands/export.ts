import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { readReference } from '../print.ts'
import { createProgress } from '../progress.ts'

/** `holdfast export REF… -o FILE` */
export const run: RunCommand = async context => {
  const { words, options, terminal } = context
  const file = options['output']
  const isPinned = options['pinned'] !== undefined
  if (file === undefined) throw new CommandFailure('usage', 'name the bundle with -o FILE')
  if (words.length === 0 && !isPinned) {
    throw new CommandFailure('usage', 'name images to export, or --pinned')
  }
  const api = createAdminApi(await findAdmin(context))
  const bundle = await api.download('/api/v1/export', {
    ref: words.map(word => formatReference(readReference(word))),
    platform: options['platform']?.split(',') ?? [],
    pinned: isPinned || undefined,
    referrers: options['referrers'] !== undefined || undefined,
  })
  const progress = createProgress(terminal, { label: 'export', size: undefined })
  const unfinished = `${file}.part`
  try {
    bundle.on('data', (chunk: Buffer) => progress.advance(chunk.length))
    await pipeline(bundle, createWriteStream(unfinished, { flush: true }))
    await rename(unfinished, file)
  } catch (cause) {
    await rm(unfinished, { force: true })
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailure('failed', `the bundle was not written: ${reason}`, cause)
  } finally {
    progress.end()
  }
  terminal.out(`${file}\n`)
  return 'ok'
}
