import { type Exclusions, historyOf, type KeyState } from '../../ledger/key-state.ts'
import { pinInForce } from '../../ledger/pin.ts'
import { compareTexts } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'
import { formatTag } from '../../oci/reference.ts'
import type { BlockedAnswer, BlockedAnswers } from '../../ports/blocked-answers.ts'
import type { Connection } from './database.ts'
import { keyRange, parseKey } from './list-keys.ts'
import type { Reader } from './reader.ts'

/** Finds what blocks take away: reads a key as if nothing was blocked, and compares. */
export function createBlockedAnswers(parts: {
  readonly reader: Reader
  /** What is stored and what is being written of a key. */
  readonly stateOf: (key: string) => KeyState
  readonly pendingKeys: () => Iterable<string>
  readonly nowMs: () => number
}): BlockedAnswers {
  const { reader } = parts
  const { isBanned, isBlocked } = reader.exclusions
  const unblocked = { isBanned, isBlocked: () => false }
  const isAnyBlocked = () => reader.exclusions.list('block').length > 0

  function find(key: string): BlockedAnswer | undefined {
    const state = parts.stateOf(key)
    const pin = pinInForce(state, unblocked, parts.nowMs())
    if (pin !== undefined) {
      return isBlocked(pin.digest) ? { digest: pin.digest, isPin: true } : undefined
    }
    if (historyOf(state, reader.exclusions).length > 0) return undefined
    const [newest] = historyOf(state, unblocked)
    return newest && { digest: newest.digest, isPin: false }
  }

  /** Whether it is what the key is answered with by what is remembered, were it not blocked. */
  function standsFor(key: string, digest: Digest): boolean {
    const state = parts.stateOf(key)
    const exclusions: Exclusions = {
      isBanned,
      isBlocked: other => other !== digest && isBlocked(other),
    }
    const pin = pinInForce(state, exclusions, parts.nowMs())
    return (pin ?? historyOf(state, exclusions)[0])?.digest === digest
  }

  return {
    of: key => (isAnyBlocked() ? find(formatTag(key)) : undefined),
    history: key => historyOf(parts.stateOf(formatTag(key)), unblocked),
    tagsOf(digest) {
      const stored = reader.read(r => keysOf(r.db, '', [digest]), [])
      const keys = new Set([...stored, ...parts.pendingKeys()])
      return [...keys]
        .filter(key => standsFor(key, digest))
        .sort(compareTexts)
        .map(parseKey)
    },
    under(beginnings) {
      if (!isAnyBlocked()) return []
      const blocked = reader.exclusions.list('block').map(({ key }) => key)
      const keys = new Set<string>()
      for (const beginning of beginnings) {
        for (const key of reader.read(r => keysOf(r.db, beginning, blocked), [])) keys.add(key)
      }
      return [...keys].filter(key => find(key) !== undefined).map(parseKey)
    },
  }
}

/** Keys that begin so and were pinned to one of these digests, or seen with it. */
function keysOf(db: Connection, prefix: string, digests: readonly string[]): readonly string[] {
  const { from, before } = keyRange({ prefix }, undefined)
  const list = JSON.stringify(digests)
  return db
    .prepare<[string, string, string, string, string, string], string>(
      `SELECT key FROM sighting WHERE key >= ? AND key < ? AND digest IN (SELECT value FROM json_each(?))
       UNION SELECT key FROM record WHERE kind = 2 AND kind NOT IN (1, 4) AND key >= ? AND key < ?
         AND digest IN (SELECT value FROM json_each(?))`,
    )
    .pluck()
    .all(from, before, list, from, before, list)
}
