/** One range out of a `Range` header, before the size it refers to is known. Positions in bytes, `last` inclusive. */
export type RequestedRange =
  | { readonly kind: 'from'; readonly first: number; readonly last: number | undefined }
  | { readonly kind: 'suffix'; readonly length: number }

/** A part of a blob: from `start` up to, not including, `end`. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

const grammar = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/i

/**
 * Reads a `Range` header. `undefined` means: answer as if there were none, which RFC 9110 asks for malformed ranges and other units
 * and allows for several ranges. Source: https://www.rfc-editor.org/rfc/rfc9110#name-range
 */
export function parseRange(header: string | undefined): RequestedRange | undefined {
  const parts = header === undefined ? null : grammar.exec(header.trim())
  if (parts === null) return undefined
  const [, first, last, suffix] = parts
  if (suffix !== undefined) return { kind: 'suffix', length: toPosition(suffix) }
  if (first === undefined) return undefined
  const range = {
    kind: 'from',
    first: toPosition(first),
    last: last === undefined || last === '' ? undefined : toPosition(last),
  } as const
  return range.last !== undefined && range.last < range.first ? undefined : range
}

/** Digits beyond what a number holds exactly mean "farther than any blob". */
const toPosition = (digits: string): number => Math.min(Number(digits), Number.MAX_SAFE_INTEGER)

/** What a range means for a blob of `size` bytes; `unsatisfiable` calls for a 416. */
export function spanOf(range: RequestedRange, size: number): ByteSpan | 'unsatisfiable' {
  const start = range.kind === 'suffix' ? Math.max(0, size - range.length) : range.first
  const last = range.kind === 'suffix' ? size - 1 : (range.last ?? size - 1)
  if (start >= size || (range.kind === 'suffix' && range.length === 0)) return 'unsatisfiable'
  return { start, end: Math.min(last, size - 1) + 1 }
}
