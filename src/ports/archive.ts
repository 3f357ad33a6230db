/** Why an archive is refused; a closed set, fit for a metric label and for scripts. */
export type RefusalCode =
  | 'not-an-archive' // neither tar nor a compression that is known
  | 'compression' // the compressed stream is broken, cut short, or wants more memory than it may have
  | 'bomb' // unpacks to far more than anything real does
  | 'tar' // the tar is broken or cut short
  | 'entry' // an entry that no image archive has: a device, a sparse file
  | 'path' // a name that leads out of the archive, or is none
  | 'link' // a link that leads out, in circles or nowhere
  | 'duplicate' // one name twice
  | 'too-large' // more entries, or a larger one, than is read
  | 'no-image' // it holds no image
  | 'no-name' // its images have no full name, so there is nothing to ask for them by
  | 'name' // a name that is no reference
  | 'manifest' // an index, manifest or config that breaks the specs' rules
  | 'digest' // bytes that are not what their name or manifest says
  | 'missing' // a part that is neither in the archive nor held here
  | 'no-base' // a bundle that goes with an earlier one, of which something is not here

/** An archive that is not imported, through no fault of ours: nothing of it is. `message` is for the person who brought it. */
export class ArchiveRefusal extends Error {
  override readonly name = 'ArchiveRefusal'
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** One entry of an archive, as it stands there: nothing about its name is checked. */
export interface ArchiveEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink'
  /** Where a link leads. */
  readonly target: string | undefined
  /** Bytes, as its header claims. */
  readonly size: number
  /** Read to the end, or not at all, before the next entry. Rejects with {@link ArchiveRefusal}. */
  readonly content: AsyncIterable<Uint8Array>
}

/**
 * Reads the entries of an archive, compressed or not, in one pass and in bounded memory. Throws {@link ArchiveRefusal} for what is broken
 * or of a kind that image archives do not have; what `bytes` throws passes through.
 */
export type OpenArchive = (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<ArchiveEntry>

/** A file on its way into an archive. */
export interface PackedFile {
  readonly name: string
  /** Bytes; `content` has just as many. */
  readonly size: number
  readonly content: AsyncIterable<Uint8Array>
}

/** Packs files into an archive as they come, in bounded memory; equal files give equal bytes. What `files` throws passes through. */
export type PackArchive = (files: AsyncIterable<PackedFile>) => AsyncIterable<Uint8Array>
