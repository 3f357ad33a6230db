import type { Bus, Verdict } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerAnswer, PeerClient, PeerStream } from '../ports/peer-port.ts'
import type { RecordOutcome, RecordStore } from '../ports/record-store.ts'
import type { Timers } from '../ports/timers.ts'
import { createAnnouncer } from './announce.ts'
import { createCatchUp, type Round } from './catch-up.ts'
import { createFetchKey, type FetchKey } from './fetch-key.ts'
import { rootText, treeOf } from './hash-tree.ts'
import { createIntake, type OnTaken } from './intake.ts'
import { createJoin, isLittle } from './join.ts'
import { createPretenderLog } from './pretender-log.ts'
import { startReaffirming } from './reaffirm.ts'
import { createReceiver } from './receive.ts'
import { createRefusals } from './refusals.ts'
import { startSchedule } from './schedule.ts'
import { createSyncServer } from './serve.ts'
import { createSnapshotFetch, createSnapshotServer, type SnapshotProgress } from './snapshot.ts'
import { createStoreCopies, type StoreCopies } from './store-copies.ts'
import { createStrikes } from './strikes.ts'

/** How long one key is asked for, ms. */
const keyMs = 1_000

/** The root is computed at most so often while records come, ms, and for at most this share of the time. */
const rootEveryMs = 1_000
const rootShare = 0.1

/** A horizon is moved on another node's word at most so often, ms. */
const horizonEveryMs = 3_600_000

/** Told of what goes on, for metrics. */
export interface SyncObserver {
  /** Own records went out. */
  announced(records: number, bytes: number): void
  /** Others' records came, by gossip or in a round. */
  received(outcomes: readonly RecordOutcome[]): void
  round(round: Round): void
  snapshot(progress: SnapshotProgress): void
}

/** How far this node is. Times on the monotonic clock, ms. */
export interface SyncStatus {
  /** Root of the fingerprint, hex; '' before it was computed. */
  readonly root: string
  /** No record came since it was computed: then equal roots mean equal ledgers. */
  readonly isRootCurrent: boolean
  readonly records: number
  /** It has not compared itself with anybody to the end since it started. */
  readonly isBehind: boolean
  /** A snapshot is being fetched, and stands at this share of all leaves. */
  readonly snapshotShare: number | undefined
  readonly rounds: number
  /** When it last held what another node held. */
  readonly convergedAtMs: number | undefined
  readonly lastRound: Round | undefined
  /** Records that others offer and this node does not take. */
  readonly refused: number
}

/** Keeps this node's records and the others' the same. */
export interface Sync {
  /** For messages of type 1. */
  judge(message: Uint8Array, from: NodeId): Promise<Verdict>
  /** Subjects this node answers on its peer port. */
  readonly answers: ReadonlyMap<string, PeerAnswer>
  readonly streams: ReadonlyMap<string, PeerStream>
  readonly fetchKey: FetchKey
  readonly storeCopies: StoreCopies
  isBehind(): boolean
  /** Root of the fingerprint for the hello, hex; at most a second old. */
  root(): string
  status(): SyncStatus
  /** Compares with this node next. */
  catchUpWith(id: NodeId): void
  /** What is taken has changed (operators, the clock): what was refused is asked for again. */
  forgetRefusals(): void
  close(): void
}

/** What sync is made of. */
export interface SyncParts {
  readonly store: RecordStore
  readonly bus: Pick<Bus, 'publish' | 'onNeighbour'>
  readonly peers: Pick<PeerClient, 'call' | 'stream'>
  readonly members: Members
  readonly clock: Clock
  readonly timers: Timers
  readonly random: () => number
  readonly log: Log
  /** Moves the horizon on as far as it may. */
  readonly ageOut: () => Promise<unknown>
  /** A node went too far: whoever holds the connections hangs up for a while. */
  readonly onMisbehaviour: (id: NodeId) => void
  readonly observer?: Partial<SyncObserver>
}

/** Starts to announce, to take, and to compare. */
export function startSync(parts: SyncParts): Sync {
  const { store, peers, members, clock, timers, random, log, observer = {} } = parts
  const closing = new AbortController()
  const strikes = createStrikes(parts)
  const onNonsense = (id: NodeId): void => strikes.add(id)
  const onFailure = (id: NodeId, err: unknown): void =>
    log.debug({ peer: id, err }, 'a node did not answer in a catch-up')
  const tellPretenders = createPretenderLog(log)
  const onTaken: OnTaken = (outcomes, records) => {
    observer.received?.(outcomes)
    tellPretenders(outcomes, records)
  }
  const intake = createIntake({ store, refusals: createRefusals(clock), strikes, onTaken })
  const onHorizon = createHorizonWatch(parts)
  const server = createSyncServer({
    store,
    intake,
    onRoot({ horizonMs, count }, from) {
      onHorizon(horizonMs)
      // Whoever asked leaves it to this node to fetch so much.
      if (isLittle(store.count(), count) && join.share() === undefined) schedule.soon(from)
    },
  })
  const shared = { store, intake, peers, timers, onNonsense, onFailure }
  const join = createJoin({ ...shared, clock, fetch: createSnapshotFetch(shared) })
  const catchUp = createCatchUp({
    ...shared,
    onRoot: ({ horizonMs }) => onHorizon(horizonMs),
    wantsSnapshot: join.isWanted,
    leavesSnapshot: (theirs, ours) => isLittle(theirs, ours),
  })
  const told = { rounds: 0, convergedAtMs: undefined as number | undefined, root: '' }
  let lastRound: Round | undefined
  let isJoining = false

  const rootWatch = createRootWatch({
    ...parts,
    // Each piece of a snapshot changes every leaf: computed when it is here.
    isWanted: () => !isJoining,
    onRoot(root) {
      told.root = root
    },
  })

  async function run(id: NodeId): Promise<Round['result']> {
    const round = await catchUp(id, closing.signal)
    told.rounds++
    lastRound = round
    observer.round?.(round)
    rootWatch.refresh()
    if (round.result === 'equal' || round.result === 'done') {
      told.convergedAtMs = clock.monotonicMs()
    }
    // Who always has more, and never anything new, waits for its turn like everybody.
    if (round.result === 'more' && round.received === 0) return 'done'
    if (round.result !== 'snapshot') return round.result
    isJoining = true
    const progress = await join.run(id, closing.signal)
    isJoining = false
    rootWatch.refresh()
    observer.snapshot?.(progress)
    return progress.result === 'whole' ? 'more' : progress.result
  }

  const announcer = createAnnouncer({
    ...parts,
    onSent: (records, bytes) => observer.announced?.(records, bytes),
  })
  const receiver = createReceiver({ store, strikes, timers, log, onTaken })
  const stopReaffirming = startReaffirming({ store, timers, random, log })
  const schedule = startSchedule({ ...parts, ownRoot: () => told.root, run })
  const isBehind = (): boolean => told.convergedAtMs === undefined || join.share() !== undefined

  return {
    judge: receiver.judge,
    answers: server.answers,
    streams: new Map([['sync/snapshot', createSnapshotServer({ store, timers })]]),
    fetchKey: createFetchKey({ intake, peers, members, random, log }, { timeoutMs: keyMs }),
    storeCopies: createStoreCopies({ store, peers, members, timers, log }),
    isBehind,
    root: () => told.root,
    status: () => ({
      root: told.root,
      isRootCurrent: rootWatch.isCurrent(),
      records: store.count(),
      isBehind: isBehind(),
      snapshotShare: join.share(),
      rounds: told.rounds,
      convergedAtMs: told.convergedAtMs,
      lastRound,
      refused: intake.refusals.size(),
    }),
    catchUpWith: schedule.soon,
    forgetRefusals: intake.refusals.clear,
    close() {
      closing.abort(new Error('sync is closed'))
      schedule.close()
      announcer.close()
      stopReaffirming()
      rootWatch.close()
    },
  }
}

/** Computes the root when records came, and not more often than it must. */
function createRootWatch(
  parts: Pick<SyncParts, 'store' | 'clock' | 'timers' | 'log'> & {
    readonly isWanted: () => boolean
    readonly onRoot: (root: string) => void
  },
): { isCurrent(): boolean; refresh(): void; close(): void } {
  let cancel: (() => void) | undefined
  let lastMs = 0
  /** How often records came, and at which of these times the root was right. */
  let changes = 0
  let computedAt = -1

  async function compute(): Promise<void> {
    const startMs = parts.clock.monotonicMs()
    const seen = changes
    try {
      parts.onRoot(rootText(treeOf(await parts.store.fingerprint())))
      computedAt = seen
    } catch (err) {
      parts.log.warn({ err }, 'the ledger has no fingerprint')
    }
    lastMs = parts.clock.monotonicMs() - startMs
  }

  function refresh(): void {
    cancel?.()
    cancel = undefined
    void compute()
  }

  const stop = parts.store.onRecords(() => {
    changes += 1
    if (!parts.isWanted()) return
    cancel ??= parts.timers.after(Math.max(rootEveryMs, lastMs / rootShare), refresh)
  })
  refresh()
  return {
    isCurrent: () => computedAt === changes,
    refresh,
    close() {
      stop()
      cancel?.()
    },
  }
}

/** Others forgot more than this node: it looks whether it may forget as much. */
function createHorizonWatch({
  store,
  clock,
  log,
  ageOut,
}: Pick<SyncParts, 'store' | 'clock' | 'log' | 'ageOut'>): (horizonMs: number) => void {
  let lastMs = Number.NEGATIVE_INFINITY
  return horizonMs => {
    if (horizonMs <= store.horizonMs() || clock.monotonicMs() < lastMs + horizonEveryMs) return
    lastMs = clock.monotonicMs()
    ageOut().catch(err => log.warn({ err }, 'old observations were not dropped'))
  }
}
