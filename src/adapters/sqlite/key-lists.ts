import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  emptyKeyState,
  isKnown,
  type KeyState,
  liveRecord,
  liveTarget,
} from '../../ledger/key-state.ts'
import { pinInForce } from '../../ledger/pin.ts'
import { compareTexts } from '../../ledger/record.ts'
import type { TagReference } from '../../oci/reference.ts'
import type { LiveTarget, TagLedger, TagRow } from '../../ports/tag-ledger.ts'
import { createFindKeys } from './find-keys.ts'
import {
  type KeyLister,
  type KeyRange,
  keyPrefix,
  keyRange,
  type ListedKey,
  next,
  parseKey,
  upTo,
} from './list-keys.ts'
import type { PendingKeys } from './pending-keys.ts'
import type { Reader } from './reader.ts'

/** Keys fetched at once. */
const chunk = 500
/** Keys counted before others have their turn: some 0.2 ms. */
const countedAtOnce = 500
/** The count of a large ledger is believed for so many times as long as it took; one of a single turn is made anew each time. */
const believedShare = 50
const nothingCounted = { count: 0, until: undefined }

/** The ledger's lists: what is committed and what is pending, in one order. */
export interface KeyLists
  extends Pick<
    TagLedger,
    'listTags' | 'list' | 'find' | 'liveTargets' | 'pinnedNames' | 'countTags'
  > {
  countPins(): number
  parse(key: string): TagReference
}

/** Lists over a reader and the pending states. */
export function createKeyLists(parts: {
  readonly reader: Reader
  readonly pending: PendingKeys
  /** Puts right what was written under a wrong clock. */
  readonly corrected: (state: KeyState) => KeyState
  readonly nowMs: () => number
}): KeyLists {
  const { reader, pending } = parts
  const { exclusions } = reader

  const committedState = (key: string): KeyState =>
    parts.corrected(reader.read(r => r.keys.read(key), emptyKeyState))

  const stateOf = (key: string, committed?: KeyState): KeyState =>
    pending.get(key) ?? (committed === undefined ? committedState(key) : parts.corrected(committed))

  const isListed = ({ key, isObserved }: ListedKey): boolean => {
    if (isObserved && !exclusions.any() && pending.get(key) === undefined) return true
    return answeringRow(key) !== undefined
  }

  /** A key under which there is nothing to answer with (a removed pin, a blocked digest) is in no list. */
  function answeringRow(key: string, committed?: KeyState): TagRow | undefined {
    const row = rowOf(key, committed)
    return row.live === undefined && row.pin === undefined ? undefined : row
  }

  function rowOf(key: string, committed?: KeyState): TagRow {
    const state = stateOf(key, committed)
    return {
      key: parseKey(key),
      live: liveTarget(state, exclusions),
      pin: pinInForce(state, exclusions, parts.nowMs()),
    }
  }

  /** Committed keys of a range, fetched as they are wanted. */
  function* committed(range: KeyRange, size: number): Generator<ListedKey> {
    let { from } = range
    for (;;) {
      const page = reader.read(r => r.lists.list({ ...range, from }, size), [])
      yield* page
      const end = page.at(-1)
      if (end === undefined || page.length < size) return
      from = next(end.key)
    }
  }

  const pendingIn = ({ from, before }: KeyRange): string[] =>
    [...pending.keys()].filter(key => key >= from && key < before).sort(compareTexts)

  function pinnedNames(): Set<string> {
    const keys = new Set(reader.read(r => r.lists.pinnedKeys(), []))
    for (const key of pending.keys()) {
      if ((pending.get(key)?.pins.length ?? 0) > 0) keys.add(key)
    }
    return keys
  }

  /** Committed and pending keys of a range in byte order. */
  function walk(range: KeyRange, limit: number): Generator<ListedKey> {
    const waiting = pendingIn(range).map(key => ({ key, isObserved: false }))
    return mergeKeys(committed(range, Math.min(Math.max(limit, 1), chunk)), waiting)
  }

  const targetsOf = (key: string, state: KeyState, hasEarlier: boolean): LiveTarget => {
    const live = liveRecord(state, exclusions)?.target.digest
    const pinned = pinInForce(state, exclusions, parts.nowMs())?.digest
    return { key: parseKey(key), live, pinned, hasEarlier }
  }

  function pendingTarget(key: string): readonly [string, LiveTarget] {
    const state = stateOf(key)
    const digests = new Set(state.sightings.map(({ target }) => target.digest))
    return [key, targetsOf(key, state, digests.size > 1)]
  }

  /** The first `limit` that answer with something, and up to which key that is. */
  function committedTargets(lists: KeyLister, range: KeyRange, limit: number) {
    const found: (readonly [string, LiveTarget])[] = []
    let until: string | undefined
    for (const { key, state } of lists.scan(range)) {
      if (key === '' || pending.get(key) !== undefined) continue
      const target = targetsOf(key, parts.corrected(state), false)
      if (answersWithSomething(target)) found.push([key, target])
      if (found.length < limit) continue
      until = key
      break
    }
    return { found: tellEarlier(found, lists.moved(upTo(range, until))), until }
  }

  let lastCount = 0
  let countBelievedUntilMs = 0

  async function countAnew(): Promise<{ readonly count: number; readonly turns: number }> {
    const forgotten = reader.read(r => r.lists.forgottenKeys(), [])
    // A ban of whoever had it forgotten brings a tag back.
    const isGone = (key: string) => !exclusions.any() || !isKnown(committedState(key), exclusions)
    let count = pending.moreOf(state => isKnown(state, exclusions))
    count -= forgotten.filter(isGone).length
    for (let after = '', turns = 1; ; turns += 1) {
      const page = reader.read(r => r.lists.countObserved(after, countedAtOnce), nothingCounted)
      count += page.count
      if (page.until === undefined) return { count, turns }
      after = page.until
      await nextTurn()
    }
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
      const isWanted = (key: string): boolean =>
        repository === undefined || parseKey(key).repository === repository
      for (const { key } of walk(keyRange({ registry, repository }, after), limit)) {
        const row = isWanted(key) ? answeringRow(key) : undefined
        if (row !== undefined && rows.push(row) >= limit) break
      }
      return rows
    },
    find: createFindKeys({ ...parts, pendingIn, rowOf: answeringRow }),
    liveTargets({ beginning, after, limit = Number.POSITIVE_INFINITY } = {}) {
      const range = keyRange({ prefix: beginning }, after)
      const { found, until } = reader.read(r => committedTargets(r.lists, range, limit), {
        found: [],
        until: undefined,
      })
      const waiting = pendingIn(upTo(range, until)).map(pendingTarget)
      return [...found, ...waiting]
        .filter(([, target]) => answersWithSomething(target))
        .sort(([a], [b]) => compareTexts(a, b))
        .map(([, target]) => target)
    },
    pinnedNames: () => [...pinnedNames()],
    async countTags() {
      const beganMs = performance.now()
      if (beganMs < countBelievedUntilMs) return lastCount
      const { count, turns } = await countAnew()
      const endedMs = performance.now()
      lastCount = count
      countBelievedUntilMs = turns === 1 ? 0 : endedMs + believedShare * (endedMs - beganMs)
      return count
    },
    countPins() {
      const keys = pinnedNames()
      let count = 0
      for (const key of keys) if (rowOf(key).pin !== undefined) count++
      return count
    },
  }
}

function tellEarlier(
  found: readonly (readonly [string, LiveTarget])[],
  moved: readonly string[],
): readonly (readonly [string, LiveTarget])[] {
  const hasEarlier = new Set(moved)
  return found.map(([key, target]) =>
    hasEarlier.has(key) ? [key, { ...target, hasEarlier: true }] : [key, target],
  )
}

const answersWithSomething = ({ live, pinned }: LiveTarget): boolean =>
  live !== undefined || pinned !== undefined

/** Two ordered lists as one; a key that is in both comes once, as the first list has it. */
function* mergeKeys(
  first: Iterable<ListedKey>,
  second: readonly ListedKey[],
): Generator<ListedKey> {
  let at = 0
  for (const listed of first) {
    for (let other = second[at]; other !== undefined && other.key < listed.key; ) {
      yield other
      other = second[++at]
    }
    if (second[at]?.key === listed.key) at++
    yield listed
  }
  yield* second.slice(at)
}
