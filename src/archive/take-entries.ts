import { type Digest, type DigestAlgorithm, parseDigest } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import { quote } from '../oci/reference.ts'
import { type ArchiveEntry, ArchiveRefusal } from '../ports/archive.ts'
import type { ContentIntake, TakenBlob } from '../ports/content-intake.ts'
import type { BlobInfo, ContentStore } from '../ports/content-store.ts'
import { HoldfastError } from '../ports/errors.ts'
import { bundleNotePath } from './bundle-note.ts'
import { recordsPath } from './bundle-records.ts'
import { readHardLink, readLink, readPath } from './entry-path.ts'

/** A file of the archive that is in the store now. */
export interface TakenFile extends BlobInfo {
  /** Its first bytes, which tell how it is compressed. */
  readonly head: Uint8Array
}

/** What an archive held. */
export interface TakenEntries {
  readonly files: ReadonlyMap<string, TakenFile>
  /** Files that say what the others are; they are not stored. */
  readonly notes: ReadonlyMap<string, Buffer>
  /** Links, with the path that each leads to. */
  readonly links: ReadonlyMap<string, string>
}

/** What came into the store by this import; filled as it comes, so that it is known when the import fails. */
export interface Intake {
  readonly store: Pick<ContentStore, 'stat' | 'open'> & ContentIntake
  /** Everything the archive brought: it is not collected meanwhile. */
  readonly held: Set<Digest>
  /** What was not here before. */
  readonly added: Set<Digest>
  /** Called as soon as a note came. What it throws ends the import. */
  readonly onNote: (path: string, bytes: Buffer) => void
}

/** Entries of an archive; a hundred images for five platforms have five thousand. */
const maxEntries = 65_536
const headBytes = 4

const noteNames: ReadonlySet<string> = new Set([
  ...['oci-layout', 'index.json', 'manifest.json'],
  ...[bundleNotePath, recordsPath],
])
/** What `docker save` writes for versions of Docker that nobody runs. */
const isLegacy = (path: string): boolean => /(?:^|\/)(?:repositories|VERSION|json)$/.test(path)

/**
 * Takes all files of an archive into the store as they come, each verified where its name tells its digest. Throws `ArchiveRefusal`;
 * `HoldfastError` when the store takes no more.
 */
export async function takeEntries(
  entries: AsyncIterable<ArchiveEntry>,
  intake: Intake,
  signal: AbortSignal,
): Promise<TakenEntries> {
  const files = new Map<string, TakenFile>()
  const notes = new Map<string, Buffer>()
  const links = new Map<string, string>()

  async function take(entry: ArchiveEntry): Promise<void> {
    const path = readPath(entry.name)
    if (entry.kind === 'directory') return
    if (files.has(path) || notes.has(path) || links.has(path)) {
      throw new ArchiveRefusal('duplicate', `${quote(path)} is there twice`)
    }
    if (entry.kind !== 'file') links.set(path, targetOf(entry, path))
    else if (noteNames.has(path)) await takeNote(entry, path)
    else if (!isLegacy(path)) files.set(path, await takeFile(entry, path, intake, signal))
  }

  async function takeNote(entry: ArchiveEntry, path: string): Promise<void> {
    const note = await readNote(entry, path)
    notes.set(path, note)
    intake.onNote(path, note)
  }

  let count = 0
  for await (const entry of entries) {
    signal.throwIfAborted()
    count += 1
    if (count > maxEntries) throw new ArchiveRefusal('too-large', `more than ${maxEntries} entries`)
    await take(entry)
  }
  return { files, notes, links }
}

function targetOf({ kind, target = '' }: ArchiveEntry, path: string): string {
  return kind === 'symlink' ? readLink(path, target) : readHardLink(path, target)
}

async function readNote({ content, size }: ArchiveEntry, path: string): Promise<Buffer> {
  if (size > maxManifestBytes) {
    throw new ArchiveRefusal(
      'too-large',
      `${path} has ${size} bytes, more than ${maxManifestBytes}`,
    )
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function takeFile(
  entry: ArchiveEntry,
  path: string,
  { store, held, added }: Intake,
  signal: AbortSignal,
): Promise<TakenFile> {
  const named = digestIn(path)
  if (named !== undefined) held.add(named)
  const known = named && (await stat(store, named))
  if (known !== undefined) return { ...known, head: await headOf(entry.content) }
  const intake = await store.takeIn(named === undefined ? 'sha256' : algorithmOf(path))
  let isEnded = false
  try {
    let head: Uint8Array = new Uint8Array()
    for await (const chunk of entry.content) {
      signal.throwIfAborted()
      head = extendHead(head, chunk)
      await intake.write(chunk)
    }
    isEnded = true
    const { isNew, ...info } = await commit(() => intake.commit(named), path)
    held.add(info.digest)
    if (isNew) added.add(info.digest)
    return { ...info, head }
  } finally {
    if (!isEnded) await intake.discard()
  }
}

/** What is here and sound: the bytes that the archive has in place of a damaged one are not to be passed over. */
async function stat(store: Intake['store'], digest: Digest): Promise<BlobInfo | undefined> {
  const info = store.stat(digest)
  if (info === undefined) return undefined
  const reader = await store.open(digest)
  await reader?.close()
  return reader && info
}

async function commit(committing: () => Promise<TakenBlob>, path: string): Promise<TakenBlob> {
  try {
    return await committing()
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'wrong-digest') throw error
    throw new ArchiveRefusal('digest', `the bytes of ${quote(path)} are not what its name says`)
  }
}

async function headOf(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array()
  for await (const chunk of content) head = extendHead(head, chunk)
  return head
}

/** The first bytes, once more of what follows them is known. */
const extendHead = (head: Uint8Array, chunk: Uint8Array): Uint8Array =>
  head.length < headBytes ? Buffer.concat([head, chunk]).subarray(0, headBytes) : head

const algorithmOf = (path: string): DigestAlgorithm =>
  path.startsWith('blobs/sha512/') ? 'sha512' : 'sha256'

/** The digest that the path of a blob names; `undefined` for a file elsewhere. Throws for what lies among blobs and is none. */
function digestIn(path: string): Digest | undefined {
  const [, algorithm, hex] = /^blobs\/([^/]*)\/(.*)$/.exec(path) ?? []
  if (algorithm === undefined) return undefined
  const digest = parseDigest(`${algorithm}:${hex}`)
  if (digest === undefined) {
    throw new ArchiveRefusal(
      'path',
      `${quote(path)} is the place of a blob, and no sha256 or sha512`,
    )
  }
  return digest
}
