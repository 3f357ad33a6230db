import { type Digest, digestOf, parseDigest } from '../oci/digest.ts'
import { type JsonObject, parseJson } from '../oci/json.ts'
import { asObject, field, invalid, optionalString, stringList } from '../oci/json-field.ts'
import { quote } from '../oci/reference.ts'
import { ArchiveRefusal } from '../ports/archive.ts'
import { refusing } from './refusing.ts'

/** Where a bundle says what it holds and what it goes with, beside the image layout. */
export const bundleNotePath = 'holdfast/bundle.json'

/** A bundle that another one goes with. */
export interface EarlierBundle {
  /** Digest of its note. */
  readonly id: Digest
  /** What its file was called when the other one was made; for people. */
  readonly name: string
  /** What it holds. */
  readonly blobs: readonly Digest[]
}

/** What a bundle says of itself. */
export interface BundleNote {
  /** What it holds. */
  readonly blobs: readonly Digest[]
  /** What its images need and earlier bundles hold. */
  readonly needs: readonly Digest[]
  /** The bundles it goes with, the first before the last; none when it stands alone. */
  readonly earlier: readonly EarlierBundle[]
}

const formatVersion = 1
const noNames: ReadonlySet<string> = new Set()

/** Equal notes give equal bytes. */
export function encodeNote({ blobs, needs, earlier }: BundleNote): Buffer {
  return Buffer.from(JSON.stringify({ formatVersion, blobs, needs, earlier }))
}

/**
 * Reads what {@link encodeNote} wrote; `undefined` for what a later format says. Throws `ArchiveRefusal` `manifest` for what is broken.
 */
export function decodeNote(bytes: Uint8Array): BundleNote | undefined {
  return refusing(bundleNotePath, () => {
    const note = asObject(parseJson(bytes), '', noNames)
    const version = field(note, 'formatVersion')
    if (typeof version === 'number' && version > formatVersion) return undefined
    if (version !== formatVersion) throw invalid('', 'no format that is known')
    const earlier = field(note, 'earlier') ?? []
    if (!Array.isArray(earlier)) throw invalid('', 'earlier must be a list')
    return {
      blobs: digests(note, 'blobs', ''),
      needs: digests(note, 'needs', ''),
      earlier: earlier.map(readEarlier),
    }
  })
}

function readEarlier(value: unknown, index: number): EarlierBundle {
  const at = `earlier[${index}]`
  const object = asObject(value, at, noNames)
  const id = parseDigest(optionalString(object, 'id', at) ?? '')
  if (id === undefined) throw invalid(at, 'id is no digest')
  return { id, name: optionalString(object, 'name', at) ?? '', blobs: digests(object, 'blobs', at) }
}

function digests(object: JsonObject, key: string, at: string): readonly Digest[] {
  return (stringList(object, key, at) ?? []).map(text => {
    const digest = parseDigest(text)
    if (digest === undefined) throw invalid(at, `${key} holds ${quote(text)}, no digest`)
    return digest
  })
}

/**
 * The bundles that one goes with which is made after this one. Throws `ArchiveRefusal` `manifest` for a note that is broken or of a later
 * format.
 */
export function bundlesUpTo(bytes: Uint8Array, name: string): readonly EarlierBundle[] {
  const note = decodeNote(bytes)
  if (note === undefined) {
    throw new ArchiveRefusal('manifest', `${name} was made by a later version of Holdfast`)
  }
  return [...note.earlier, { id: digestOf(bytes), name, blobs: note.blobs }]
}

/** Throws `ArchiveRefusal` `no-base` when something that earlier bundles hold is not here, with their names. */
export function requireEarlier(note: BundleNote, isHeld: (digest: Digest) => boolean): void {
  const lacking = new Set(note.needs.filter(digest => !isHeld(digest)))
  const [first] = lacking
  if (first === undefined) return
  const holders = note.earlier.filter(({ blobs }) => blobs.some(digest => lacking.has(digest)))
  const names = holders.map(({ name, id }) => `${quote(name)} (${id})`)
  const what = lacking.size === 1 ? `${first} is` : `${first} and ${lacking.size - 1} more are`
  const cure = names.length === 0 ? 'an earlier one' : names.join(', then ')
  throw new ArchiveRefusal(
    'no-base',
    `it goes with another bundle: ${what} not here; import ${cure} first`,
  )
}
