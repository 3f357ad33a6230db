import type { Digest } from '../../oci/digest.ts'
import { parseReference } from '../../oci/reference.ts'
import { type AwaitedImage, type AwaitedImages, awaitedName } from '../../ports/awaited-images.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { AwaitedChange } from './writer-protocol.ts'
import type { WriterThread } from './writer-thread.ts'

/** The images that wait, in the node's database. */
export function createAwaitedImages({
  reader,
  writer,
}: {
  readonly reader: Reader
  readonly writer: WriterThread
}): AwaitedImages {
  return {
    load: () => reader.read(({ db }) => load(db), []),
    async remember(awaited) {
      await writer.submit({ type: 'awaited', change: { awaited } })
    },
    async forget(forgotten) {
      await writer.submit({ type: 'awaited', change: { forgotten } })
    },
  }
}

interface Row {
  readonly name: string
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
}

function load(db: Connection): readonly AwaitedImage[] {
  return db
    .prepare<[], Row>('SELECT name, digest, media_type AS mediaType, size FROM awaited_image')
    .all()
    .map(({ name, ...target }) => {
      const { tag, registry, repository } = parseReference(name)
      return { ...target, repository: { registry, repository }, tag }
    })
}

/** Writes changes; call inside a transaction. */
export function createAwaitedWriter(db: Connection): (change: AwaitedChange) => void {
  const put = db.prepare(
    'INSERT OR REPLACE INTO awaited_image (name, digest, media_type, size) VALUES (?, ?, ?, ?)',
  )
  const forget = db.prepare('DELETE FROM awaited_image WHERE name = ?')
  return change => {
    if ('forgotten' in change) {
      for (const image of change.forgotten) forget.run(awaitedName(image))
      return
    }
    for (const image of change.awaited) {
      put.run(awaitedName(image), image.digest, image.mediaType, image.size)
    }
  }
}
