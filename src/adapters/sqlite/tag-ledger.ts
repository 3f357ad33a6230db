import type { TimeSample } from '../../ledger/agree-on-time.ts'
import type { KeyOperation } from '../../ledger/key-operation.ts'
import {
  applyChange,
  emptyKeyState,
  forgottenUntil,
  historyOf,
  type KeyState,
  liveTarget,
} from '../../ledger/key-state.ts'
import { useEveryMs } from '../../ledger/observe.ts'
import { decide } from '../../ledger/operation.ts'
import { pinInForce } from '../../ledger/pin.ts'
import { newestStamp } from '../../ledger/stamp.ts'
import { answerTime, believeUntil, type TrustedTime } from '../../ledger/trusted-time.ts'
import { formatTag, type TagReference } from '../../oci/reference.ts'
import type { BlockedAnswers } from '../../ports/blocked-answers.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { PinBook } from '../../ports/pin-book.ts'
import type { TagLedger, UpstreamObservation } from '../../ports/tag-ledger.ts'
import { createBlockedAnswers } from './blocked-answers.ts'
import { createClockCorrection } from './correct-clock.ts'
import { createKeyLists } from './key-lists.ts'
import { createPendingKeys } from './pending-keys.ts'
import { createPinBook } from './pin-book.ts'
import { createPinMemory } from './pin-memory.ts'
import type { Reader } from './reader.ts'
import { remember } from './remembered-keys.ts'
import type { WriterThread } from './writer-thread.ts'

/** What the SQLite ledger is made of. */
export interface TagLedgerParts {
  readonly reader: Reader
  readonly writer: WriterThread
  readonly time: TrustedTime
  readonly clock: Clock
  readonly origin: string
  readonly log: Log
  /** Told after a registry's Date was learned. */
  readonly onTimeLearned: () => void
}

/** The ledger and what only the rest of this folder asks of it. */
export interface OpenedTagLedger extends Omit<TagLedger, 'onExclusions'> {
  /** Tells listeners of keys that others changed. */
  changed(keys: readonly string[]): void
  /** Says again what this node confirmed of a key, if an older record stands. */
  reaffirm(key: string): Promise<void>
  readonly pins: PinBook
  readonly blockedAnswers: BlockedAnswers
  /** What the members of the cluster say the time is, one sample each. */
  learnFromPeers(samples: readonly TimeSample[]): void
}

/** The ledger over one reader and one writer. */
export function createTagLedger(
  parts: TagLedgerParts,
  settings: { readonly retentionDays: number },
): OpenedTagLedger {
  const { reader, writer, time, origin } = parts
  const pending = createPendingKeys()
  const pins = createPinMemory(reader)
  const listeners = new Set<(key: TagReference) => void>()
  const decider = { origin, exclusions: reader.exclusions }
  const correction = createClockCorrection({ ...parts, onChanged: changed })
  const { corrected } = correction
  const lists = createKeyLists({ reader, pending, corrected, nowMs: time.nowMs })
  /** The latest question of each key that was answered. */
  const answered = new Map<string, number>()
  /** When the newest use of a key was, as far as known. */
  const used = new Map<string, number>()
  let questions = 0
  let agedOutAtMs = parts.clock.monotonicMs()

  const observations = (key: string): KeyState =>
    pending.get(key) ?? corrected(reader.read(r => r.keys.readObservations(key), emptyKeyState))

  const stateForWriting = (key: string): KeyState =>
    corrected(pending.get(key) ?? reader.read(r => r.keys.read(key), emptyKeyState))

  /** The same decision is made here, for readers, and in the writer, which signs it; both see the same operations in the same order. */
  function submit(key: string, operation: KeyOperation): Promise<void> {
    const before = stateForWriting(key)
    const change = decide(before, key, operation, decider)
    if (change === undefined) return Promise.resolve()
    const written = writer.submit({ type: 'key', key, operation }).then(() => {})
    pending.put(key, applyChange(before, change), before, written)
    if (change.records !== undefined) changed([key])
    return written
  }

  function changed(keys: readonly string[]): void {
    pins.forget(keys)
    for (const key of keys) for (const listener of listeners) tell(listener, lists.parse(key))
  }

  /** A listener that fails must not undo the write it was told of. */
  function tell(listener: (key: TagReference) => void, key: TagReference): void {
    try {
      listener(key)
    } catch (err) {
      parts.log.error({ ref: formatTag(key), err }, 'a listener of the ledger failed')
    }
  }

  function learnFromPeers(samples: readonly TimeSample[]): void {
    if (correction.learnFromPeers(samples)) used.clear()
    parts.onTimeLearned()
  }

  function learn({ dateMs, overTls }: UpstreamObservation): void {
    if (!overTls || dateMs === undefined) return
    if (correction.learn(dateMs)) used.clear()
    parts.onTimeLearned()
  }

  /** Whether a question of this key that was sent later has been answered already. */
  function isLate(key: string, order: number): boolean {
    const latest = answered.get(key)
    if (latest !== undefined && latest > order) return true
    remember(answered, key, order)
    return false
  }

  return {
    live: key => liveTarget(observations(formatTag(key)), reader.exclusions),
    history: key => historyOf(observations(formatTag(key)), reader.exclusions),
    pin(key) {
      const text = formatTag(key)
      const state = pending.get(text) ?? corrected(pins.read(text))
      return pinInForce(state, reader.exclusions, time.nowMs())
    },
    askedNow(key) {
      const state = observations(formatTag(key))
      const { exclusions } = reader
      const stamps = [liveTarget(state, exclusions)?.stamp, forgottenUntil(state, exclusions)]
      return { liveStamp: newestStamp(stamps), order: ++questions }
    },
    observeUpstream(observation) {
      learn(observation)
      const { digest, mediaType, size, asked } = observation
      const key = formatTag(observation.key)
      return submit(key, {
        type: 'upstream',
        target: { digest, mediaType, size },
        asked: asked.liveStamp,
        isLate: isLate(key, asked.order),
        wallMs: answerTime(observation.dateMs, time),
        atMs: time.nowMs(),
        believeUntilMs: believeUntil(time),
      })
    },
    observeLocal(key, { digest, mediaType, size }, source) {
      const target = { digest, mediaType, size }
      const atMs = time.nowMs()
      const believeUntilMs = believeUntil(time)
      return submit(formatTag(key), {
        type: 'local',
        target,
        source,
        atMs,
        believeUntilMs,
      })
    },
    setPin(key, { digest, mediaType, size }, { note, author, expiresAtMs }) {
      const target = { digest, mediaType, size }
      const when = { atMs: time.nowMs(), believeUntilMs: believeUntil(time) }
      return submit(formatTag(key), { type: 'pin', target, note, author, expiresAtMs, ...when })
    },
    removePin(key, author) {
      const when = { atMs: time.nowMs(), believeUntilMs: believeUntil(time) }
      return submit(formatTag(key), { type: 'unpin', author, ...when })
    },
    forget(key, { note, author }) {
      const when = { atMs: time.nowMs(), believeUntilMs: believeUntil(time) }
      return submit(formatTag(key), { type: 'forget', note, author, ...when })
    },
    setHeldByClients(key, { digest, mediaType, size }) {
      const text = formatTag(key)
      if (held(text)?.digest === digest) return
      const target = { digest, mediaType, size }
      submit(text, { type: 'held', target, atMs: time.nowMs() }).catch(ignoreUnusable)
    },
    heldByClients(key) {
      const target = held(formatTag(key))
      const isSeen = target !== undefined && !reader.exclusions.isBlocked(target.digest)
      return isSeen ? target : undefined
    },
    markUsed(key) {
      const text = formatTag(key)
      const atMs = time.nowMs()
      const since = atMs - useEveryMs
      const known = used.get(text) ?? reader.read(r => r.keys.newestUseMs(text), undefined)
      if (known !== undefined && known > since) {
        remember(used, text, known)
        return
      }
      remember(used, text, atMs)
      submit(text, { type: 'use', atMs }).catch(() => used.delete(text))
    },
    listTags: lists.listTags,
    list: lists.list,
    find: lists.find,
    liveTargets: lists.liveTargets,
    pinnedNames: lists.pinnedNames,
    countTags: lists.countTags,
    trustedNowMs: time.nowMs,
    async ageOut() {
      const sinceMs = agedOutAtMs
      agedOutAtMs = parts.clock.monotonicMs()
      // Nothing is forgotten on the word of a clock that nobody confirmed.
      if (!time.isVerified()) {
        agedOutAtMs = sinceMs
        return 0
      }
      const uptimeMs = agedOutAtMs - sinceMs
      const { retentionDays } = settings
      const { changed: keys, wordsChanged } = await writer.submit({
        type: 'age-out',
        time: { nowMs: time.nowMs(), uptimeMs, retentionDays },
      })
      reader.words.reload(wordsChanged)
      for (const key of keys) used.delete(key)
      changed(keys)
      return keys.length
    },
    stats() {
      return {
        pins: lists.countPins(),
        writable: writer.isWritable(),
        clockVerified: time.isVerified(),
        clockOffsetMs: time.offsetMs(),
      }
    },
    onChanged(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    pins: createPinBook({
      reader,
      stateOf: stateForWriting,
      pendingKeys: () => pending.keys(),
      nowMs: time.nowMs,
    }),
    blockedAnswers: createBlockedAnswers({
      reader,
      stateOf: stateForWriting,
      pendingKeys: () => pending.keys(),
      nowMs: time.nowMs,
    }),
    changed,
    learnFromPeers,
    reaffirm: key =>
      submit(key, { type: 'reaffirm', atMs: time.nowMs(), believeUntilMs: believeUntil(time) }),
  }

  function held(key: string): KeyState['held'] {
    const state = pending.get(key)
    return state === undefined ? reader.read(r => r.keys.held(key), undefined) : state.held
  }
}

/** Local notes: the writer has said that it cannot write, and the next note tries again. */
const ignoreUnusable = (): void => {}
