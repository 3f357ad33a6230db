import { createHash } from 'node:crypto'
import { formatReference } from '../oci/reference.ts'
import { ArchiveRefusal, type RefusalCode } from '../ports/archive.ts'
import type { DroppedFile } from '../ports/dropped-files.ts'
import { HoldfastError } from '../ports/errors.ts'
import type { DropFolderParts, DropOutcome } from './drop-folder.ts'
import { readList } from './read-list.ts'

/** What was learned of a file. */
export interface Dealt {
  readonly outcome: DropOutcome
  /** Of all its bytes, hex; absent when they were not all read. */
  readonly hash: string | undefined
  /** It goes with a bundle that is not here, and can be imported once that one was. */
  readonly lacksBase: boolean
}

/** Dealing with one file. */
export interface DealWithFile {
  /** Imports an archive or pulls what a list names, and tells beside the file what is wrong. Rejects only when the signal aborts. */
  take(file: DroppedFile): Promise<Dealt>
  /** sha256 of a file, hex; `undefined` when it cannot be read. */
  hash(file: DroppedFile): Promise<string | undefined>
}

/** Whether a file names images to pull, by its name. */
export const isList = (path: string): boolean => /\.txt$/i.test(path)

export function createDealWithFile(
  { files, importArchive, pullImage, clock, log }: DropFolderParts,
  signal: AbortSignal,
): DealWithFile {
  async function importFile(hashed: Hashed, path: string): Promise<string> {
    const { images, addedBytes, warnings } = await importArchive(hashed.bytes, { signal })
    const references = images.map(({ reference, digest }) => reference ?? digest)
    log.info({ file: path, references, bytes: addedBytes }, 'an archive was imported')
    for (const warning of warnings) log.warn({ file: path }, warning)
    for await (const _ of hashed.bytes) signal.throwIfAborted() // what follows the end of the tar
    return hashed.hex()
  }

  async function pullList(hashed: Hashed, path: string): Promise<string> {
    const references = await readList(hashed.bytes)
    const faults: string[] = []
    for (const reference of references) {
      signal.throwIfAborted()
      const why = await pullImage(reference, signal)
      if (why !== undefined) faults.push(`${formatReference(reference)}: ${why}`)
    }
    if (faults.length > 0) throw new NotPulled(faults.join('; '))
    log.info({ file: path, images: references.length }, 'the images of a list are here')
    return hashed.hex()
  }

  return {
    async take({ path }) {
      try {
        const hash = await withHashed(files.open(path), hashed =>
          isList(path) ? pullList(hashed, path) : importFile(hashed, path),
        )
        await files.tell(path, undefined)
        return { outcome: 'imported', hash, lacksBase: false }
      } catch (error) {
        signal.throwIfAborted()
        const { code, reason } = describe(error)
        const lacksBase = code === 'no-base'
        const outcome = error instanceof ArchiveRefusal && !lacksBase ? 'refused' : 'failed'
        log.warn({ file: path, code, reason }, `a dropped file was not imported: ${outcome}`)
        const at = new Date(clock.wallMs()).toISOString()
        await files.tell(path, { file: path, at, code, reason })
        return { outcome, hash: undefined, lacksBase }
      }
    },
    async hash({ path }) {
      try {
        return await withHashed(files.open(path), async hashed => {
          for await (const _ of hashed.bytes) signal.throwIfAborted()
          return hashed.hex()
        })
      } catch {
        signal.throwIfAborted()
        return undefined
      }
    },
  }
}

/** An image of a list cannot be had now. */
class NotPulled extends Error {
  override readonly name = 'NotPulled'
}

/** What is told of a file: a refusal's code, or why this node failed. */
type FaultCode = RefusalCode | HoldfastError['code'] | 'not-pulled' | 'unreadable'

function describe(error: unknown): { readonly code: FaultCode; readonly reason: string } {
  const reason = error instanceof Error ? error.message : String(error)
  if (error instanceof ArchiveRefusal || error instanceof HoldfastError) {
    return { code: error.code, reason }
  }
  return { code: error instanceof NotPulled ? 'not-pulled' : 'unreadable', reason }
}

/** Bytes that are hashed on their way. They may be read on after a first reader stopped. */
interface Hashed {
  readonly bytes: AsyncIterable<Uint8Array>
  /** Of what was read. */
  hex(): string
}

/** Does something with a file's bytes and lets go of the file, however much of it was read: the stick may be pulled. */
async function withHashed<T>(
  source: AsyncIterable<Uint8Array>,
  work: (hashed: Hashed) => Promise<T>,
): Promise<T> {
  const hash = createHash('sha256')
  const iterator = source[Symbol.asyncIterator]()
  let isOver = false
  async function next(): Promise<IteratorResult<Uint8Array>> {
    if (isOver) return { done: true, value: undefined }
    const result = await iterator.next()
    if (result.done) isOver = true
    else hash.update(result.value)
    return result
  }
  try {
    return await work({
      bytes: { [Symbol.asyncIterator]: () => ({ next }) },
      hex: () => hash.digest('hex'),
    })
  } finally {
    await iterator.return?.()
  }
}
