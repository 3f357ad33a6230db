import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { fileReason } from '../../config/file-words.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type ImportAnswer, importAnswer } from '../answers.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { formatBytes, print, properties, readReference } from '../print.ts'
import { createProgress } from '../progress.ts'

/** Bytes sent at a time. */
const pieceBytes = 256 * 1024

/** `holdfast import FILE|-` */
export const run: RunCommand = async context => {
  const file = context.words[0] ?? ''
  const name = context.options['name']
  if (name !== undefined) readReference(name)
  const api = createAdminApi(await findAdmin(context))
  const { bytes, size } = await open(file)
  const progress = createProgress(context.terminal, { label: 'import', size })
  try {
    const body = counted(bytes, file, progress.advance)
    const answer = await api.post('/api/v1/import', { name }, body, importAnswer)
    progress.end()
    print(context, answer, () => lines(answer, context))
    return 'ok'
  } finally {
    progress.end()
    bytes.destroy()
  }
}

async function open(file: string): Promise<{ bytes: Readable; size: number | undefined }> {
  if (file === '-') return { bytes: process.stdin, size: undefined }
  try {
    const { size } = await stat(file)
    return { bytes: createReadStream(file, { highWaterMark: pieceBytes }), size }
  } catch (cause) {
    throw unread(file, cause)
  }
}

async function* counted(
  bytes: Readable,
  file: string,
  onBytes: (count: number) => void,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      onBytes(chunk.length)
      yield chunk
    }
  } catch (cause) {
    throw unread(file, cause)
  }
}

function unread(file: string, cause: unknown): CommandFailure {
  return new CommandFailure('usage', `${file} cannot be read: ${fileReason(cause)}`, cause)
}

function lines({ images, addedBytes, warnings }: ImportAnswer, { terminal }: CommandContext) {
  for (const warning of warnings) terminal.err(`holdfast: ${warning}\n`)
  return [
    ...images.flatMap(({ reference, digest, platforms }) => [
      reference ?? digest,
      ...properties([
        ['digest', digest],
        ['platforms', platforms.join(', ')],
      ]),
    ]),
    `${formatBytes(addedBytes)} were not here before`,
  ]
}
