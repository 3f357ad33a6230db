import { rm } from 'node:fs/promises'
import { type Digest, digestAlgorithm, digestOf } from '../../oci/digest.ts'
import { createBlobIndex } from '../../ports/blob-index.ts'
import type { BlobInfo, BlobReader, OpenedEarly, StoreChange } from '../../ports/content-store.ts'
import type { MaintainedStore, Verdict } from '../../ports/content-upkeep.ts'
import type { Log } from '../../ports/log.ts'
import { errorCode, tellFailure } from './disk-failure.ts'
import { createHasher, type FileHasher } from './hasher.ts'
import { layoutOf } from './layout.ts'
import type { OpenFile } from './open-file.ts'
import { createPartials } from './partials.ts'
import { putBlob } from './put-blob.ts'
import { openQuarantine, type Quarantine } from './quarantine.ts'
import { openBlobFile, readBlob } from './read-blob.ts'
import { makeDirectories, readBlobs, readPartials, settleTemporaries } from './read-layout.ts'
import { matchesSlowly } from './reverify.ts'
import { createRoom, readFileSystem } from './room.ts'
import { createSoundFiles } from './sound-files.ts'
import { createSyncs, createTurns } from './syncing.ts'
import { takeIn } from './take-in.ts'
import { dropPartialFile, type WriteParts, writeBlob } from './write-blob.ts'

/** How often what was verified is written down, in ms. */
const saveEveryMs = 10 * 60_000

export interface DiskStoreOptions {
  /** Where the blobs lie; made when it is absent. One process at a time. */
  readonly dir: string
  readonly log: Log
  /** Blobs, interrupted downloads and quarantine together stay below this. */
  readonly quotaBytes: number
  /** Of the file system; new content is refused before less is free. */
  readonly minFreeBytes: number
  /** Frees at least so many bytes of what is held, or answers `false`. Without it a full store stays full. */
  readonly makeRoom?: ((bytes: number) => Promise<boolean>) | undefined
  /** Hashes large files; the store closes it. */
  readonly hasher?: FileHasher | undefined
}

export interface DiskStore extends MaintainedStore {
  /** Ends the hash worker. Readers and writers are closed by those who opened them. */
  close(): Promise<void>
}

/**
 * Opens the store of a directory. What was whole and durable is held again, what was interrupted can be continued.
 *
 * @throws {@link HoldfastError} `store-unusable` when the directory cannot be made or read
 */
export async function openDiskStore(options: DiskStoreOptions): Promise<DiskStore> {
  const { log, hasher = createHasher() } = options
  const layout = layoutOf(options.dir)
  const opening = `opening the store in ${options.dir}`
  await tellFailure(makeDirectories(layout), opening)
  await tellFailure(settleTemporaries(layout), opening)
  const index = createBlobIndex(log, await tellFailure(readBlobs(layout), opening))
  const isHeld = (digest: Digest) => index.get(digest) !== undefined
  const partials = createPartials(await tellFailure(readPartials(layout, isHeld), opening))
  const quarantine = await tellFailure(openQuarantine(layout), opening)
  const usedBytes = () => index.bytes + partials.bytes + quarantine.bytes
  const makeRoom = roomMaker(quarantine, options.makeRoom)
  const room = createRoom({ dir: options.dir, usedBytes, makeRoom }, options)
  const inTurn = createTurns<Digest>()
  const syncs = createSyncs(layout)
  const sound = createSoundFiles({ hasher, log, memoryFile: layout.verifiedFile })
  index.onChange(({ kind, digest }) => {
    if (kind === 'removed') sound.forget(digest)
  })
  const saving = setInterval(() => void sound.save(), saveEveryMs).unref()
  const parts: WriteParts = { layout, log, index, partials, room, hasher, sound, syncs, inTurn }
  log.info(
    { dir: options.dir, blobs: index.count, bytes: index.bytes, partialBytes: partials.bytes },
    'content store opened',
  )

  /** Takes a blob out that is not what it was; `false` when it was replaced or deleted meanwhile: then nothing happens. */
  function lose(info: BlobInfo, reason: NonNullable<StoreChange['reason']>): Promise<boolean> {
    return inTurn(info.digest, async () => {
      if (index.get(info.digest) !== info) return false
      index.remove(info.digest, reason)
      log.error({ ...info, reason, path: layout.blob(info.digest) }, 'a blob was lost')
      if (reason === 'damaged') await isolate(quarantine, log, info.digest)
      return true
    })
  }

  async function openHeld(info: BlobInfo): Promise<OpenFile | undefined> {
    const found = await openBlobFile(layout.blob(info.digest), info)
    if (typeof found !== 'string') return found
    await lose(info, found)
    return undefined
  }

  async function open(digest: Digest): Promise<BlobReader | undefined> {
    const info = index.get(digest)
    const file = info && (await openHeld(info))
    if (info === undefined || file === undefined) return undefined
    if (await isSound(file, info)) {
      return readBlob(file, layout.blob(digest), info, () => lose(info, 'damaged'))
    }
    await lose(info, 'damaged')
    return undefined
  }

  async function openEarly(digest: Digest): Promise<OpenedEarly | undefined> {
    const info = index.get(digest)
    const file = info && (await openHeld(info))
    if (info === undefined || file === undefined) return undefined
    const reader = readBlob(file, layout.blob(digest), info, () => lose(info, 'damaged'))
    return { reader, verified: sound.isKnown(digest, file) ? undefined : verify(info, file.state) }
  }

  /** By a descriptor of its own, as the reader may be closed meanwhile. @param state of the file that is read */
  async function verify(info: BlobInfo, state: string): Promise<boolean> {
    const file = await openHeld(info)
    if (file === undefined) return false
    if (await isSound(file, info)) {
      await file.close()
      return file.state === state
    }
    await lose(info, 'damaged')
    return false
  }

  /** Closes a file that is not what it was. */
  async function isSound(file: OpenFile, { digest }: BlobInfo): Promise<boolean> {
    const path = layout.blob(digest)
    let isFit = false
    try {
      isFit = await tellFailure(sound.isSound(digest, path, file), `verifying ${path}`)
    } finally {
      if (!isFit) await file.close()
    }
    return isFit
  }

  async function get(digest: Digest, maxBytes: number): Promise<Buffer | undefined> {
    const info = index.get(digest)
    if (info === undefined || info.size > maxBytes) return undefined
    const file = await openHeld(info)
    if (file === undefined) return undefined
    try {
      const bytes = Buffer.allocUnsafe(info.size)
      const got = await tellFailure(fill(file, bytes), `reading ${layout.blob(digest)}`)
      if (got === info.size && digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes
    } finally {
      await file.close()
    }
    await lose(info, 'damaged')
    return undefined
  }

  async function loseAndTell(
    info: BlobInfo,
    reason: NonNullable<StoreChange['reason']>,
  ): Promise<Verdict> {
    const isLost = await lose(info, reason)
    return isLost && reason === 'damaged' ? 'damaged' : 'absent'
  }

  async function reverify(
    digest: Digest,
    pace: { readonly bytesPerSecond: number; readonly signal: AbortSignal },
  ): Promise<Verdict> {
    const info = index.get(digest)
    if (info === undefined) return 'absent'
    const path = layout.blob(digest)
    const found = await openBlobFile(path, info)
    if (typeof found === 'string') return loseAndTell(info, found)
    try {
      const verifying = matchesSlowly(hasher, found, path, digest, pace)
      if (await tellFailure(verifying, `verifying ${path}`)) return 'sound'
    } finally {
      await found.close()
    }
    return loseAndTell(info, 'damaged')
  }

  return {
    stat: index.get,
    open,
    openEarly,
    get,
    put: (digest, bytes) => putBlob(parts, digest, bytes),
    write: (digest, size) => writeBlob(parts, digest, size),
    takeIn: algorithm => takeIn(parts, algorithm),
    partial: partials.size,
    delete: digest =>
      inTurn(digest, async () => {
        if (!isHeld(digest)) return
        index.remove(digest)
        await tellFailure(rm(layout.blob(digest), { force: true }), `deleting ${digest}`)
      }),
    list: index.list,
    async usage() {
      const { freeBytes, totalBytes } = await readFileSystem(options.dir)
      const { bytes: blobBytes, count: blobs } = index
      return { blobBytes, partialBytes: partials.bytes, blobs, freeBytes, totalBytes }
    },
    onChange: index.onChange,
    partials: partials.list,
    dropPartial: digest =>
      inTurn(digest, async () => {
        if (partials.isOpen(digest)) return 0
        const before = partials.size(digest)
        await dropPartialFile(parts, digest)
        return before - partials.size(digest)
      }),
    quarantined: quarantine.list,
    reverify,
    async close() {
      clearInterval(saving)
      await sound.save()
      await hasher.close()
    },
  }
}

/** The quarantine goes before anything that is of use. */
function roomMaker(
  quarantine: Quarantine,
  makeRoom: DiskStoreOptions['makeRoom'],
): (bytes: number) => Promise<boolean> {
  return async bytes => {
    const freed = quarantine.bytes
    if (freed > 0) await quarantine.empty()
    return freed >= bytes || ((await makeRoom?.(bytes - freed)) ?? false)
  }
}

async function isolate(quarantine: Quarantine, log: Log, digest: Digest): Promise<void> {
  try {
    await quarantine.moveIn(digest)
  } catch (err) {
    if (errorCode(err) === 'ENOENT') return
    log.error({ digest, err }, 'a damaged blob could not be moved to quarantine')
  }
}

async function fill(file: OpenFile, bytes: Buffer): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const got = await file.read(bytes.subarray(done), done)
    if (got === 0) break
    done += got
  }
  return done
}
