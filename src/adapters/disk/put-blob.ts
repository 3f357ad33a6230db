import { rename, rm } from 'node:fs/promises'
import { type Digest, digestAlgorithm, digestOf } from '../../oci/digest.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { tellFailure } from './disk-failure.ts'
import { openFile } from './open-file.ts'
import { dropPartialFile, type WriteParts } from './write-blob.ts'

/**
 * Stores a small blob: a file of its own until it is durable, then its name.
 *
 * @throws {@link HoldfastError} `wrong-digest`, `store-full`, `store-unusable`
 */
export async function putBlob(parts: WriteParts, digest: Digest, bytes: Uint8Array): Promise<void> {
  if (digestOf(bytes, digestAlgorithm(digest)) !== digest) {
    throw new HoldfastError('wrong-digest', `${bytes.length} bytes do not hash to ${digest}`)
  }
  const { layout, index } = parts
  if (index.get(digest) !== undefined) return
  const reservation = await parts.room.reserve(digest, bytes.length)
  const path = layout.temporary(digest)
  try {
    await tellFailure(writeWhole(parts, path, bytes), `writing ${path}`)
    await parts.inTurn(digest, async () => {
      const target = layout.blob(digest)
      await tellFailure(rename(path, target), `naming ${target}`)
      await tellFailure(parts.syncs.directory(digestAlgorithm(digest)), `syncing ${target}`)
      await tellFailure(parts.sound.remember(digest, target), `looking at ${target}`)
      index.add({ digest, size: bytes.length })
      if (!parts.partials.isOpen(digest)) await dropPartialFile(parts, digest)
    })
  } catch (error) {
    await rm(path, { force: true }).catch(() => {}) // the failure that is told is the first one
    throw error
  } finally {
    reservation.release()
  }
}

async function writeWhole(parts: WriteParts, path: string, bytes: Uint8Array): Promise<void> {
  const file = await openFile(path, 'create')
  try {
    await file.write([bytes], 0)
    await parts.syncs.file(file)
  } finally {
    await file.close()
  }
}
