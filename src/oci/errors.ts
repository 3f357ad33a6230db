/**
 * Error codes of the distribution spec, and three that Docker's registry added and clients know: `TAG_INVALID`, `RANGE_INVALID`,
 * `PAGINATION_NUMBER_INVALID`.
 * Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 */
export type OciErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'TAG_INVALID'
  | 'RANGE_INVALID'
  | 'PAGINATION_NUMBER_INVALID'

/** Something that breaks the specs' rules, or a question whose answer is one of the specs' errors. */
export class OciError extends Error {
  override readonly name = 'OciError'
  readonly code: OciErrorCode
  /** What the client gets to see beside the message; anything JSON can say. */
  readonly detail: unknown

  /** @param message names the value at fault */
  constructor(
    code: OciErrorCode,
    message: string,
    options: { readonly detail?: unknown; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.detail = options.detail
  }
}

/** The error body that the distribution spec asks for, with one error in it. `detail` is anything JSON can say. */
export function errorBody(code: OciErrorCode, message: string, detail?: unknown): string {
  return JSON.stringify({ errors: [{ code, message, detail }] })
}

/** One error out of a registry's error body. The code is whatever the registry wrote, not only one of ours. */
export interface ReportedError {
  readonly code: string
  readonly message: string
}

/** Characters of a body beyond which it is no error body. */
const maxErrorBodyLength = 64 * 1024

const codeGrammar = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

/**
 * Reads a registry's error body, or says with `undefined` that this text is none: then nobody who speaks the distribution spec wrote
 * it (a proxy, a login page). `message` and `detail` may be missing, further fields are ignored; the code is what makes it one.
 */
export function parseErrorBody(text: string): readonly ReportedError[] | undefined {
  if (text.length > maxErrorBodyLength) return undefined
  const body = parseObject(text)
  if (body === undefined || !('errors' in body) || !Array.isArray(body.errors)) return undefined
  const errors = body.errors.map(readError).filter(error => error !== undefined)
  return errors.length > 0 ? errors : undefined
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function readError(entry: unknown): ReportedError | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { code, message, detail } = entry as { code?: unknown; message?: unknown; detail?: unknown }
  if (typeof code !== 'string' || !codeGrammar.test(code)) return undefined
  const words = [message, detail].find(text => typeof text === 'string' && text !== '')
  return { code, message: typeof words === 'string' ? words : '' }
}
