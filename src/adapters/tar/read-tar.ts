import { Readable } from 'node:stream'
import { extract, type Header } from 'tar-stream'
import { type ArchiveEntry, ArchiveRefusal, type OpenArchive } from '../../ports/archive.ts'
import { decompress } from './decompress.ts'

/** Reads a tar, compressed or not, entry by entry. */
export const openTar: OpenArchive = async function* (bytes) {
  const reader = extract()
  let fault: { readonly error: unknown } | undefined
  let isOver = false
  let isTar = false
  const input = Readable.from(decompress(bytes), { objectMode: false, highWaterMark: 1 })
  input.on('end', () => {
    isOver = true
  })
  input.on('error', error => {
    fault = { error }
    reader.destroy(error)
  })
  reader.on('close', () => input.destroy())
  input.pipe(reader as unknown as NodeJS.WritableStream)
  try {
    for await (const entry of reader) {
      isTar = true
      yield { ...describe(entry.header), content: contentOf(entry as AsyncIterable<Uint8Array>) }
      entry.resume() // what nobody read
    }
  } catch (error) {
    throw told(error)
  } finally {
    input.destroy()
    reader.destroy()
  }

  async function* contentOf(entry: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* entry
    } catch (error) {
      throw told(error)
    }
  }

  /** What went wrong before the tar was read goes before what the tar reader makes of it. */
  function told(error: unknown): unknown {
    if (fault !== undefined) return fault.error
    return error instanceof ArchiveRefusal ? error : refusalOf(error, isTar && isOver)
  }
}

/** @param isShort it is a tar, and all of it was read: what went wrong is that there is no more */
function refusalOf(error: unknown, isShort: boolean): unknown {
  const reason = error instanceof Error ? error.message : String(error)
  return isShort && !/header/i.test(reason)
    ? new ArchiveRefusal('tar', 'the tar is cut short: copy it again', error)
    : new ArchiveRefusal('tar', 'this is no tar, or a broken one', error)
}

const kinds: Readonly<Partial<Record<string, ArchiveEntry['kind']>>> = {
  file: 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'hardlink',
}

function describe(header: Header): Omit<ArchiveEntry, 'content'> {
  const { name, type, size, linkname } = header
  const kind = kinds[type]
  if (kind === undefined || isSparse(header)) {
    const what = kind === undefined ? `of a kind that no image has (${type})` : 'sparse'
    throw new ArchiveRefusal('entry', `${JSON.stringify(name.slice(0, 100))} is ${what}`)
  }
  if (!Number.isSafeInteger(size)) {
    throw new ArchiveRefusal('tar', `${JSON.stringify(name.slice(0, 100))} has no size`)
  }
  return { name, kind, target: linkname ?? undefined, size }
}

/** What GNU tar packs sparsely is not in the archive as it is on the disk. */
function isSparse({ pax }: Header): boolean {
  return Object.keys((pax as object | null) ?? {}).some(key => key.startsWith('GNU.sparse.'))
}
