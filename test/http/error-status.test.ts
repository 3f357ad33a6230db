import t from 'tap'
import {
  type ErrorAnswer,
  failureAnswer,
  holdfastAnswer,
  ociStatus,
} from '../../src/http/error-status.ts'
import { answerTo } from '../../src/http/send-answer.ts'
import { OciError, type OciErrorCode } from '../../src/oci/errors.ts'
import {
  type FailureClass,
  HoldfastError,
  type HoldfastErrorCode,
  UpstreamFailure,
} from '../../src/ports/errors.ts'

/** Written a second time on purpose: a changed status is a changed contract with containerd. */
const codes = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
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
} satisfies Record<OciErrorCode, number>

const failures = {
  unreachable: 503,
  'rate-limited': 503,
  denied: 404,
  'not-found': 404,
  clock: 503,
} satisfies Record<FailureClass, number>

const faults = {
  'config-invalid': 503,
  'directory-in-use': 503,
  'store-full': 503,
  'not-kept': 503,
  'store-unusable': 503,
  'wrong-digest': 503,
  'ledger-unusable': 503,
  'ledger-newer': 503,
  'blob-interrupted': 503,
  'blob-in-doubt': 503,
} satisfies Record<HoldfastErrorCode, number>

const statuses = (table: Record<string, ErrorAnswer>): Record<string, number> =>
  Object.fromEntries(Object.entries(table).map(([code, { status }]) => [code, status]))

t.test('every code has its one status', async t => {
  t.same(ociStatus, codes)
  t.same(statuses(failureAnswer), failures)
  t.same(statuses(holdfastAnswer), faults)
})

t.test('no error becomes what hurts containerd', async t => {
  const used = [ociStatus, statuses(failureAnswer), statuses(holdfastAnswer)].flatMap(table =>
    Object.values<number>(table),
  )
  for (const status of [301, 302, 304, 307, 401, 408, 429]) t.notOk(used.includes(status))
})

t.test('errors are answered by the tables, others are our fault', async t => {
  t.match(answerTo(new OciError('TAG_INVALID', 'x')), { status: 400, isExpected: true })
  t.match(answerTo(new UpstreamFailure('denied', 'denied', 'x')), { status: 404, isExpected: true })
  t.match(answerTo(new HoldfastError('store-full', 'x')), { status: 503, isExpected: false })
  t.match(answerTo(new HoldfastError('blob-in-doubt', 'x')), { status: 503, isExpected: true })
  t.match(answerTo(new TypeError('x')), { status: 503, code: 'UNKNOWN', isExpected: false })
  t.match(answerTo('thrown text'), { status: 503, code: 'UNKNOWN', isExpected: false })
})
