import { parseDigest } from '../oci/digest.ts'
import { formatTag, parseReference } from '../oci/reference.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import {
  type LedgerRecord,
  maxValueBytes,
  type ObservationSource,
  type RecordDetails,
  type RecordKind,
  type RecordTarget,
  type SignedRecord,
} from './record.ts'
import type { Stamp } from './stamp.ts'

/** Of a record's signed bytes, whatever its kind. */
export const maxRecordBytes = maxValueBytes + 8 * 1024

/** Of those of a kind that carries no value. */
const maxPlainBytes = 8 * 1024

const kindsWithValue: ReadonlySet<RecordKind> = new Set(['warm', 'setting', 'share', 'running'])

const maxBytesOf = (kind: RecordKind): number =>
  kindsWithValue.has(kind) ? maxRecordBytes : maxPlainBytes

/** The first element of every body. A higher one is not understood. */
const version = 1

/** Kinds on the wire and in rows; they never change. A text would cost bytes in every record. */
export const kindNumbers = {
  observation: 1,
  pin: 2,
  ban: 3,
  use: 4,
  keep: 5,
  warm: 6,
  setting: 7,
  block: 8,
  forget: 9,
  share: 10,
  running: 11,
} as const satisfies Record<RecordKind, number>

/** Sources on the wire and in rows; they never change. */
export const sourceNumbers = {
  upstream: 1,
  push: 2,
  import: 3,
  containerd: 4,
} as const satisfies Record<ObservationSource, number>

/** Numbers back to kinds. */
export const kinds = inverse(kindNumbers)
/** Numbers back to sources. */
export const sources = inverse(sourceNumbers)

/** Why bytes are no record of ours. */
export type RecordFault = 'too-large' | 'malformed' | 'version' | 'cluster'

/**
 * The bytes a node signs: an array in deterministic CBOR (RFC 8949, 4.2.1): version, cluster, kind, key, digest, media type, size,
 * wall, counter, source, origin, removed, details. Details are a map with text keys, open for what later versions add. Throws
 * `RangeError` when it is too large.
 */
export function encodeRecord(record: LedgerRecord, clusterId: string): Uint8Array {
  const { target, stamp, source } = record
  const body = encodeCbor([
    version,
    clusterId,
    kindNumbers[record.kind],
    record.key,
    target?.digest ?? null,
    target?.mediaType ?? null,
    target?.size ?? null,
    stamp.wallMs,
    stamp.counter,
    source === undefined ? null : sourceNumbers[source],
    Buffer.from(record.origin, 'hex'),
    record.removed,
    encodeDetails(record.details),
  ])
  const maxBytes = maxBytesOf(record.kind)
  if (body.length > maxBytes) {
    throw new RangeError(`a record of ${body.length} bytes for ${record.key}, over ${maxBytes}`)
  }
  return body
}

function encodeDetails({
  note,
  author,
  expiresAtMs,
  over,
  value,
}: RecordDetails): Map<string, unknown> {
  const details = new Map<string, unknown>()
  if (note !== undefined) details.set('note', note)
  if (author !== undefined) details.set('author', author)
  if (expiresAtMs !== undefined) details.set('expires', expiresAtMs)
  if (over !== undefined) details.set('over', [over.wallMs, over.counter])
  if (value !== undefined) details.set('value', value)
  return details
}

/**
 * Reads signed bytes, strictly: what is not deterministically encoded or has a field out of its range is `malformed`, so that no
 * record can surprise a later reader. Elements and details that are not known are left where they are: in the bytes. The signature is
 * not looked at. Never throws.
 */
export function decodeRecord(signed: SignedRecord, clusterId: string): LedgerRecord | RecordFault {
  if (signed.body.length > maxRecordBytes) return 'too-large'
  const fields = decodeCbor(signed.body)
  if (!Array.isArray(fields)) return 'malformed'
  if (fields[0] !== version) return 'version'
  if (fields[1] !== clusterId) return 'cluster'
  // A kind that a later version added is no fault of who hands it on.
  if (isCount(fields[2]) && !kinds.has(fields[2])) return 'version'
  const record = readFields(fields, signed)
  if (record === undefined) return 'malformed'
  return signed.body.length > maxBytesOf(record.kind) ? 'too-large' : record
}

function readFields(fields: readonly unknown[], signed: SignedRecord): LedgerRecord | undefined {
  const [, , kindNumber, key, digest, mediaType, size, wallMs, counter, sourceNumber] = fields
  const [origin, removed, details] = fields.slice(10)
  const kind = typeof kindNumber === 'number' ? kinds.get(kindNumber) : undefined
  const target = readTarget(digest, mediaType, size)
  const stamp = readStamp([wallMs, counter])
  if (kind === undefined || target === 'malformed' || stamp === undefined) return undefined
  if (typeof key !== 'string' || typeof removed !== 'boolean') return undefined
  if (!(origin instanceof Uint8Array) || origin.length !== 32) return undefined
  const source = typeof sourceNumber === 'number' ? sources.get(sourceNumber) : undefined
  const parsedDetails = readDetails(details)
  if (parsedDetails === undefined) return undefined
  const record: LedgerRecord = {
    kind,
    key,
    target,
    stamp,
    source,
    origin: Buffer.from(origin).toString('hex'),
    removed,
    details: parsedDetails,
    signed,
  }
  return isWellFormed(record) ? record : undefined
}

/** What a kind demands of its record. */
function isWellFormed({ kind, key, target, source, origin, removed }: LedgerRecord): boolean {
  switch (kind) {
    case 'observation':
      return isTagKey(key) && target !== undefined && source !== undefined && !removed
    case 'pin':
      return isTagKey(key) && removed === (target === undefined)
    case 'use':
    case 'forget':
      return isTagKey(key) && target === undefined
    case 'block':
      return parseDigest(key) !== undefined
    case 'ban':
      return /^[0-9a-f]{64}$/.test(key)
    case 'share':
      // Nobody says anything of another node's share.
      return key.endsWith(`/${origin}`) && key.length <= 200
    case 'running':
      // Nor of its pods.
      return key === origin && target === undefined
    default:
      return key.length > 0 && key.length <= 1024
  }
}

function isTagKey(text: string): boolean {
  try {
    const { registry, repository, tag, digest } = parseReference(text)
    if (tag === undefined || digest !== undefined) return false
    return formatTag({ registry, repository, tag }) === text
  } catch {
    return false
  }
}

function readTarget(
  digest: unknown,
  mediaType: unknown,
  size: unknown,
): RecordTarget | undefined | 'malformed' {
  if (digest === null) return mediaType === null && size === null ? undefined : 'malformed'
  const parsed = typeof digest === 'string' ? parseDigest(digest) : undefined
  if (parsed === undefined || typeof mediaType !== 'string' || !isCount(size)) return 'malformed'
  return mediaType.length > 255 ? 'malformed' : { digest: parsed, mediaType, size }
}

function readStamp(value: unknown): Stamp | undefined {
  if (!Array.isArray(value)) return undefined
  const [wallMs, counter]: readonly unknown[] = value
  return isCount(wallMs) && isCount(counter) && counter <= 0xffff ? { wallMs, counter } : undefined
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

function readDetails(details: unknown): RecordDetails | undefined {
  if (!(details instanceof Map)) return undefined
  const note: unknown = details.get('note')
  const author: unknown = details.get('author')
  const expires: unknown = details.get('expires')
  const value: unknown = details.get('value')
  return {
    note: typeof note === 'string' ? note : undefined,
    author: typeof author === 'string' ? author : undefined,
    expiresAtMs: isCount(expires) ? expires : undefined,
    over: readStamp(details.get('over')),
    value: typeof value === 'string' ? value : undefined,
  }
}

function inverse<K extends string>(numbers: Readonly<Record<K, number>>): ReadonlyMap<number, K> {
  const names = Object.keys(numbers) as K[]
  return new Map(names.map(name => [numbers[name], name]))
}
