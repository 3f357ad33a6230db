import type { Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/manifest.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobReader } from '../ports/content-store.ts'
import type { Absent } from '../pull/absent.ts'

export interface OpenedBlob extends BlobReader {
  readonly source: 'store' | 'upstream' | 'flight'
}

export type OpenBlob = (
  repository: Repository,
  digest: Digest,
  /** `end` is the position of the last byte wanted. */
  options: { readonly start?: number; readonly end?: number; readonly signal: AbortSignal },
) => Promise<OpenedBlob | Absent>

export type ListTags = (
  repository: Repository,
  signal: AbortSignal,
) => Promise<{ readonly tags: readonly string[]; readonly source: 'upstream' | 'ledger' } | Absent>

export type ListReferrers = (
  repository: Repository,
  digest: Digest,
  signal: AbortSignal,
) => Promise<
  { readonly descriptors: readonly Descriptor[]; readonly source: 'upstream' | 'store' } | Absent
>
