import { correctState } from '../../src/ledger/correct.ts'
import { advanceHorizon, defaultRetentionDays } from '../../src/ledger/horizon.ts'
import type { KeyOperation } from '../../src/ledger/key-operation.ts'
import {
  applyChange,
  type Exclusions,
  emptyKeyState,
  forgottenUntil,
  historyOf,
  type KeyState,
  liveTarget,
} from '../../src/ledger/key-state.ts'
import { decide } from '../../src/ledger/operation.ts'
import { pinInForce } from '../../src/ledger/pin.ts'
import { compareTexts } from '../../src/ledger/record.ts'
import { newestStamp } from '../../src/ledger/stamp.ts'
import { answerTime, believeUntil, createTrustedTime } from '../../src/ledger/trusted-time.ts'
import { formatTag, type TagReference } from '../../src/oci/reference.ts'
import { type Clock, systemClock } from '../../src/ports/clock.ts'
import type { TagLedger, TagRow } from '../../src/ports/tag-ledger.ts'

/** Nothing is banned or blocked. */
const believeAll: Exclusions = { isBanned: () => false, isBlocked: () => false }

/** A ledger that forgets when the process ends: the rules without a database. It passes the port's conformance suite. */
export function createMemoryLedger(
  options: { readonly clock?: Clock; readonly retentionDays?: number } = {},
): TagLedger {
  const clock = options.clock ?? systemClock
  const time = createTrustedTime(clock, undefined)
  const origin = '0'.repeat(64)
  const states = new Map<string, { readonly key: TagReference; readonly state: KeyState }>()
  const answered = new Map<string, number>()
  const listeners = new Set<(key: TagReference) => void>()
  let questions = 0
  let horizonMs: number | undefined
  let agedOutAtMs = clock.monotonicMs()

  const stateOf = (key: TagReference): KeyState =>
    states.get(formatTag(key))?.state ?? emptyKeyState

  async function write(key: TagReference, operation: KeyOperation): Promise<void> {
    const text = formatTag(key)
    const decider = { origin, exclusions: believeAll }
    const change = decide(stateOf(key), text, operation, decider)
    if (change === undefined) return
    states.set(text, { key, state: applyChange(stateOf(key), change) })
    if (change.records !== undefined) for (const listener of listeners) listener(key)
  }

  function learn(dateMs: number): void {
    const wasVerified = time.isVerified()
    const jump = time.learn(dateMs)
    if (jump === undefined && wasVerified) return
    const { errorMs, sinceMs } = jump ?? { errorMs: 0, sinceMs: Number.MAX_SAFE_INTEGER }
    const by = { errorMs, sinceMs, nowMs: time.nowMs(), believeUntilMs: believeUntil(time) }
    for (const [text, { key, state }] of states) {
      states.set(text, { key, state: correctState(state, by, origin) })
    }
  }

  const rowOf = (key: TagReference): TagRow => ({
    key,
    live: liveTarget(stateOf(key), believeAll),
    pin: pinInForce(stateOf(key), believeAll, time.nowMs()),
  })

  const rows = (): readonly TagRow[] =>
    [...states.keys()]
      .sort(compareTexts)
      .flatMap(text => states.get(text)?.key ?? [])
      .map(rowOf)
      .filter(row => row.live !== undefined || row.pin !== undefined)

  const lastUse = ({ observations, uses }: KeyState): number =>
    Math.max(0, ...[...observations, ...uses].map(record => record.stamp.wallMs))

  return {
    live: key => liveTarget(stateOf(key), believeAll),
    history: key => historyOf(stateOf(key), believeAll),
    pin: key => pinInForce(stateOf(key), believeAll, time.nowMs()),
    askedNow: key => ({
      liveStamp: newestStamp([
        liveTarget(stateOf(key), believeAll)?.stamp,
        forgottenUntil(stateOf(key), believeAll),
      ]),
      order: ++questions,
    }),
    observeUpstream({ key, digest, mediaType, size, asked, dateMs, overTls }) {
      if (overTls && dateMs !== undefined) learn(dateMs)
      const latest = answered.get(formatTag(key)) ?? 0
      answered.set(formatTag(key), Math.max(latest, asked.order))
      return write(key, {
        type: 'upstream',
        target: { digest, mediaType, size },
        asked: asked.liveStamp,
        isLate: latest > asked.order,
        wallMs: answerTime(dateMs, time),
        atMs: time.nowMs(),
        believeUntilMs: believeUntil(time),
      })
    },
    observeLocal: (key, { digest, mediaType, size }, source) =>
      write(key, {
        type: 'local',
        target: { digest, mediaType, size },
        source,
        atMs: time.nowMs(),
        believeUntilMs: believeUntil(time),
      }),
    setPin: (key, { digest, mediaType, size }, { note, author, expiresAtMs }) =>
      write(key, {
        type: 'pin',
        target: { digest, mediaType, size },
        note,
        author,
        expiresAtMs,
        atMs: time.nowMs(),
        believeUntilMs: believeUntil(time),
      }),
    removePin: (key, author) =>
      write(key, {
        type: 'unpin',
        author,
        atMs: time.nowMs(),
        believeUntilMs: believeUntil(time),
      }),
    forget: (key, details) =>
      write(key, {
        type: 'forget',
        note: details.note,
        author: details.author,
        atMs: time.nowMs(),
        believeUntilMs: believeUntil(time),
      }),
    setHeldByClients(key, { digest, mediaType, size }) {
      void write(key, { type: 'held', target: { digest, mediaType, size }, atMs: time.nowMs() })
    },
    heldByClients: key => stateOf(key).held,
    markUsed: key => void write(key, { type: 'use', atMs: time.nowMs() }),
    listTags: (repository, after, limit) =>
      rows()
        .filter(({ key }) => key.registry === repository.registry)
        .filter(({ key }) => key.repository === repository.repository)
        .filter(({ key }) => after === undefined || key.tag > after)
        .slice(0, limit)
        .map(({ key }) => key.tag),
    list: ({ registry, repository, after, limit }) =>
      rows()
        .filter(({ key }) => registry === undefined || key.registry === registry)
        .filter(({ key }) => repository === undefined || key.repository === repository)
        .filter(({ key }) => after === undefined || formatTag(key) > after)
        .slice(0, limit),
    find(filter, after = '', keys) {
      const { registry, repository, prefix = '', contains = '' } = filter
      const { source, confirmedBeforeMs, isWanted } = filter
      const stretch = rows()
        .filter(({ key }) => formatTag(key) > after)
        .slice(0, keys + 1)
      const end = stretch.length > keys ? stretch[keys - 1]?.key : undefined
      const found = stretch.slice(0, keys).filter(({ key, live, pin }) => {
        const digest = pin?.digest ?? live?.digest
        return (
          (registry === undefined || key.registry === registry) &&
          (repository === undefined || key.repository === repository) &&
          formatTag(key).startsWith(prefix) &&
          formatTag(key).includes(contains) &&
          (source === undefined || live?.source === source) &&
          (confirmedBeforeMs === undefined || (live && live.confirmedAtMs < confirmedBeforeMs)) &&
          (isWanted === undefined || (digest !== undefined && isWanted(digest)))
        )
      })
      return { rows: found, until: end && formatTag(end) }
    },
    liveTargets: ({ beginning = '', after = '', limit = Number.POSITIVE_INFINITY } = {}) =>
      rows()
        .filter(({ key }) => formatTag(key).startsWith(beginning) && formatTag(key) > after)
        .slice(0, limit)
        .map(({ key, live, pin }) => ({
          key,
          live: live?.digest,
          pinned: pin?.digest,
          hasEarlier: stateOf(key).sightings.some(seen => seen.target.digest !== live?.digest),
        })),
    pinnedNames: () => [...states].flatMap(([name, { state }]) => (state.pins[0] ? name : [])),
    countTags: async () => rows().filter(row => row.live !== undefined).length,
    trustedNowMs: time.nowMs,
    async ageOut() {
      if (!time.isVerified()) return 0
      const uptimeMs = clock.monotonicMs() - agedOutAtMs
      agedOutAtMs = clock.monotonicMs()
      const observed = [...states].filter(([, { state }]) => state.observations.length > 0)
      const oldestMs = Math.min(...observed.map(([, { state }]) => lastUse(state)))
      const untilMs = advanceHorizon(horizonMs, {
        nowMs: time.nowMs(),
        uptimeMs,
        retentionDays: options.retentionDays ?? defaultRetentionDays,
        oldestMs: observed.length === 0 ? undefined : oldestMs,
      })
      horizonMs = untilMs
      const old = observed.filter(([, { state }]) => lastUse(state) < untilMs)
      for (const [text, { key, state }] of old) {
        states.set(text, { key, state: { ...emptyKeyState, pins: state.pins } })
        for (const listener of listeners) listener(key)
      }
      return old.length
    },
    stats: () => ({
      pins: rows().filter(row => row.pin !== undefined).length,
      writable: true,
      clockVerified: time.isVerified(),
      clockOffsetMs: time.offsetMs(),
    }),
    onExclusions: () => () => {},
    onChanged(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
