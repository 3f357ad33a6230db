import type { SignedRecord } from '../ledger/record.ts'
import type { Digest } from '../oci/digest.ts'
import { formatTag, quote, type Repository } from '../oci/reference.ts'
import { ArchiveRefusal, type OpenArchive } from '../ports/archive.ts'
import type { ContentIntake } from '../ports/content-intake.ts'
import type { ContentStore } from '../ports/content-store.ts'
import { createOneByOne } from '../ports/one-by-one.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import { applyOwn } from './apply-own.ts'
import { bundleNotePath, decodeNote, requireEarlier } from './bundle-note.ts'
import { decodeRecords, recordsPath } from './bundle-records.ts'
import { type CheckedImage, checkImage } from './check-image.ts'
import { convertDocker } from './convert-docker.ts'
import type { HandOver } from './hand-over.ts'
import { type Root, readLayout } from './read-layout.ts'
import { takeEntries } from './take-entries.ts'

/** An image that was imported. */
export interface ImportedImage {
  /** `registry/repository:tag`; absent where it has no tag. */
  readonly reference: string | undefined
  readonly digest: Digest
  /** Platforms of which everything is here. */
  readonly platforms: readonly string[]
  /** Whether this node's clients can run it. */
  readonly isComplete: boolean
}

/** What an import brought. */
export interface ImportReport {
  readonly images: readonly ImportedImage[]
  /** Of blobs that were not here before. */
  readonly addedBytes: number
  /** What whoever brought it should know, though it was imported. */
  readonly warnings: readonly string[]
}

/** What is known of one import beside its bytes. */
export interface ImportOptions {
  /** The repository of images that have a tag alone. */
  readonly within?: Repository | undefined
  readonly signal: AbortSignal
}

/**
 * Imports an archive in one pass: all of it is verified and in the store before the first tag is written. Throws `ArchiveRefusal` for what
 * is wrong with it, `HoldfastError` when this node cannot take it; then nothing of it is here that was not before.
 */
export type ImportArchive = (
  bytes: AsyncIterable<Uint8Array>,
  options: ImportOptions,
) => Promise<ImportReport>

export interface ImportParts {
  readonly openArchive: OpenArchive
  readonly store: Pick<ContentStore, 'stat' | 'open' | 'get' | 'put' | 'delete'> & ContentIntake
  /** What is in it is not collected. */
  readonly held: Set<Digest>
  readonly ledger: Pick<TagLedger, 'live' | 'observeLocal'>
  /** Takes records that nodes signed into the ledger and says what became of each. */
  readonly applyRecords: RecordStore['apply']
  /** Takes up what a manifest that is held refers to. */
  readonly learn: (digest: Digest, mediaType: string, bytes: Uint8Array) => unknown
  /** Takes up what the config of an image says. */
  readonly learnConfig: (digest: Digest, bytes: Uint8Array) => void
  readonly addSighting: (digest: Digest, repository: Repository) => void
  /** Somebody else relies on content that came with an archive meanwhile. */
  readonly isWanted: (digest: Digest) => boolean
  readonly isComplete: (digest: Digest) => boolean
  /** Whether clients are answered about this registry. */
  readonly isServed: (registry: string) => boolean
  /** Puts what was imported where this node's clients find it without asking; returns what whoever brought it should know. Never rejects. */
  readonly handOver?: HandOver['give'] | undefined
}

/**
 * Imports archives one after another: two at once would ask for the room of both. Who has no byte yet, as while `docker save` gets ready, holds
 * up nobody.
 */
export function createImportArchive(parts: ImportParts): ImportArchive {
  const inTurn = createOneByOne()
  return async (bytes, options) => {
    const begun = await begin(bytes)
    return inTurn(() => importOne(parts, begun, options))
  }
}

/** Settles when the first bytes are there; gives them again. */
async function begin(bytes: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = bytes[Symbol.asyncIterator]()
  const first = [await iterator.next()]
  const rest: AsyncIterator<Uint8Array> = {
    next: async () => first.pop() ?? iterator.next(),
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  }
  return { [Symbol.asyncIterator]: () => rest }
}

async function importOne(
  parts: ImportParts,
  bytes: AsyncIterable<Uint8Array>,
  { within, signal }: ImportOptions,
): Promise<ImportReport> {
  const { store, held } = parts
  const added = new Set<Digest>()
  /** What stays when this ends. */
  let kept: ReadonlySet<Digest> = new Set()
  const onNote = (path: string, note: Buffer): void => {
    if (path === bundleNotePath) holdEarlier(parts, note)
  }
  try {
    const intake = { store, held, added, onNote }
    const taken = await takeEntries(parts.openArchive(bytes), intake, signal)
    const roots =
      readLayout(taken, within) ??
      (await fromDocker(parts, await convertDocker(taken, store), added))
    const images = await checkAll(roots, store)
    const note = taken.notes.get(recordsPath)
    const records = note && decodeRecords(note)
    signal.throwIfAborted()
    kept = new Set([...images.values()].flatMap(({ tree }) => [...tree]))
    publish(parts, roots, images)
    const warnings = [
      ...(await writeTags(parts, roots, records)),
      ...((await parts.handOver?.(roots, signal)) ?? []),
    ]
    return report(parts, roots, images, { addedBytes: sum(store, added, kept), warnings })
  } finally {
    await drop(
      parts,
      [...added].filter(digest => !kept.has(digest)),
    )
    held.clear()
  }
}

/** Refuses a bundle that goes with one that is not here, before the rest of it is read; what it needs is not collected meanwhile. */
function holdEarlier({ store, held }: ImportParts, bytes: Buffer): void {
  const note = decodeNote(bytes)
  if (note === undefined) return
  requireEarlier(note, digest => store.stat(digest) !== undefined)
  for (const digest of note.needs) held.add(digest)
}

/** Drops what nobody relies on. What is dropped relied on its parts: so long as anything was dropped, the rest is looked at again. */
async function drop({ store, isWanted }: ImportParts, digests: readonly Digest[]): Promise<void> {
  let left = digests
  for (let before = left.length + 1; left.length < before; ) {
    before = left.length
    const wanted: Digest[] = []
    for (const digest of left) {
      if (isWanted(digest)) wanted.push(digest)
      else await store.delete(digest)
    }
    left = wanted
  }
}

async function fromDocker(
  { store, held }: ImportParts,
  converted: Awaited<ReturnType<typeof convertDocker>>,
  added: Set<Digest>,
): Promise<readonly Root[]> {
  if (converted === undefined) {
    const what = 'neither an OCI image layout (oci-layout, index.json) nor what docker save writes'
    throw new ArchiveRefusal('no-image', `${what} (manifest.json)`)
  }
  for (const [digest, bytes] of converted.manifests) {
    held.add(digest)
    if (store.stat(digest) === undefined) added.add(digest)
    await store.put(digest, bytes)
  }
  return converted.roots
}

async function checkAll(
  roots: readonly Root[],
  store: Pick<ContentStore, 'stat' | 'get'>,
): Promise<ReadonlyMap<Digest, CheckedImage>> {
  if (roots.length === 0) throw new ArchiveRefusal('no-image', 'the archive lists no image')
  if (roots.every(({ name }) => name === undefined)) {
    const cure = 'import it with --name REPOSITORY, or save it again under its full name'
    throw new ArchiveRefusal('no-name', `no image in it says of which repository it is: ${cure}`)
  }
  refuseAmbiguity(roots)
  const images = new Map<Digest, CheckedImage>()
  for (const root of roots) {
    if (!images.has(root.digest)) images.set(root.digest, await checkImage(root, store))
  }
  return images
}

/** One name for two images: which of them is meant would depend on who reads it. */
function refuseAmbiguity(roots: readonly Root[]): void {
  const named = new Map<string, Digest>()
  for (const { digest, name } of roots) {
    if (name?.tag === undefined) continue
    const reference = formatTag(name.tag)
    if ((named.get(reference) ?? digest) !== digest) {
      throw new ArchiveRefusal('duplicate', `${quote(reference)} stands for two images in it`)
    }
    named.set(reference, digest)
  }
}

function publish(
  { learn, learnConfig, addSighting }: ImportParts,
  roots: readonly Root[],
  images: ReadonlyMap<Digest, CheckedImage>,
): void {
  for (const { manifests, configs } of images.values()) {
    for (const { digest, mediaType, bytes } of manifests) learn(digest, mediaType, bytes)
    for (const { digest, bytes } of configs) learnConfig(digest, bytes)
  }
  for (const { digest, name } of roots) {
    if (name !== undefined) addSighting(digest, name.repository)
  }
}

/**
 * Tags that come with a node's word are known as they were to that node; of those of a bundle that come without, only what nothing is known
 * of: how old its word is nobody can tell. Any other archive is news of now. Returns what whoever brought it should know.
 */
async function writeTags(
  { ledger, applyRecords }: ImportParts,
  roots: readonly Root[],
  records: readonly SignedRecord[] | undefined,
): Promise<readonly string[]> {
  const { told, warnings } = await applyOwn(applyRecords, roots, records ?? [])
  for (const { digest, mediaType, size, name } of roots) {
    const key = name?.tag
    if (key === undefined || told.has(formatTag(key))) continue
    if (records !== undefined && ledger.live(key) !== undefined) continue
    await ledger.observeLocal(key, { digest, mediaType, size }, 'import')
  }
  return warnings
}

function sum(
  store: Pick<ContentStore, 'stat'>,
  added: ReadonlySet<Digest>,
  kept: ReadonlySet<Digest>,
): number {
  const sizes = [...added].filter(digest => kept.has(digest)).map(d => store.stat(d)?.size ?? 0)
  return sizes.reduce((total, size) => total + size, 0)
}

function report(
  { isComplete, isServed }: ImportParts,
  roots: readonly Root[],
  images: ReadonlyMap<Digest, CheckedImage>,
  { addedBytes, warnings }: Pick<ImportReport, 'addedBytes' | 'warnings'>,
): ImportReport {
  const imported = roots.map(({ digest, name }) => ({
    reference: name?.tag && formatTag(name.tag),
    digest,
    platforms: images.get(digest)?.platforms ?? [],
    isComplete: isComplete(digest),
  }))
  const strange = new Set(roots.flatMap(({ name }) => name?.repository.registry ?? []))
  const all = [
    ...warnings,
    ...imported
      .filter(image => !image.isComplete && image.reference !== undefined)
      .map(({ reference }) => `${reference} is not for this node's platform, or not all of it is`),
    ...imported
      .filter(image => image.reference === undefined)
      .map(({ digest }) => `${digest} has no tag: it can be asked for by its digest alone`),
    ...[...strange]
      .filter(registry => !isServed(registry))
      .map(registry => `${registry} is not among the upstreams: clients are not answered about it`),
  ]
  return { images: imported, addedBytes, warnings: all }
}
