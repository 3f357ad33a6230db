import { kindNumbers, kinds, sourceNumbers, sources } from '../../ledger/encode-record.ts'
import type { Sighting } from '../../ledger/history.ts'
import type { LedgerRecord, RecordDetails, RecordTarget } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'

/** A row of `record` without its signed bytes. */
export interface RecordRow {
  readonly key: string
  readonly kind: number
  readonly origin: string
  readonly wall_ms: number
  readonly counter: number
  readonly digest: string
  readonly media_type: string | null
  readonly size: number | null
  readonly source: number | null
  readonly removed: number
  readonly details: string | null
}

/** A row of `sighting`. */
export interface SightingRow {
  readonly key: string
  readonly digest: string
  readonly origin: string
  readonly media_type: string
  readonly size: number
  readonly source: number
  readonly wall_ms: number
  readonly counter: number
  readonly first_seen_ms: number
  readonly last_seen_ms: number
  readonly confirmed_ms: number | null
}

/** Columns of {@link RecordRow}. */
export const recordColumns =
  'key, kind, origin, wall_ms, counter, digest, media_type, size, source, removed, details'

/** A record as the rules see it. What a row says was parsed when it was written. */
export function recordOf(row: RecordRow): LedgerRecord {
  return {
    kind: kinds.get(row.kind) ?? 'setting',
    key: row.key,
    target: targetOf(row),
    stamp: { wallMs: row.wall_ms, counter: row.counter },
    source: row.source === null ? undefined : sources.get(row.source),
    origin: row.origin,
    removed: row.removed === 1,
    details: row.details === null ? {} : (JSON.parse(row.details) as RecordDetails),
    signed: undefined,
  }
}

function targetOf(row: RecordRow): RecordTarget | undefined {
  if (row.digest === '') return undefined
  return { digest: row.digest as Digest, mediaType: row.media_type ?? '', size: row.size ?? 0 }
}

/** Parameters of an insert into `record`, without `body` and `signature`. */
export function recordParameters(record: LedgerRecord): RecordRow {
  const { target, source } = record
  const details = JSON.stringify(record.details)
  return {
    key: record.key,
    kind: kindNumbers[record.kind],
    origin: record.origin,
    wall_ms: record.stamp.wallMs,
    counter: record.stamp.counter,
    digest: target?.digest ?? '',
    media_type: target?.mediaType ?? null,
    size: target?.size ?? null,
    source: source === undefined ? null : sourceNumbers[source],
    removed: record.removed ? 1 : 0,
    details: details === '{}' ? null : details,
  }
}

/** A sighting as the rules see it. */
export function sightingOfRow(row: SightingRow): Sighting {
  return {
    target: { digest: row.digest as Digest, mediaType: row.media_type, size: row.size },
    origin: row.origin,
    source: sources.get(row.source) ?? 'upstream',
    stamp: { wallMs: row.wall_ms, counter: row.counter },
    firstSeenMs: row.first_seen_ms,
    lastSeenMs: row.last_seen_ms,
    confirmedMs: row.confirmed_ms ?? undefined,
  }
}

/** Parameters of an upsert into `sighting`. */
export function sightingParameters(key: string, sighting: Sighting): SightingRow {
  return {
    key,
    digest: sighting.target.digest,
    origin: sighting.origin,
    media_type: sighting.target.mediaType,
    size: sighting.target.size,
    source: sourceNumbers[sighting.source],
    wall_ms: sighting.stamp.wallMs,
    counter: sighting.stamp.counter,
    first_seen_ms: sighting.firstSeenMs,
    last_seen_ms: sighting.lastSeenMs,
    confirmed_ms: sighting.confirmedMs ?? null,
  }
}
