import { emptyKeyState, type KeyState, liveRecord, liveTarget } from '../../ledger/key-state.ts'
import { pinInForce } from '../../ledger/pin.ts'
import { compareTexts } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'
import type { TagReference } from '../../oci/reference.ts'
import type { TagLedger, TagRow } from '../../ports/tag-ledger.ts'
import { type KeyRange, keyPrefix, keyRange, type ListedKey, parseKey } from './list-keys.ts'
import type { PendingKeys } from './pending-keys.ts'
import type { Reader } from './reader.ts'

/** Keys fetched at once. */
const chunk = 500

/** The ledger's lists: what is committed and what is pending, in one order. */
export interface KeyLists extends Pick<TagLedger, 'listTags' | 'list' | 'liveTargets'> {
  countPins(): number
  parse(key: string): TagReference
}

/** Lists over a reader and the pending states. */
export function createKeyLists(parts: {
  readonly reader: Reader
  readonly pending: PendingKeys
  readonly nowMs: () => number
}): KeyLists {
  const { reader, pending } = parts
  const { exclusions } = reader

  const stateOf = (key: string): KeyState =>
    pending.get(key) ?? reader.read(r => r.keys.read(key), emptyKeyState)

  const isListed = ({ key, isObserved }: ListedKey): boolean => {
    if (isObserved && !exclusions.any() && pending.get(key) === undefined) return true
    const { live, pin } = rowOf(key)
    return live !== undefined || pin !== undefined
  }

  function rowOf(key: string): TagRow {
    const state = stateOf(key)
    return {
      key: parseKey(key),
      live: liveTarget(state, exclusions),
      pin: pinInForce(state, exclusions, parts.nowMs()),
    }
  }

  /** Committed and pending keys of a range in byte order, fetched as they are wanted. */
  function* walk(range: KeyRange, limit: number): Generator<ListedKey> {
    const waiting = [...pending.keys()]
      .filter(key => key > range.after && key < range.before)
      .sort(compareTexts)
    let next = 0
    let after = range.after
    const size = Math.min(Math.max(limit, 1), chunk)
    for (;;) {
      const page = reader.read(r => r.lists.list({ ...range, after }, size), [])
      for (const listed of page) {
        for (; next < waiting.length; next++) {
          const key = waiting[next]
          if (key === undefined || key >= listed.key) break
          yield { key, isObserved: false }
        }
        if (waiting[next] === listed.key) next++
        yield listed
      }
      const end = page.at(-1)
      if (end === undefined || page.length < size) break
      after = end.key
    }
    for (const key of waiting.slice(next)) yield { key, isObserved: false }
  }

  const targetsOf = (key: string, state: KeyState) => {
    const live = liveRecord(state, exclusions)?.target.digest
    const pinned = pinInForce(state, exclusions, parts.nowMs())?.digest
    const digests = [...new Set([live, pinned])].filter((d): d is Digest => d !== undefined)
    return { key: parseKey(key), digests }
  }

  return {
    parse: parseKey,
    listTags(repository, after, limit) {
      const prefix = keyPrefix(repository)
      const from = after === undefined ? undefined : prefix + after
      const tags: string[] = []
      if (limit <= 0) return tags
      for (const listed of walk(keyRange(repository, from), limit)) {
        if (isListed(listed)) tags.push(listed.key.slice(prefix.length))
        if (tags.length >= limit) break
      }
      return tags
    },
    list({ registry, repository, after, limit }) {
      const rows: TagRow[] = []
      if (limit <= 0) return rows
      for (const { key } of walk(keyRange({ registry, repository }, after), limit)) {
        const row = rowOf(key)
        const isWanted = repository === undefined || row.key.repository === repository
        if (isWanted && (row.live !== undefined || row.pin !== undefined)) rows.push(row)
        if (rows.length >= limit) break
      }
      return rows
    },
    liveTargets() {
      const found = reader.read(r => {
        const rows = []
        for (const { key, state } of r.lists.scan()) {
          if (key !== '' && pending.get(key) === undefined) rows.push(targetsOf(key, state))
        }
        return rows
      }, [])
      const waiting = [...pending.keys()].map(key => targetsOf(key, stateOf(key)))
      return [...found, ...waiting].filter(row => row.digests.length > 0)
    },
    countPins() {
      const keys = new Set(reader.read(r => r.lists.pinnedKeys(), []))
      for (const key of pending.keys()) keys.add(key)
      let count = 0
      for (const key of keys) if (rowOf(key).pin !== undefined) count++
      return count
    },
  }
}
