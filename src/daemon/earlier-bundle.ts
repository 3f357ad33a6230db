import { createReadStream } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { openTar } from '../adapters/tar/read-tar.ts'
import { bundleNotePath, decodeNote } from '../archive/bundle-note.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import { ArchiveRefusal } from '../ports/archive.ts'

/** Bytes read at a time. */
const pieceBytes = 256 * 1024

/**
 * What a bundle says of itself; it is read no further than that. Throws `ArchiveRefusal` for a file that is no bundle, the error of the
 * system for one that cannot be read.
 */
export async function readBundleNote(path: string): Promise<Uint8Array> {
  const bytes = createReadStream(path, { highWaterMark: pieceBytes })
  try {
    for await (const { name, content, size } of openTar(bytes)) {
      if (name.startsWith('blobs/')) break
      if (name !== bundleNotePath || size > maxManifestBytes) continue
      const note = await buffer(content)
      decodeNote(note)
      return note
    }
  } finally {
    bytes.destroy()
  }
  throw new ArchiveRefusal('no-image', 'it is no bundle that holdfast export wrote')
}
