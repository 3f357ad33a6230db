import { OciError } from '../oci/errors.ts'
import { parseReference, type Reference } from '../oci/reference.ts'
import { ArchiveRefusal } from '../ports/archive.ts'

/** Bytes of a list; ten thousand images have fewer. */
const maxBytes = 1024 * 1024

/**
 * Reads a list of images to pull: a reference a line, empty lines and what follows a `#` apart. Throws `ArchiveRefusal`: `name` with every
 * line that is no reference, `too-large`, `no-image`.
 */
export async function readList(bytes: AsyncIterable<Uint8Array>): Promise<readonly Reference[]> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > maxBytes)
      throw new ArchiveRefusal('too-large', `a list of more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  const lines = Buffer.concat(chunks)
    .toString('utf8')
    .split(/\r?\n/)
    .map((text, index) => ({ text: text.replace(/(?:^|\s)#.*/, '').trim(), number: index + 1 }))
    .filter(({ text }) => text !== '')
  if (lines.length === 0) throw new ArchiveRefusal('no-image', 'the list names no image')
  const faults: string[] = []
  const references: Reference[] = []
  for (const { text, number } of lines) {
    try {
      references.push(parseReference(text))
    } catch (error) {
      if (!(error instanceof OciError)) throw error
      faults.push(`line ${number}: ${error.message}`)
    }
  }
  if (faults.length > 0) throw new ArchiveRefusal('name', faults.join('; '))
  return references
}
