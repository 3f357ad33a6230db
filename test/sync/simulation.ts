import { createHash } from 'node:crypto'
import { decodeRecord, type RecordFault } from '../../src/ledger/encode-record.ts'
import { liveRecord } from '../../src/ledger/key-state.ts'
import { markOf } from '../../src/ledger/leaf.ts'
import { mergeRecords } from '../../src/ledger/merge.ts'
import type { LedgerRecord, SignedRecord } from '../../src/ledger/record.ts'
import { registerOf } from '../../src/ledger/register.ts'
import { maxAheadMs } from '../../src/ledger/stamp.ts'
import { believeUntil } from '../../src/ledger/trusted-time.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { day, image, minute, today } from '../ports/tag-ledger.support.ts'
import { createMemoryRecordStore, type MemoryRecordStore } from '../support/memory-record-store.ts'
import { seededRandom } from '../support/random.ts'
import type { Signer } from '../support/signing-node.ts'
import { createSyncLab, textOf } from './support.ts'

/** What a run was like, for a test to see that its faults did happen. */
export interface SimulationReport {
  readonly seed: number
  /** Simulated time from the heal until all were equal, ms. */
  readonly convergedMs: number
  readonly records: number
  readonly messages: number
  readonly rounds: number
  readonly pins: number
  /** Bans and blocks. */
  readonly excluded: number
  /** Records of the node whose clock is ten years ahead. */
  readonly ahead: number
  readonly rolledBack: number
  /** What is wrong, if anything. */
  readonly faults: readonly string[]
}

const keys = Array.from({ length: 40 }, (_, i) => `docker.io/library/app-${i}:latest`)
const believeAll = { isBanned: () => false, isBlocked: () => false }

/** Signatures that cost nothing: the rules do not care what makes them. */
function cheapSigner(name: string): Signer {
  const origin = createHash('sha256').update(name).digest('hex')
  const seal = (of: string, body: Uint8Array) =>
    createHash('sha512').update(of).update(body).digest()
  return {
    origin,
    sign: body => seal(origin, body),
    verify: ({ body, signature }, of) => Buffer.compare(seal(of, body), signature) === 0,
  }
}

/** Reads every record once for all replicas. */
function sharedReader(): {
  read(signed: SignedRecord): LedgerRecord | RecordFault
  readonly all: Map<string, LedgerRecord | RecordFault>
} {
  const all = new Map<string, LedgerRecord | RecordFault>()
  return {
    all,
    read(signed) {
      const name = textOf(signed)
      const known = all.get(name) ?? decodeRecord(signed, '')
      all.set(name, known)
      return known
    },
  }
}

/** Replicas with every fault at once: loss, duplicates, reordering, partitions, clocks; then a heal, and all must hold the same. */
export async function simulate(
  seed: number,
  { replicas = 30, rounds = 12 }: { readonly replicas?: number; readonly rounds?: number } = {},
): Promise<SimulationReport> {
  const random = seededRandom(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const lab = createSyncLab(seed)
  const { clock, timers } = lab
  const reader = sharedReader()
  const said: SignedRecord[] = []
  const rightMs = (): number => Math.round(clock.wallMs())

  /** One has lost its battery, one is far ahead, the others are out by up to two seconds. */
  const skews = Array.from({ length: replicas }, (_, i) =>
    i === 3 ? -today : i === 7 ? 3_650 * day : Math.round((random() - 0.5) * 4_000),
  )
  const stores: MemoryRecordStore[] = skews.map((skewMs, i) => {
    const own: Clock = { ...clock, wallMs: () => Math.max(0, rightMs() + skewMs) }
    const signer = cheapSigner(`${seed} ${i}`)
    const store = createMemoryRecordStore({ clock: own, signer, read: reader.read })
    store.onRecords((records, by) => {
      if (by === 'self') said.push(...records)
    })
    lab.add(store.origin, store)
    return store
  })
  const ids = stores.map(({ origin }) => origin)
  for (const [i, id] of ids.entries()) {
    for (const step of [1, 3, 7]) {
      const other = ids[(i + step) % ids.length]
      if (other !== undefined && other !== id) lab.link(id, other)
    }
  }

  /** What upstream says: it moves, and once goes back. */
  const upstream = new Map(keys.map(key => [key, `${key} 0`]))
  let rolledBack = 0
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T

  function observe(store: MemoryRecordStore, key: string): void {
    // Most registries' Dates come over TLS; the two with absurd clocks never hear one before the heal.
    const isOdd = store === stores[3] || store === stores[7]
    if (!isOdd && random() < 0.5) store.learn(rightMs())
    store.operate(key, {
      type: 'upstream',
      target: image(upstream.get(key) ?? key),
      asked: liveRecord(store.state(key), believeAll)?.stamp,
      isLate: false,
      wallMs: isOdd && random() < 0.5 ? store.time.nowMs() : rightMs(),
      atMs: store.time.nowMs(),
      believeUntilMs: believeUntil(store.time),
    })
  }

  const local = (store: MemoryRecordStore, source: 'push' | 'containerd', name: string): void => {
    const target = image(name)
    store.operate(one(keys), { type: 'local', target, source, ...whenOf(store) })
  }

  const whenOf = ({ time }: MemoryRecordStore) => ({
    atMs: time.nowMs(),
    believeUntilMs: believeUntil(time),
  })

  const pinned = { note: undefined, author: undefined, expiresAtMs: undefined }

  /** What nodes and operators do, by how often of a hundred times. */
  const acts: readonly (readonly [number, (store: MemoryRecordStore) => void])[] = [
    [55, store => observe(store, one(keys))],
    [10, store => local(store, 'push', `pushed ${below(1_000)}`)],
    [5, store => local(store, 'containerd', 'found in containerd')],
    [
      12,
      store => {
        const target = image(`pin ${below(50)}`)
        store.operate(one(keys), { type: 'pin', target, ...pinned, ...whenOf(store) })
      },
    ],
    [5, store => store.operate(one(keys), { type: 'unpin', author: undefined, ...whenOf(store) })],
    [5, store => store.operate(one(keys), { type: 'use', atMs: store.time.nowMs() })],
    [4, store => store.say('ban', one(ids), random() < 0.6)],
    [4, store => store.say('block', image(upstream.get(one(keys)) ?? '').digest, random() < 0.6)],
  ]
  const hat = acts.flatMap(([share, act]) => Array.from({ length: share }, () => act))

  const divide = (): readonly (readonly string[])[] => {
    const parts = 2 + below(2)
    const groups = Array.from({ length: parts }, () => [] as string[])
    for (const id of ids) one(groups).push(id)
    return groups
  }

  function moveUpstream(round: number): void {
    for (const key of keys) {
      if (random() > 0.2) continue
      const goesBack = random() < 0.3
      if (goesBack) rolledBack++
      upstream.set(key, goesBack ? `${key} 0` : `${key} ${round}`)
    }
  }

  async function disturb(round: number): Promise<void> {
    lab.lose(round % 3 === 0 ? 0.6 : 0.2)
    if (round % 4 === 1) lab.partition(...divide())
    if (round % 4 === 3) lab.partition()
    moveUpstream(round)
    for (let i = 0; i < 25; i++) {
      one(hat)(one(stores))
      await timers.pass(below(400))
    }
    await timers.pass(below(20_000))
  }

  async function heal(): Promise<readonly string[]> {
    lab.partition()
    lab.lose(0.1)
    for (const store of stores) {
      // The two that were lost in time hear of it, too. The root does so when trusted time becomes known.
      store.learn(rightMs())
      lab.nodes.get(store.origin)?.sync.forgetRefusals()
    }
    await timers.pass(10_000)
    return lab.converge(10 * minute).then(
      () => [],
      () => ['not equal'],
    )
  }

  for (let round = 0; round < rounds; round++) await disturb(round)
  const healedMs = clock.monotonicMs()
  const faults = [...(await heal())]
  const convergedMs = clock.monotonicMs() - healedMs
  faults.push(...compareWithOracle())
  const isSaid = (kinds: readonly string[]) =>
    said.filter(signed => {
      const record = reader.read(signed)
      return typeof record === 'object' && kinds.includes(record.kind)
    }).length
  const report = {
    seed,
    convergedMs,
    records: said.length,
    messages: lab.published.length,
    rounds: [...lab.nodes.values()].reduce((sum, node) => sum + node.rounds.length, 0),
    pins: isSaid(['pin']),
    excluded: isSaid(['ban', 'block']),
    ahead: said.filter(signed => {
      const record = reader.read(signed)
      return typeof record === 'object' && record.stamp.wallMs > rightMs() + day
    }).length,
    rolledBack,
    faults,
  }
  lab.close()
  return report

  /** All that anybody ever said, merged one after the other on one pile. */
  function compareWithOracle(): readonly string[] {
    const piles = new Map<string, readonly LedgerRecord[]>()
    const believedMs = clock.wallMs() + maxAheadMs
    for (const signed of said) {
      const record = reader.read(signed)
      if (typeof record === 'string') return [`a record that is none: ${record}`]
      if (record.stamp.wallMs > believedMs) continue
      const name = registerOf(record.kind, record.key)
      piles.set(name, mergeRecords(piles.get(name) ?? [], [{ ...record, signed }]))
    }
    const expected = listOf(piles)
    return stores.flatMap((store, i) => {
      const held = listOf(store.registers())
      const missing = expected.filter(text => !held.includes(text))
      const extra = held.filter(text => !expected.includes(text))
      return [
        ...missing.map(text => `replica ${i} lacks ${text}`),
        ...extra.map(text => `replica ${i} has ${text}`),
      ]
    })
  }

  function describe(name: string, { kind, key, origin, stamp, signed }: LedgerRecord): string {
    const by = stores.findIndex(store => store.origin === origin)
    const mark = signed === undefined ? '' : markOf(signed)
    return `${name} ${kind} of ${key} by ${by} at ${stamp.wallMs}.${stamp.counter} ${mark}`
  }

  function listOf(registers: ReadonlyMap<string, readonly LedgerRecord[]>): readonly string[] {
    return [...registers].flatMap(([name, records]) => records.map(r => describe(name, r)))
  }
}
