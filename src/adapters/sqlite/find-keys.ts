import type { KeyState } from '../../ledger/key-state.ts'
import { compareTexts } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'
import type { TagFilter, TagLedger, TagRow } from '../../ports/tag-ledger.ts'
import { type KeyRange, keyRange, parseKey, upTo } from './list-keys.ts'
import type { OpenedReader, Reader } from './reader.ts'

/**
 * Looks for tags. SQLite names candidates, of which none that fits is missing; each is then judged as readers see it, with what is
 * pending, banned and blocked.
 */
export function createFindKeys(parts: {
  readonly reader: Reader
  /** Keys of a range that are being written, in byte order. */
  readonly pendingIn: (range: KeyRange) => readonly string[]
  /** `undefined`: there is nothing to answer with. @param committed what the database holds of it, where that was read already */
  readonly rowOf: (key: string, committed?: KeyState) => TagRow | undefined
}): TagLedger['find'] {
  const { reader } = parts

  /** The stretch that is looked through, and the key that ends it; `undefined`: it reaches the end of the range. */
  function cut(range: KeyRange, keys: number): { stretch: KeyRange; until: string | undefined } {
    const until = reader.read(r => r.lists.keyAt(range, keys - 1), undefined)
    return { stretch: upTo(range, until), until }
  }

  function candidates(stretch: KeyRange, filter: TagFilter): Candidates {
    return reader.read(opened => candidatesOf(opened, stretch, filter), unread([]))
  }

  /** Few tags come from elsewhere than upstream, and those have an index: no stretch is cut for them. */
  function findBySource(
    source: NonNullable<TagFilter['source']>,
    range: KeyRange,
    keys: number,
  ): { range: KeyRange; found: Candidates; until: string | undefined } {
    const found = reader.read(r => r.lists.withSource(range, source, keys), [])
    const until = found.length < keys ? undefined : found.at(-1)
    return { range: upTo(range, until), found: unread(found), until }
  }

  function look(filter: TagFilter, range: KeyRange, keys: number) {
    const { source } = filter
    if (source !== undefined && source !== 'upstream') return findBySource(source, range, keys)
    const { stretch, until } = cut(range, keys)
    return { range: stretch, found: candidates(stretch, filter), until }
  }

  return (filter, after, keys) => {
    const { range, found, until } = look(filter, keyRange(filter, after), keys)
    const rows = [...new Set([...found.keys(), ...parts.pendingIn(range)])]
      .sort(compareTexts)
      .filter(key => isNamed(key, filter))
      .flatMap(key => parts.rowOf(key, found.get(key)) ?? [])
      .filter(row => fits(row, filter))
    return { rows, until }
  }
}

/** Keys that may fit, with what the database holds of them where that was read with them. */
type Candidates = ReadonlyMap<string, KeyState | undefined>

/** Few of many: each is read by itself. */
const unread = (keys: readonly string[]): Candidates => new Map(keys.map(key => [key, undefined]))

/** What a ban or a block makes the newest is not what the statements take for it: then all are candidates. */
function candidatesOf(
  { lists, exclusions }: OpenedReader,
  stretch: KeyRange,
  filter: TagFilter,
): Candidates {
  const { confirmedBeforeMs, isWanted } = filter
  if (exclusions.any()) return lists.states(stretch)
  if (confirmedBeforeMs !== undefined) {
    return unread(lists.confirmedBefore(stretch, confirmedBeforeMs))
  }
  if (isWanted === undefined) return named(lists, stretch, filter)
  const pinned = lists.pinnedKeys().filter(key => key >= stretch.from && key < stretch.before)
  return unread([...pinned, ...wanted(lists, stretch, isWanted)])
}

/** A range is all that is looked for, unless names are looked for that lie anywhere in it. */
function named(lists: OpenedReader['lists'], stretch: KeyRange, filter: TagFilter): Candidates {
  const { registry, repository, contains } = filter
  const isRange = contains === undefined && (repository === undefined || registry !== undefined)
  if (isRange) return lists.states(stretch)
  const keys = lists.list(stretch, -1).map(({ key }) => key)
  return unread(keys.filter(key => isNamed(key, filter)))
}

const wanted = (
  lists: OpenedReader['lists'],
  stretch: KeyRange,
  isWanted: (digest: Digest) => boolean,
): readonly string[] =>
  lists
    .digests(stretch)
    .filter(({ digest }) => isWanted(digest))
    .map(({ key }) => key)

/** A repository without a registry is looked for in all of them. */
const isNamed = (key: string, { registry, repository, contains = '' }: TagFilter): boolean =>
  key.includes(contains) &&
  (registry !== undefined || repository === undefined || parseKey(key).repository === repository)

function fits({ live, pin }: TagRow, filter: TagFilter): boolean {
  const { source, confirmedBeforeMs, isWanted } = filter
  if (source !== undefined && live?.source !== source) return false
  if (confirmedBeforeMs !== undefined && !(live && live.confirmedAtMs < confirmedBeforeMs)) {
    return false
  }
  const digest = pin?.digest ?? live?.digest
  return isWanted === undefined || (digest !== undefined && isWanted(digest))
}
