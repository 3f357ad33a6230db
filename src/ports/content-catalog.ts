import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import type { Repository } from '../oci/reference.ts'

/** What is remembered of a manifest beside its bytes, which lie in the content store. */
export interface ManifestEntry {
  readonly digest: Digest
  /** The type it was served with upstream, which is the type we serve it with. */
  readonly mediaType: string
  /**
   * What its bytes say, kept (as JSON) so that a start does not read every manifest again. Absent where it was not kept: then it is
   * read from the bytes.
   */
  readonly content?: Manifest | undefined
}

/** What is remembered of the config of an image. */
export interface ConfigEntry {
  readonly digest: Digest
  /** That it names; absent where it names none. */
  readonly platform: Platform | undefined
}

/** What the catalog holds at start. */
export interface CatalogContents {
  readonly manifests: readonly ManifestEntry[]
  /** Configs that were read. */
  readonly configs: readonly ConfigEntry[]
  /** Where each digest was seen. */
  readonly sightings: readonly { readonly digest: Digest; readonly repository: Repository }[]
  /** Last use in ms since the epoch. */
  readonly uses: readonly { readonly digest: Digest; readonly atMs: number }[]
}

/**
 * Local facts about content that the bytes do not tell: type, where seen, last used. Never replicated. Writes are batched and
 * may be lost by a power cut without harm: what is missing is learned again from the bytes.
 */
export interface ContentCatalog {
  load(): CatalogContents
  addManifest(entry: ManifestEntry): void
  addConfig(entry: ConfigEntry): void
  addSighting(digest: Digest, repository: Repository): void
  touch(digests: readonly Digest[], atMs: number): void
  /** The content was dropped. */
  forget(digests: readonly Digest[]): void
}
