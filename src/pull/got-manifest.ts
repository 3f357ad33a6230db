import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { Absent } from './absent.ts'

/** A manifest as it came, with the type it is served with. */
export interface GotManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Buffer
  readonly source: 'store' | 'upstream' | 'peer'
}

/** Gets a manifest by digest. Settles within the deadline; rejects only when `signal` (the client's) aborts. */
export type GetManifest = (
  repository: Repository,
  digest: Digest,
  signal: AbortSignal,
) => Promise<GotManifest | Absent>
