import { type Exclusions, historyOf, type KeyState } from '../../ledger/key-state.ts'
import { pinInForce } from '../../ledger/pin.ts'
import { compareTexts } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'
import { formatTag, type TagReference } from '../../oci/reference.ts'
import type { BlockedAnswer, BlockedAnswers } from '../../ports/blocked-answers.ts'
import { createTurns } from '../../ports/turns.ts'
import type { Connection } from './database.ts'
import { type KeyRange, keyRange, parseKey, upTo } from './list-keys.ts'
import type { Reader } from './reader.ts'

/** Keys that are looked through at once: that takes about a millisecond. */
const keysPerPage = 200

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

  /** All keys, in ranges of a bounded number, in byte order. */
  function* pages(): Generator<KeyRange> {
    let until: string | undefined
    do {
      const range = keyRange({}, until)
      until = reader.read(({ lists }) => lists.keyAt(range, keysPerPage), undefined)
      yield upTo(range, until)
    } while (until !== undefined)
  }

  /** Keys of a range for which the digest may stand, in byte order. */
  function candidates(range: KeyRange, digest: Digest): readonly string[] {
    const keys = new Set(reader.read(({ db }) => keysOf(db, range, [digest]), []))
    for (const key of parts.pendingKeys()) {
      if (key >= range.from && key < range.before) keys.add(key)
    }
    return [...keys].sort(compareTexts)
  }

  return {
    of: key => (isAnyBlocked() ? find(formatTag(key)) : undefined),
    history: key => historyOf(parts.stateOf(formatTag(key)), unblocked),
    async tagsOf(digest) {
      const turns = createTurns()
      const found: TagReference[] = []
      for (const range of pages()) {
        for (const key of candidates(range, digest)) {
          if (standsFor(key, digest)) found.push(parseKey(key))
          await turns.take()
        }
        await turns.take()
      }
      return found
    },
    under(beginnings) {
      if (!isAnyBlocked()) return []
      const blocked = reader.exclusions.list('block').map(({ key }) => key)
      const keys = new Set<string>()
      for (const beginning of beginnings) {
        const range = keyRange({ prefix: beginning }, undefined)
        for (const key of reader.read(r => keysOf(r.db, range, blocked), [])) keys.add(key)
      }
      return [...keys].filter(key => find(key) !== undefined).map(parseKey)
    },
  }
}

/** Keys of a range that were pinned to one of these digests, or seen with it. */
function keysOf(
  db: Connection,
  { from, before }: KeyRange,
  digests: readonly string[],
): readonly string[] {
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
