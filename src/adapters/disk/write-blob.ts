import { rename, rm } from 'node:fs/promises'
import { type Digest, digestAlgorithm } from '../../oci/digest.ts'
import type { BlobIndex } from '../../ports/blob-index.ts'
import type { BlobInfo, BlobWriter } from '../../ports/content-store.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import { type AppendQueue, createAppendQueue } from './append-queue.ts'
import { type ContentHash, createContentHash } from './content-hash.ts'
import { diskFailure, tellFailure } from './disk-failure.ts'
import type { FileHasher } from './hasher.ts'
import type { Layout } from './layout.ts'
import { type OpenFile, openFile } from './open-file.ts'
import type { Partials } from './partials.ts'
import type { Reservation, Room } from './room.ts'
import type { SoundFiles } from './sound-files.ts'
import type { DurableSyncs } from './syncing.ts'

/** What writing needs of the store. */
export interface WriteParts {
  readonly layout: Layout
  readonly log: Log
  readonly index: BlobIndex
  readonly partials: Partials
  readonly room: Room
  readonly hasher: FileHasher
  readonly sound: SoundFiles
  readonly syncs: DurableSyncs
  /** Changes to one blob's name happen one after another. */
  inTurn<T>(digest: Digest, operation: () => Promise<T>): Promise<T>
}

/**
 * Opens the one writer of a digest on the partial file that an earlier one left, or a new one.
 *
 * @param size of the whole blob in bytes, when known; room for it is reserved at once
 * @throws Error when the digest has a writer; {@link HoldfastError} `store-full`, `store-unusable`
 */
export async function writeBlob(
  parts: WriteParts,
  digest: Digest,
  size: number | undefined,
): Promise<BlobWriter> {
  const { partials } = parts
  partials.take(digest)
  const path = parts.layout.partial(digest)
  let file: OpenFile | undefined
  try {
    if (size !== undefined && partials.size(digest) > size) await dropPartialFile(parts, digest)
    file = await tellFailure(openFile(path, 'grow'), `opening ${path}`)
    partials.resize(digest, file.openedSize)
    const missing = size === undefined ? 0 : size - file.openedSize
    const reservation = await parts.room.reserve(digest, missing)
    return createBlobWriter(parts, { digest, path, size, file, reservation })
  } catch (error) {
    await file?.close()
    if (file?.openedSize === 0) await dropPartialFile(parts, digest)
    partials.leave(digest)
    throw error
  }
}

/** Removes the partial file of a digest; never fails, because nothing can be done about it now. */
export async function dropPartialFile(
  { layout, partials, log }: Pick<WriteParts, 'layout' | 'partials' | 'log'>,
  digest: Digest,
): Promise<void> {
  try {
    await rm(layout.partial(digest), { force: true })
    partials.resize(digest, 0)
  } catch (err) {
    log.warn({ digest, err }, 'an interrupted download could not be removed')
  }
}

interface Opened {
  readonly digest: Digest
  readonly path: string
  readonly size: number | undefined
  readonly file: OpenFile
  readonly reservation: Reservation
}

function createBlobWriter(parts: WriteParts, opened: Opened): BlobWriter {
  const { digest, path, size, file, reservation } = opened
  const { partials } = parts
  const hash: ContentHash = createContentHash(parts, file, path, digest, size)
  let offset = file.openedSize
  /** What `offset` will be when everything that waits is written. */
  let promisedOffset = offset
  let verdict: Promise<boolean> | undefined
  let isEnded = false

  const queue: AppendQueue = createAppendQueue(async chunks => {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (size === undefined) await reservation.grow(bytes)
    await tellFailure(file.write(chunks, offset), `writing ${path}`)
    offset += bytes
    partials.resize(digest, offset)
    reservation.filled(bytes)
    hash.advance(offset)
  })
  hash.advance(offset)

  function assertOpen(): void {
    if (isEnded) throw new Error(`the writer of ${digest} has ended`)
  }

  function verify(): Promise<boolean> {
    verdict ??= queue.idle().then(() => tellFailure(hash.matches(offset), `hashing ${path}`))
    return verdict
  }

  /** Every ending: no more chunks, nothing under way, and whatever happens the digest is free for the next writer. */
  async function end<T>(operation: () => Promise<T>): Promise<T> {
    assertOpen()
    isEnded = true
    await queue.idle()
    try {
      return await parts.inTurn(digest, operation)
    } finally {
      hash.stop()
      reservation.release()
      partials.leave(digest)
    }
  }

  async function publish(): Promise<BlobInfo> {
    const target = parts.layout.blob(digest)
    try {
      if (queue.failure !== undefined) throw queue.failure
      if (!(await verify())) {
        throw new HoldfastError('wrong-digest', `${offset} bytes do not hash to ${digest}: dropped`)
      }
      await tellFailure(parts.syncs.file(file), `syncing ${path}`)
      await tellFailure(rename(path, target), `naming ${target}`)
      await tellFailure(parts.syncs.directory(digestAlgorithm(digest)), `syncing ${target}`)
      await tellFailure(parts.sound.remember(digest, target), `looking at ${target}`)
    } catch (error) {
      await dropPartialFile(parts, digest)
      throw error
    }
    const info = { digest, size: offset }
    partials.resize(digest, 0) // not before: its bytes count as used at every moment
    parts.index.add(info)
    return info
  }

  async function keep(): Promise<void> {
    if (offset === 0) return dropPartialFile(parts, digest)
    try {
      if (queue.failure !== undefined) await file.truncate(offset) // a write may have stopped half way
      await parts.syncs.file(file)
    } catch (error) {
      // What a failed sync left in the file is unknown, also to the kernel.
      parts.log.warn(
        { digest, bytes: offset, err: diskFailure(error, `keeping ${path}`) },
        'an interrupted download could not be kept',
      )
      await dropPartialFile(parts, digest)
    }
  }

  return {
    digest,
    get offset() {
      return offset
    },
    async write(chunk) {
      assertOpen()
      if (verdict !== undefined) throw new Error(`${digest} was verified already`)
      if (size !== undefined && promisedOffset + chunk.length > size) {
        throw new HoldfastError('wrong-digest', `${digest} goes on beyond its ${size} bytes`)
      }
      promisedOffset += chunk.length
      await queue.append(chunk)
    },
    read: (into, position) =>
      tellFailure(
        file.read(into.length > offset - position ? cut(into, offset - position) : into, position),
        `reading ${path}`,
      ),
    async verify() {
      assertOpen()
      return verify()
    },
    commit: () => end(publish),
    suspend: () => end(keep),
    discard: () => end(() => dropPartialFile(parts, digest)),
    release: () => file.close(),
  }
}

/** The first `bytes` of a buffer: bytes beyond a writer's offset may be half written. */
function cut(into: Uint8Array, bytes: number): Uint8Array {
  return into.subarray(0, Math.max(0, bytes))
}
