import { sourceNumbers } from '../../ledger/encode-record.ts'
import type { KeyState } from '../../ledger/key-state.ts'
import { emptyKeyState } from '../../ledger/key-state.ts'
import type { ObservationSource } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Repository, TagReference } from '../../oci/reference.ts'
import type { Connection } from './database.ts'
import { newestFirst } from './read-key.ts'
import { type RecordRow, recordColumns, type SightingRow, sightingOfRow } from './record-row.ts'

/** A key with whether an observation certainly stands under it; else only a pin may, or what was observed is forgotten. */
export interface ListedKey {
  readonly key: string
  readonly isObserved: boolean
}

/** Texts `t` with `from <= t < before`, in byte order. */
export interface KeyRange {
  readonly from: string
  readonly before: string
}

/** A digest that a key is known to have had. */
export interface SeenDigest {
  readonly key: string
  readonly digest: Digest
}

/** Walks over keys. */
export interface KeyLister {
  list(range: KeyRange, limit: number): readonly ListedKey[]
  /** The key of a range before which so many others stand; `undefined`: there are not as many. */
  keyAt(range: KeyRange, position: number): string | undefined
  /** Keys of which some node's newest word came from there. Not for `upstream`, which is most of them. */
  withSource(range: KeyRange, source: ObservationSource, limit: number): readonly string[]
  /** Keys with a digest, whether it is the newest or not, that was last confirmed, or else said, before that. */
  confirmedBefore(range: KeyRange, ms: number): readonly string[]
  /** Every digest that the keys of a range are known to have had, in key order. */
  digests(range: KeyRange): readonly SeenDigest[]
  /** All that rows of a range are made of: observations, pins, what is forgotten, and sightings. */
  states(range: KeyRange): ReadonlyMap<string, KeyState>
  /** Observations and pins of every key of a range, in key order. */
  scan(range: KeyRange): Iterable<{ readonly key: string; readonly state: KeyState }>
  /** Keys of a range that were seen with several digests. */
  moved(range: KeyRange): readonly string[]
  pinnedKeys(): readonly string[]
  /** Of the keys after this one, how many were observed, forgotten since or not, and where it goes on; `undefined`: all were counted. */
  countObserved(
    after: string,
    limit: number,
  ): { readonly count: number; readonly until: string | undefined }
  /** Keys of which something was observed, and nothing since somebody had them forgotten, banned by now or not. */
  forgottenKeys(): readonly string[]
}

/** Above every key: they are ASCII. */
const last = '\u007f'

/** The keys under a registry, or under one of its repositories, or all; those that begin with `prefix`; those after `after`. */
export function keyRange(
  {
    registry,
    repository,
    prefix = '',
  }: {
    readonly registry?: string | undefined
    readonly repository?: string | undefined
    readonly prefix?: string | undefined
  },
  after: string | undefined,
): KeyRange {
  const within =
    registry === undefined
      ? ''
      : repository === undefined
        ? `${registry}/`
        : keyPrefix({ registry, repository })
  return {
    from: [within, prefix, after === undefined ? '' : next(after)].reduce(later),
    before: [within + last, prefix + last].reduce(earlier),
  }
}

/** The text that comes right after this one. */
export const next = (key: string): string => `${key}\0`

/** The keys of a range up to that one; all of them without it. */
export const upTo = (range: KeyRange, until: string | undefined): KeyRange =>
  until === undefined ? range : { ...range, before: next(until) }

const later = (a: string, b: string): string => (a > b ? a : b)
const earlier = (a: string, b: string): string => (a < b ? a : b)

/** The parts of a key's text, which formatTag made. */
export function parseKey(key: string): TagReference {
  const slash = key.indexOf('/')
  const colon = key.lastIndexOf(':')
  return {
    registry: key.slice(0, slash),
    repository: key.slice(slash + 1, colon),
    tag: key.slice(colon + 1),
  }
}

/** The text before a tag in its key. */
export const keyPrefix = ({ registry, repository }: Repository): string =>
  `${registry}/${repository}:`

/** Prepares the walks of one connection. */
export function createKeyLister(db: Connection): KeyLister {
  const list = db.prepare<[string, string, number], { key: string; observed: number }>(
    `SELECT key, max(kind = 1) AND NOT max(kind = 9) AS observed FROM record
     WHERE key >= ? AND key < ? AND kind IN (1, 2, 9)
     GROUP BY key ORDER BY key LIMIT ?`,
  )
  const keyAt = db
    .prepare<[string, string, number], string>(
      `SELECT key FROM record WHERE key >= ? AND key < ? AND kind IN (1, 2)
       GROUP BY key ORDER BY key LIMIT 1 OFFSET ?`,
    )
    .pluck()
  const withSource = db
    .prepare<[number, string, string, number], string>(
      `SELECT DISTINCT key FROM record WHERE kind = 1 AND source <> 1 AND source = ? AND key >= ? AND key < ?
       ORDER BY key LIMIT ?`,
    )
    .pluck()
  // Sightings lie in the order of their keys, and are half as wide as records.
  const confirmedBefore = db
    .prepare<[string, string, number], string>(
      `SELECT DISTINCT key FROM (SELECT key FROM sighting WHERE key >= ? AND key < ?
       GROUP BY key, digest HAVING coalesce(max(confirmed_ms), max(wall_ms)) < ?)`,
    )
    .pluck()
  const digests = db.prepare<[string, string], SeenDigest>(
    'SELECT DISTINCT key, digest FROM sighting WHERE key >= ? AND key < ? ORDER BY key',
  )
  const recordsIn = db.prepare<[string, string], RecordRow>(
    `SELECT ${recordColumns} FROM record WHERE key >= ? AND key < ? AND kind IN (1, 2, 9) ORDER BY key`,
  )
  const sightingsIn = db.prepare<[string, string], SightingRow>(
    'SELECT * FROM sighting WHERE key >= ? AND key < ?',
  )
  const moved = db
    .prepare<[string, string], string>(
      `SELECT key FROM sighting WHERE key >= ? AND key < ?
       GROUP BY key HAVING min(digest) <> max(digest)`,
    )
    .pluck()
  const pinned = db
    .prepare<[], string>('SELECT DISTINCT key FROM record WHERE kind = 2 AND kind NOT IN (1, 4)')
    .pluck()
  const count = db.prepare<[string, number], { count: number; until: string | null }>(
    `SELECT count(*) AS count, max(key) AS until FROM
     (SELECT DISTINCT key FROM record WHERE key > ? AND kind = 1 ORDER BY key LIMIT ?)`,
  )
  const forgotten = db
    .prepare<[], string>(
      `SELECT DISTINCT key FROM record AS said WHERE kind = 9 AND kind NOT IN (1, 4) AND removed = 0
       AND EXISTS (SELECT 1 FROM record WHERE key = said.key AND kind = 1)
       AND NOT EXISTS (SELECT 1 FROM record WHERE key = said.key AND kind = 1
         AND (wall_ms, counter) > (said.wall_ms, said.counter))`,
    )
    .pluck()
  return {
    list: (range, limit) =>
      list
        .all(range.from, range.before, limit)
        .map(({ key, observed }) => ({ key, isObserved: observed === 1 })),
    keyAt: ({ from, before }, position) => keyAt.get(from, before, position),
    withSource: ({ from, before }, source, limit) =>
      withSource.all(sourceNumbers[source], from, before, limit),
    confirmedBefore: ({ from, before }, ms) => confirmedBefore.all(from, before, ms),
    digests: ({ from, before }) => digests.all(from, before),
    states({ from, before }) {
      const sightings = Map.groupBy(sightingsIn.all(from, before), ({ key }) => key)
      const records = Map.groupBy(recordsIn.all(from, before), ({ key }) => key)
      const states = new Map<string, KeyState>()
      for (const [key, rows] of records) {
        const seen = sightings.get(key)?.map(sightingOfRow) ?? []
        states.set(key, { ...stateOf(rows).state, sightings: seen })
      }
      return states
    },
    *scan({ from, before }) {
      let rows: RecordRow[] = []
      for (const row of recordsIn.iterate(from, before)) {
        if (rows[0] !== undefined && rows[0].key !== row.key) {
          yield stateOf(rows)
          rows = []
        }
        rows.push(row)
      }
      yield stateOf(rows)
    },
    moved: ({ from, before }) => moved.all(from, before),
    pinnedKeys: () => pinned.all(),
    countObserved(after, limit) {
      const found = count.get(after, limit)
      const until = found?.count === limit ? (found.until ?? undefined) : undefined
      return { count: found?.count ?? 0, until }
    },
    forgottenKeys: () => forgotten.all(),
  }
}

function stateOf(rows: readonly RecordRow[]): { key: string; state: KeyState } {
  const records = newestFirst(rows)
  return {
    key: rows[0]?.key ?? '',
    state: {
      ...emptyKeyState,
      observations: records.filter(record => record.kind === 'observation'),
      pins: records.filter(record => record.kind === 'pin'),
      forgets: records.filter(record => record.kind === 'forget'),
    },
  }
}
