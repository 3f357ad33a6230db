import type { KeyState } from '../../ledger/key-state.ts'
import { emptyKeyState } from '../../ledger/key-state.ts'
import type { Repository, TagReference } from '../../oci/reference.ts'
import type { Connection } from './database.ts'
import { newestFirst } from './read-key.ts'
import { type RecordRow, recordColumns } from './record-row.ts'

/** A key with whether an observation stands under it; else only a pin does. */
export interface ListedKey {
  readonly key: string
  readonly isObserved: boolean
}

/** Texts `t` with `after < t < before`, in byte order. */
export interface KeyRange {
  readonly after: string
  readonly before: string
}

/** Walks over keys. */
export interface KeyLister {
  list(range: KeyRange, limit: number): readonly ListedKey[]
  /** Observations and pins of every key after this one, in key order. */
  scan(after: string): Iterable<{ readonly key: string; readonly state: KeyState }>
  pinnedKeys(): readonly string[]
  countObserved(): number
}

/** Above every key: they are ASCII. */
const last = '\u007f'

/** The keys under a registry, or under one of its repositories, or all. */
export function keyRange(
  within: { readonly registry?: string | undefined; readonly repository?: string | undefined },
  after: string | undefined,
): KeyRange {
  const { registry, repository } = within
  // `0` follows `/`, and `;` follows `:`.
  if (registry === undefined) return { after: after ?? '', before: last }
  const [start, before] =
    repository === undefined
      ? [`${registry}/`, `${registry}0`]
      : [`${registry}/${repository}:`, `${registry}/${repository};`]
  return { after: after !== undefined && after > start ? after : start, before }
}

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
    `SELECT key, max(kind = 1) AS observed FROM record WHERE key > ? AND key < ? AND kind IN (1, 2)
     GROUP BY key ORDER BY key LIMIT ?`,
  )
  const scan = db.prepare<[string], RecordRow>(
    `SELECT ${recordColumns} FROM record WHERE kind IN (1, 2) AND key > ? ORDER BY key`,
  )
  const pinned = db
    .prepare<[], string>('SELECT DISTINCT key FROM record WHERE kind = 2 AND kind NOT IN (1, 4)')
    .pluck()
  const count = db
    .prepare<[], number>('SELECT count(DISTINCT key) FROM record WHERE kind = 1')
    .pluck()
  return {
    list: (range, limit) =>
      list
        .all(range.after, range.before, limit)
        .map(({ key, observed }) => ({ key, isObserved: observed === 1 })),
    *scan(after) {
      let rows: RecordRow[] = []
      for (const row of scan.iterate(after)) {
        if (rows[0] !== undefined && rows[0].key !== row.key) {
          yield stateOf(rows)
          rows = []
        }
        rows.push(row)
      }
      yield stateOf(rows)
    },
    pinnedKeys: () => pinned.all(),
    countObserved: () => count.get() ?? 0,
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
    },
  }
}
