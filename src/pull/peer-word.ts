import { decodeCbor, encodeCbor, isCount } from '../ledger/cbor.ts'
import { maxRecordBytes } from '../ledger/encode-record.ts'
import type { SignedRecord } from '../ledger/record.ts'
import { formatTag, parseReference, type TagReference } from '../oci/reference.ts'
import type { FailureClass } from '../ports/errors.ts'

/** Subject on the peer port: ask your registry for a tag. */
export const resolveSubject = 'resolve'
/** Largest answer, bytes. */
export const maxWordBytes = maxRecordBytes + 1024

/** What another node's registry said about a tag. */
export type PeerWord =
  | {
      readonly kind: 'observation'
      /** Signed by who saw it; that need not be who answers. */
      readonly signed: SignedRecord
      /** How long ago the registry confirmed it, ms. */
      readonly ageMs: number
    }
  | { readonly kind: 'failed'; readonly failure: FailureClass; readonly reason: string }

const classes = ['unreachable', 'rate-limited', 'denied', 'not-found', 'clock'] as const
const maxReasonLength = 300

/** A question for a tag. @param deadlineMs how long the asker waits */
export function encodeTagQuestion(key: TagReference, deadlineMs: number): Uint8Array {
  return encodeCbor([1, formatTag(key), Math.max(0, Math.round(deadlineMs))])
}

/** `undefined` when it is none. Never throws. */
export function decodeTagQuestion(
  bytes: Uint8Array,
): { readonly key: TagReference; readonly deadlineMs: number } | undefined {
  const [version, name, deadlineMs] = read(bytes)
  if (version !== 1 || typeof name !== 'string' || !isCount(deadlineMs)) return undefined
  const key = parseKey(name)
  return key && { key, deadlineMs }
}

function parseKey(name: string): TagReference | undefined {
  try {
    const { registry, repository, tag, digest } = parseReference(name)
    if (tag === undefined || digest !== undefined) return undefined
    const key = { registry, repository, tag }
    return formatTag(key) === name ? key : undefined
  } catch {
    return undefined
  }
}

/** A node's answer. */
export function encodeWord(word: PeerWord): Uint8Array {
  if (word.kind === 'failed') {
    return encodeCbor([2, classes.indexOf(word.failure), word.reason.slice(0, maxReasonLength)])
  }
  return encodeCbor([
    1,
    word.signed.body,
    word.signed.signature,
    Math.max(0, Math.round(word.ageMs)),
  ])
}

/** `undefined` when it is none. Never throws; the record in it is not looked at. */
export function decodeWord(bytes: Uint8Array): PeerWord | undefined {
  if (bytes.length > maxWordBytes) return undefined
  const [kind, first, second, third] = read(bytes)
  if (kind === 2) {
    const failure = isCount(first) ? classes[first] : undefined
    if (failure === undefined || typeof second !== 'string') return undefined
    return { kind: 'failed', failure, reason: second.slice(0, maxReasonLength) }
  }
  if (kind !== 1 || !(first instanceof Uint8Array) || !(second instanceof Uint8Array)) {
    return undefined
  }
  if (first.length > maxRecordBytes || second.length !== 64 || !isCount(third)) return undefined
  return { kind: 'observation', signed: { body: first, signature: second }, ageMs: third }
}

function read(bytes: Uint8Array): readonly unknown[] {
  const value = decodeCbor(bytes)
  return Array.isArray(value) && value.length <= 8 ? value : []
}
