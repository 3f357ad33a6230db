import type { Exclusions, KeyState } from '../../ledger/key-state.ts'
import { compareTexts } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'
import { formatTag } from '../../oci/reference.ts'
import type { PinBook, PinEvent, PinStanding, PinState } from '../../ports/pin-book.ts'
import type { Connection } from './database.ts'
import { parseKey } from './list-keys.ts'
import type { Reader } from './reader.ts'

interface EventRow {
  readonly atMs: number
  readonly origin: string
  readonly digest: string
  readonly note: string | null
  readonly author: string | null
  readonly expiresMs: number | null
  readonly isConflict: number
}

/** The pins of the ledger, for people. */
export function createPinBook(parts: {
  readonly reader: Reader
  /** What is stored and what is being written of a key. */
  readonly stateOf: (key: string) => KeyState
  readonly pendingKeys: () => Iterable<string>
  readonly nowMs: () => number
}): PinBook {
  const { reader } = parts

  function describe(key: string): PinState | undefined {
    const newest = parts.stateOf(key).pins.find(({ origin }) => !reader.exclusions.isBanned(origin))
    if (newest === undefined) return undefined
    const { target, stamp, origin, details } = newest
    const { note, author, expiresAtMs } = details
    const standing = standingOf(newest, reader.exclusions, parts.nowMs())
    return {
      key: parseKey(key),
      standing,
      target: standing === 'removed' ? undefined : target,
      stamp,
      origin,
      note,
      author,
      expiresAtMs,
    }
  }

  function* each(after: string): Generator<PinState, void, undefined> {
    const stored = reader.read(r => r.lists.pinnedKeys(), [])
    const keys = [...new Set([...stored, ...parts.pendingKeys()])].filter(key => key > after)
    for (const key of keys.sort(compareTexts)) {
      const state = describe(key)
      if (state !== undefined && state.standing !== 'removed') yield state
    }
  }

  return {
    get: key => describe(formatTag(key)),
    history: key => reader.read(({ db }) => readHistory(db, formatTag(key)), []),
    list(after, limit) {
      const found: PinState[] = []
      for (const state of each(after)) {
        if (found.length >= limit) break
        found.push(state)
      }
      return found
    },
    each: () => each(''),
    isBlocked: digest => reader.exclusions.isBlocked(digest),
  }
}

function standingOf(
  { target, removed, details }: KeyState['pins'][number],
  exclusions: Exclusions,
  nowMs: number,
): PinStanding {
  if (target === undefined || removed) return 'removed'
  if (exclusions.isBlocked(target.digest)) return 'blocked'
  const { expiresAtMs } = details
  return expiresAtMs !== undefined && expiresAtMs <= nowMs ? 'expired' : 'in-force'
}

function readHistory(db: Connection, key: string): readonly PinEvent[] {
  return db
    .prepare<[string], EventRow>(
      `SELECT wall_ms AS atMs, origin, digest, note, author, expires_ms AS expiresMs, is_conflict AS isConflict
       FROM pin_history WHERE key = ? ORDER BY wall_ms DESC, counter DESC, origin DESC`,
    )
    .all(key)
    .map(({ digest, note, author, expiresMs, isConflict, ...row }) => ({
      ...row,
      digest: digest === '' ? undefined : (digest as Digest),
      note: note ?? undefined,
      author: author ?? undefined,
      expiresAtMs: expiresMs ?? undefined,
      isConflict: isConflict === 1,
    }))
}
