import { rename, rm } from 'node:fs/promises'
import { type Digest, type DigestAlgorithm, parseDigest } from '../../oci/digest.ts'
import type { BlobIntake, TakenBlob } from '../../ports/content-intake.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { createFileHash } from './content-hash.ts'
import { tellFailure } from './disk-failure.ts'
import { openFile } from './open-file.ts'
import { dropPartialFile, type WriteParts } from './write-blob.ts'

/** Room is asked for in steps of so many bytes. */
const stepBytes = 8 * 1024 * 1024

/** Begins a blob in a nameless file, which a crash leaves for the next start to remove. */
export async function takeIn(parts: WriteParts, algorithm: DigestAlgorithm): Promise<BlobIntake> {
  const path = parts.layout.nameless()
  const file = await tellFailure(openFile(path, 'create'), `opening ${path}`)
  const reservation = await parts.room.reserve(`${algorithm} of an archive`, 0)
  const hash = createFileHash(parts, file, path, { algorithm })
  let offset = 0
  let promised = 0

  async function write(chunk: Uint8Array): Promise<void> {
    if (offset + chunk.length > promised) {
      const more = Math.max(stepBytes, chunk.length)
      await reservation.grow(more)
      promised += more
    }
    await tellFailure(file.write([chunk], offset), `writing ${path}`)
    offset += chunk.length
    hash.advance(offset)
  }

  async function publish(expected: Digest | undefined): Promise<TakenBlob> {
    const hex = await tellFailure(hash.hex(offset), `hashing ${path}`)
    const digest = parseDigest(`${algorithm}:${hex}`)
    if (digest === undefined) throw new Error(`${algorithm} gave ${hex}`)
    if (expected !== undefined && digest !== expected) {
      throw new HoldfastError('wrong-digest', `${offset} bytes do not hash to ${expected}: dropped`)
    }
    const taken = { digest, size: offset }
    if (parts.index.get(digest) !== undefined) return { ...taken, isNew: false }
    await tellFailure(parts.syncs.file(file), `syncing ${path}`)
    return parts.inTurn(digest, async () => {
      if (parts.index.get(digest) !== undefined) return { ...taken, isNew: false }
      const target = parts.layout.blob(digest)
      await tellFailure(rename(path, target), `naming ${target}`)
      await tellFailure(parts.syncs.directory(algorithm), `syncing ${target}`)
      await tellFailure(parts.sound.remember(digest, target), `looking at ${target}`)
      parts.index.add(taken)
      if (!parts.partials.isOpen(digest)) await dropPartialFile(parts, digest)
      return { ...taken, isNew: true }
    })
  }

  async function end<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation()
    } finally {
      hash.stop()
      reservation.release()
      await file.close()
      await rm(path, { force: true }).catch(() => {}) // the next start removes it
    }
  }

  return {
    write,
    commit: expected => end(() => publish(expected)),
    discard: () => end(async () => {}),
  }
}
