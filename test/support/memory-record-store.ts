import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Correction, correctRecord } from '../../src/ledger/correct.ts'
import { decodeRecord, encodeRecord, type RecordFault } from '../../src/ledger/encode-record.ts'
import { mergeSighting, type Sighting, sightingOf } from '../../src/ledger/history.ts'
import { advanceHorizon, defaultRetentionDays } from '../../src/ledger/horizon.ts'
import type { KeyOperation } from '../../src/ledger/key-operation.ts'
import { emptyKeyState, type KeyState, liveRecord } from '../../src/ledger/key-state.ts'
import {
  compareRows,
  hashLeaf,
  leafCount,
  leafHashBytes,
  markOf,
  type RecordRow,
} from '../../src/ledger/leaf.ts'
import { mergeRecords } from '../../src/ledger/merge.ts'
import { beatenConfirmation } from '../../src/ledger/observe.ts'
import { decide } from '../../src/ledger/operation.ts'
import { operatorRecord } from '../../src/ledger/own-record.ts'
import { endedBy } from '../../src/ledger/pin.ts'
import {
  isOperatorKind,
  type LedgerRecord,
  type RecordKind,
  type SignedRecord,
} from '../../src/ledger/record.ts'
import { leafOfRegister, registerOf } from '../../src/ledger/register.ts'
import { compareStamps, stampAfter } from '../../src/ledger/stamp.ts'
import { believeUntil, createTrustedTime, type TrustedTime } from '../../src/ledger/trusted-time.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { RecordOutcome, RecordStore } from '../../src/ports/record-store.ts'
import { createSigner, type Signer } from './signing-node.ts'

type Signed = LedgerRecord & { readonly signed: SignedRecord }

/** A record store that forgets when the process ends: the rules without a database. It passes the port's conformance suite. */
export interface MemoryRecordStore extends RecordStore {
  readonly origin: string
  readonly time: TrustedTime
  /** Does to a key what this node's own ledger does. */
  operate(key: string, operation: KeyOperation): void
  /** An operator's word on this node. */
  say(kind: RecordKind, key: string, removed?: boolean): void
  /** A registry's Date over TLS. */
  learn(dateMs: number): void
  state(key: string): KeyState
  /** All that is held, by register, newest first. */
  registers(): ReadonlyMap<string, readonly Signed[]>
  setOperators(origins: readonly string[] | undefined): void
  releaseQuarantine(): void
  ageOut(): readonly string[]
}

/** @param options `read` parses a record; given where many stores share the work */
export function createMemoryRecordStore(options: {
  readonly clock: Clock
  readonly signer?: Signer
  readonly read?: (signed: SignedRecord) => LedgerRecord | RecordFault
}): MemoryRecordStore {
  const { clock, read = signed => decodeRecord(signed, '') } = options
  const signer = options.signer ?? createSigner()
  const { origin } = signer
  const time = createTrustedTime(clock, undefined)
  const registers = new Map<string, readonly Signed[]>()
  const leaves = Array.from({ length: leafCount }, () => new Set<string>())
  const hashes = new Uint8Array(leafCount * leafHashBytes)
  const dirty = new Set<number>()
  const sightings = new Map<string, readonly Sighting[]>()
  const quarantine = new Map<string, Signed>()
  const recordListeners = new Set<Parameters<RecordStore['onRecords']>[0]>()
  const beatenListeners = new Set<(key: string) => void>()
  let operators: readonly string[] | undefined
  let horizonMs: number | undefined
  let agedOutAtMs = clock.monotonicMs()

  const register = (kind: RecordKind, key: string): readonly Signed[] =>
    registers.get(registerOf(kind, key)) ?? []
  const isSaid = (kind: 'ban' | 'block', key: string, counts: (by: string) => boolean): boolean => {
    const newest = register(kind, key).find(({ origin }) => counts(origin))
    return newest !== undefined && !newest.removed
  }
  const isBanned = (of: string): boolean => isSaid('ban', of, by => by !== of)
  const exclusions = {
    isBanned,
    isBlocked: (digest: string) => isSaid('block', digest, by => !isBanned(by)),
  }

  function replace(name: string, records: readonly Signed[]): void {
    if (records.length === 0) registers.delete(name)
    else registers.set(name, records)
    const leaf = leafOfRegister(name)
    if (records.length === 0) leaves[leaf]?.delete(name)
    else leaves[leaf]?.add(name)
    dirty.add(leaf)
  }

  function put(record: Signed): boolean {
    const before = register(record.kind, record.key)
    const after = mergeRecords(before, [record]) as readonly Signed[]
    const isNew = after.includes(record) && !before.some(b => isSame(b, record))
    if (isNew) replace(registerOf(record.kind, record.key), after)
    return isNew
  }

  function drop({ kind, key, origin: by }: LedgerRecord): void {
    const rest = register(kind, key).filter(r => r.origin !== by)
    replace(registerOf(kind, key), rest)
  }

  function write(record: LedgerRecord): void {
    const body = encodeRecord({ ...record, origin }, '')
    const signed = { body, signature: signer.sign(body) }
    if (put({ ...record, origin, signed })) tell([signed], 'self')
  }

  function tell(records: readonly SignedRecord[], by: 'self' | 'others'): void {
    if (records.length > 0) for (const listener of recordListeners) listener(records, by)
  }

  const state = (key: string): KeyState => ({
    ...emptyKeyState,
    observations: register('observation', key),
    pins: register('pin', key),
    uses: register('use', key),
    sightings: sightings.get(key) ?? [],
  })

  function see(key: string, sighting: Sighting): void {
    const live = state(key).observations[0]?.target?.digest
    sightings.set(key, mergeSighting(sightings.get(key) ?? [], sighting, live))
  }

  function operate(key: string, operation: KeyOperation): void {
    const change = decide(state(key), key, operation, { origin, exclusions })
    for (const ended of change?.ended ?? []) drop(ended)
    for (const record of change?.records ?? []) write(record)
    if (change?.sighting !== undefined) see(key, change.sighting)
  }

  function isTooOld(record: LedgerRecord): boolean {
    const untilMs = horizonMs ?? 0
    const { kind, key, stamp } = record
    if (stamp.wallMs >= untilMs || !isAgeing(record)) return false
    return kind === 'use' || (register('use', key)[0]?.stamp.wallMs ?? 0) < untilMs
  }

  function refuse(signed: SignedRecord, record: LedgerRecord): RecordOutcome | undefined {
    if (!signer.verify(signed, record.origin)) return 'signature'
    if (isOperatorKind(record.kind) && operators?.includes(record.origin) === false)
      return 'no-operator'
    return undefined
  }

  function take(record: Signed): RecordOutcome {
    if (record.stamp.wallMs > believeUntil(time)) {
      setAside(record)
      return 'quarantined'
    }
    if (isTooOld(record)) return 'too-old'
    const held = register(record.kind, record.key)
    for (const ended of endedBy(record, held, believeUntil(time))) drop(ended)
    if (!put(record)) return 'known'
    const { kind, key, target } = record
    if (kind === 'observation' && target !== undefined) remember(key, record, target)
    return 'applied'
  }

  function remember(key: string, record: Signed, target: NonNullable<Signed['target']>): void {
    see(key, sightingOf(record, target, time.nowMs(), undefined))
    const live = liveRecord(state(key), exclusions)
    if (live === undefined || !isSame(live, record)) return
    if (beatenConfirmation(state(key), { origin, exclusions }) === undefined) return
    for (const listener of beatenListeners) listener(key)
  }

  function applyOne(signed: SignedRecord): RecordOutcome {
    const record = read(signed)
    if (typeof record === 'string') return record
    return refuse(signed, record) ?? take({ ...record, signed })
  }

  function correct(by: Correction): void {
    const isWrong = (r: Signed): boolean =>
      r.stamp.wallMs > by.believeUntilMs && (r.origin === origin || r.kind !== 'pin')
    const ended = [...registers.values()].flatMap(records =>
      records.flatMap(r => endedBy(r, records, by.believeUntilMs)),
    )
    for (const pin of ended) drop(pin)
    for (const [name, records] of [...registers]) {
      const wrong = records.filter(isWrong)
      if (wrong.length === 0) continue
      replace(
        name,
        records.filter(r => !isWrong(r)),
      )
      for (const record of wrong) putRight(record, by)
    }
  }

  function putRight(record: Signed, by: Correction): void {
    if (record.origin === origin) write(correctRecord(record, by))
    else setAside(record)
  }

  const setAside = (record: Signed): void =>
    void quarantine.set(`${record.key} ${record.kind} ${record.origin}`, record)

  const isAgeing = ({ kind }: LedgerRecord): boolean => !isOperatorKind(kind)

  function lastUses(): ReadonlyMap<string, number> {
    const uses = new Map<string, number>()
    for (const { key, stamp } of [...registers.values()].flat().filter(isAgeing)) {
      uses.set(key, Math.max(stamp.wallMs, uses.get(key) ?? 0))
    }
    return uses
  }

  function forget(key: string): void {
    const kinds = ['observation', 'use', 'share', 'running'] as const
    for (const kind of kinds) replace(registerOf(kind, key), [])
    sightings.delete(key)
  }

  const rowOf = (name: string, { stamp, origin, signed }: Signed): RecordRow => ({
    register: name,
    wallMs: stamp.wallMs,
    counter: stamp.counter,
    origin,
    mark: markOf(signed),
  })

  const rows = (leaf: number): readonly RecordRow[] =>
    [...(leaves[leaf] ?? [])]
      .flatMap(name => (registers.get(name) ?? []).map(record => rowOf(name, record)))
      .sort(compareRows)

  return {
    origin,
    time,
    operate,
    state,
    say(kind, key, removed = false) {
      const stamp = stampAfter(time.nowMs(), register(kind, key)[0]?.stamp)
      write(operatorRecord(kind, key, undefined, origin, stamp, removed, {}))
    },
    learn(dateMs) {
      const wasVerified = time.isVerified()
      const jump = time.learn(dateMs)
      if (jump === undefined && wasVerified) return
      const { errorMs, sinceMs } = jump ?? { errorMs: 0, sinceMs: Number.MAX_SAFE_INTEGER }
      correct({ errorMs, sinceMs, nowMs: time.nowMs(), believeUntilMs: believeUntil(time) })
    },
    registers: () => registers,
    setOperators(origins) {
      operators = origins
    },
    releaseQuarantine() {
      for (const [name, record] of [...quarantine]) {
        if (record.stamp.wallMs > believeUntil(time)) continue
        quarantine.delete(name)
        take(record)
      }
    },
    ageOut() {
      if (!time.isVerified()) return []
      const uptimeMs = clock.monotonicMs() - agedOutAtMs
      agedOutAtMs = clock.monotonicMs()
      const uses = lastUses()
      const oldestMs = uses.size === 0 ? undefined : Math.min(...uses.values())
      const retentionDays = defaultRetentionDays
      const untilMs = advanceHorizon(horizonMs, {
        nowMs: time.nowMs(),
        uptimeMs,
        retentionDays,
        oldestMs,
      })
      horizonMs = untilMs
      const old = [...uses].filter(([, ms]) => ms < untilMs).map(([key]) => key)
      for (const key of old) forget(key)
      return old
    },
    async apply(records) {
      const outcomes = records.map(applyOne)
      tell(
        records.filter((_, i) => outcomes[i] === 'applied'),
        'others',
      )
      return outcomes
    },
    async fingerprint() {
      for (const leaf of dirty) hashes.set(hashLeaf(rows(leaf)), leaf * leafHashBytes)
      dirty.clear()
      return hashes
    },
    rows,
    records(leaf, wanted) {
      const names = new Set(wanted.map(row => `${row.register} ${row.origin} ${row.mark}`))
      return [...(leaves[leaf] ?? [])].flatMap(name =>
        (registers.get(name) ?? [])
          .filter(({ origin, signed }) => names.has(`${name} ${origin} ${markOf(signed)}`))
          .map(({ signed }) => signed),
      )
    },
    async *all(from) {
      for (let leaf = from; leaf < leafCount; leaf++) {
        const names = [...(leaves[leaf] ?? [])].sort()
        const records = names.flatMap(name => (registers.get(name) ?? []).map(r => r.signed))
        if (records.length > 0) yield { leaf, records }
        if (leaf % 256 === 0) await nextTurn()
      }
    },
    count: () => [...registers.values()].reduce((sum, records) => sum + records.length, 0),
    horizonMs: () => horizonMs ?? 0,
    onRecords(listener) {
      recordListeners.add(listener)
      return () => void recordListeners.delete(listener)
    },
    onBeaten(listener) {
      beatenListeners.add(listener)
      return () => void beatenListeners.delete(listener)
    },
    async reaffirm(key) {
      const atMs = time.nowMs()
      operate(key, { type: 'reaffirm', atMs, believeUntilMs: believeUntil(time) })
    },
  }
}

const isSame = (a: LedgerRecord, b: LedgerRecord): boolean =>
  a.origin === b.origin &&
  compareStamps(a.stamp, b.stamp) === 0 &&
  a.target?.digest === b.target?.digest &&
  Buffer.compare(a.signed?.body ?? Buffer.alloc(0), b.signed?.body ?? Buffer.alloc(0)) === 0
