import type { OciErrorCode } from '../oci/errors.ts'
import type { FailureClass, HoldfastErrorCode } from '../ports/errors.ts'

/**
 * The one place that knows HTTP statuses of errors. Chosen for what containerd makes of them: 400, 403, 404 and 5xx send it to
 * the next host at once; 401 makes it hand over the pod's registry credentials, 429 and 408 make it ask six times in a row, and 304
 * ends the pull. So none of these four is in any table.
 */
export const ociStatus = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  // Nobody sends us manifests: it is what an upstream holds under the name that cannot be served.
  MANIFEST_INVALID: 404,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 404,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 503,
  TAG_INVALID: 400,
  RANGE_INVALID: 416,
  PAGINATION_NUMBER_INVALID: 400,
} as const satisfies Record<OciErrorCode, number>

/** A code on the wire: one of the spec's, or `UNKNOWN`, which Docker's registry uses for faults of its own. */
export type WireErrorCode = OciErrorCode | 'UNKNOWN'

/** Status and code of an error in a journey. */
export interface ErrorAnswer {
  readonly status: number
  readonly code: WireErrorCode
}

/** An upstream that could not be asked, where nothing held could stand in for its answer. */
export const failureAnswer = {
  unreachable: { status: 503, code: 'UNKNOWN' },
  'rate-limited': { status: 503, code: 'TOOMANYREQUESTS' },
  denied: { status: 404, code: 'DENIED' },
  'not-found': { status: 404, code: 'NAME_UNKNOWN' },
  clock: { status: 503, code: 'UNKNOWN' },
} as const satisfies Record<FailureClass, ErrorAnswer>

const ourFault = { status: 503, code: 'UNKNOWN' } as const

/** Faults of our own house, met before the first byte was sent: 503, so that the next host is asked at once. */
export const holdfastAnswer = {
  'config-invalid': ourFault,
  'directory-in-use': ourFault,
  'store-full': ourFault,
  'not-kept': ourFault,
  'store-unusable': ourFault,
  'wrong-digest': ourFault,
  'ledger-unusable': ourFault,
  'ledger-newer': ourFault,
  'blob-interrupted': ourFault,
  'blob-in-doubt': ourFault,
} as const satisfies Record<HoldfastErrorCode, ErrorAnswer>
