import type { BlobInfo, BlobReader } from '../../ports/content-store.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { errorCode, tellFailure } from './disk-failure.ts'
import { type OpenFile, openFile } from './open-file.ts'

/** A blob's file as it was found: readable, gone, or not of the size that it was stored with. */
export type FoundFile = OpenFile | 'vanished' | 'damaged'

/**
 * Opens a blob's file and compares its size.
 *
 * @throws {@link HoldfastError} `store-unusable` when it cannot be opened: that does not mean absent
 */
export async function openBlobFile(path: string, info: BlobInfo): Promise<FoundFile> {
  let file: OpenFile
  try {
    file = await openFile(path, 'read')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'vanished'
    return tellFailure(Promise.reject(error), `opening ${path}`)
  }
  if (file.openedSize === info.size) return file
  await file.close()
  return 'damaged'
}

/**
 * A reader on an open blob file.
 *
 * @param onShort called when the file turns out to have shrunk behind our back; the read rejects with `blob-in-doubt`
 */
export function readBlob(
  file: OpenFile,
  path: string,
  info: BlobInfo,
  onShort: () => Promise<unknown>,
): BlobReader {
  return {
    size: info.size,
    async read(into, position) {
      const got = await tellFailure(file.read(into, position), `reading ${path}`)
      if (got === 0 && position < info.size && into.length > 0) {
        await onShort()
        throw new HoldfastError('blob-in-doubt', `${path} shrank while it was read`)
      }
      return got
    },
    close: () => file.close(),
  }
}
