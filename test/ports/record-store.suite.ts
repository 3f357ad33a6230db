import type { Test } from 'tap'
import { maxRecordBytes } from '../../src/ledger/encode-record.ts'
import { leafCount, leafHashBytes } from '../../src/ledger/leaf.ts'
import type { SignedRecord } from '../../src/ledger/record.ts'
import { leafOf } from '../../src/ledger/register.ts'
import { formatTag } from '../../src/oci/reference.ts'
import type { RecordStore } from '../../src/ports/record-store.ts'
import { createMovableClock, type MovableClock } from '../support/movable-clock.ts'
import { makePeer } from '../support/signing-node.ts'
import { day, hour, minute, nginx, today } from './tag-ledger.support.ts'

/** A store and what its own node does to it. */
export interface RecordStoreForTest {
  readonly store: RecordStore
  readonly origin: string
  /** This node's upstream answers with the named image; over TLS with the registry's Date. */
  observe(name: string, dateMs: number): Promise<void>
  setOperators(origins: readonly string[] | undefined): void
  /** Name of the image (of `a`, `b`, `c`) that nginx:latest points to. */
  live(): string | undefined
  ageOut(): Promise<unknown>
}

/** Opens an empty one. */
export type OpenRecordStore = (t: Test, clock: MovableClock) => Promise<RecordStoreForTest>

const key = formatTag(nginx)
const keyOf = (i: number): string => `docker.io/library/app-${i}:latest`

async function allOf(store: RecordStore, from = 0): Promise<readonly SignedRecord[]> {
  const all: SignedRecord[] = []
  for await (const { records } of store.all(from)) all.push(...records)
  return all
}

const texts = (records: readonly SignedRecord[]): readonly string[] =>
  records.map(r => Buffer.from(r.signature).toString('hex')).sort()

/** Every promise of a record store, one subtest each. */
export function testRecordStore(t: Test, open: OpenRecordStore): void {
  const opened = (t: Test, clock = createMovableClock(today)) => open(t, clock)

  t.test('an empty store has nothing in any leaf', async t => {
    const { store } = await opened(t)
    t.strictSame(Buffer.from(await store.fingerprint()), Buffer.alloc(leafCount * leafHashBytes))
    t.equal(store.count(), 0)
    t.strictSame(store.rows(0), [])
    t.strictSame(await allOf(store), [])
    t.equal(store.horizonMs(), 0)
  })

  t.test("others' records are held as they were signed, in the leaf of their key", async t => {
    const { store } = await opened(t)
    const peer = makePeer()
    const records = [peer.observe('a', today), peer.pin('p', today), peer.use(today)]
    t.strictSame(await store.apply(records), ['applied', 'applied', 'applied'])
    const leaf = leafOf(key)
    const rows = store.rows(leaf)
    t.strictSame(
      rows.map(row => [row.origin, row.wallMs, row.counter]),
      records.map(() => [peer.origin, today, 0]),
    )
    t.equal(new Set(rows.map(row => row.mark)).size, 3)
    t.strictSame(texts(store.records(leaf, rows)), texts(records))
    t.equal(store.records(leaf, rows.slice(0, 1)).length, 1)
    t.strictSame(store.records(leaf, [{ ...rows[0], mark: '00000000' } as (typeof rows)[0]]), [])
    t.strictSame(texts(await allOf(store)), texts(records))
    t.equal(store.count(), 3)
  })

  t.test(
    'stores that hold the same have the same fingerprint, however they came by it',
    async t => {
      const [a, b] = [await opened(t), await opened(t)]
      const peers = [makePeer(), makePeer(), makePeer()]
      const records = Array.from({ length: 600 }, (_, i) =>
        (peers[i % 3] ?? makePeer()).observe(`${i}`, today + i, keyOf(i % 400)),
      )
      await a.store.apply(records)
      t.equal(a.store.count(), 600, 'some have two origins')
      for (const record of [...records].reverse()) await b.store.apply([record])
      const before = Buffer.from(await a.store.fingerprint())
      t.strictSame(before, Buffer.from(await b.store.fingerprint()))
      await a.store.apply([makePeer().observe('x', today, keyOf(7))])
      const after = Buffer.from(await a.store.fingerprint())
      const changed = Array.from({ length: leafCount }, (_, leaf) => leaf).filter(
        leaf => Buffer.compare(hashIn(before, leaf), hashIn(after, leaf)) !== 0,
      )
      t.strictSame(changed, [leafOf(keyOf(7))], 'one leaf changed')
    },
  )

  t.test('an older record changes nothing, a newer one takes its place', async t => {
    const { store } = await opened(t)
    const peer = makePeer()
    const newer = peer.observe('b', today + 1)
    t.strictSame(await store.apply([newer]), ['applied'])
    t.strictSame(await store.apply([peer.observe('a', today), newer]), ['known', 'known'])
    t.strictSame(texts(await allOf(store)), texts([newer]))
  })

  t.test('a register keeps three origins', async t => {
    const { store } = await opened(t)
    const records = [1, 2, 3, 4].map(i => makePeer().observe(`${i}`, today + i))
    await store.apply(records)
    t.strictSame(texts(await allOf(store)), texts(records.slice(1)))
    t.strictSame(await store.apply(records.slice(0, 1)), ['known'])
  })

  t.test('the same records in any order leave the same', async t => {
    const peers = [1, 2, 3, 4, 5].map(() => makePeer())
    const records = peers.flatMap(peer => [
      peer.observe('a', today),
      peer.observe('b', today),
      peer.observe('c', today + 1),
    ])
    const prints: string[] = []
    for (const order of [records, [...records].reverse(), [...records, ...records]]) {
      const { store } = await opened(t)
      await store.apply(order)
      prints.push(Buffer.from(await store.fingerprint()).toString('hex'))
    }
    t.equal(new Set(prints).size, 1)
  })

  t.test('what is no record of a member is told apart and changes nothing', async t => {
    const { store } = await opened(t)
    const peer = makePeer()
    const good = peer.observe('b', today)
    const outcomes = await store.apply([
      { body: good.body, signature: Buffer.alloc(64) },
      { body: good.body, signature: Buffer.alloc(0) },
      { body: Buffer.from('rubbish'), signature: good.signature },
      { body: Buffer.alloc(maxRecordBytes + 1), signature: good.signature },
      makePeer('another cluster').observe('c', today),
      good,
    ])
    t.strictSame(outcomes, [
      'signature',
      'signature',
      'malformed',
      'too-large',
      'cluster',
      'applied',
    ])
    t.equal(store.count(), 1)
  })

  t.test('own records are told once, after which they are held', async t => {
    const { store, observe, origin } = await opened(t)
    const told: { readonly by: string; readonly texts: readonly string[] }[] = []
    store.onRecords((records, by) => told.push({ by, texts: texts(records) }))
    await observe('a', today)
    t.equal(told.length, 1)
    t.equal(told[0]?.by, 'self')
    t.strictSame(told[0]?.texts, texts(await allOf(store)))
    t.equal(store.rows(leafOf(key))[0]?.origin, origin)
    await observe('a', today + 1)
    t.equal(told.length, 1, 'a confirmation is no record')
  })

  t.test("others' records are told once, as theirs", async t => {
    const { store } = await opened(t)
    const told: string[] = []
    const stop = store.onRecords((records, by) => told.push(`${records.length} ${by}`))
    const peer = makePeer()
    const record = peer.observe('a', today)
    await store.apply([record, peer.observe('b', today, keyOf(1))])
    await store.apply([record])
    t.strictSame(told, ['2 others'])
    stop()
    await store.apply([peer.observe('c', today + 1)])
    t.strictSame(told, ['2 others'])
  })

  t.test("an operator's word counts from operators alone, and the list can change", async t => {
    const { store, setOperators } = await opened(t)
    const [one, other] = [makePeer(), makePeer()]
    setOperators([one.origin])
    t.strictSame(
      await store.apply([one.pin('p', today), other.pin('q', today), other.observe('a', today)]),
      ['applied', 'no-operator', 'applied'],
    )
    setOperators(undefined)
    t.strictSame(await store.apply([other.pin('q', today)]), ['applied'])
  })

  t.test('what is ahead of verified time waits outside of the leaves', async t => {
    const { store, observe } = await opened(t)
    await observe('a', today)
    const before = Buffer.from(await store.fingerprint())
    t.strictSame(await store.apply([makePeer().observe('b', today + hour)]), ['quarantined'])
    t.strictSame(Buffer.from(await store.fingerprint()), before)
    t.equal(store.count(), 1)
  })

  t.test('what is forgotten leaves the fingerprint and does not come back', async t => {
    const clock = createMovableClock(today)
    const { store, observe, ageOut } = await opened(t, clock)
    await observe('a', today)
    await store.fingerprint()
    const old = await allOf(store)
    await ageOut()
    for (let i = 0; i < 95; i++) {
      clock.pass(day)
      await ageOut()
    }
    t.equal(store.count(), 0)
    t.strictSame(Buffer.from(await store.fingerprint()), Buffer.alloc(leafCount * leafHashBytes))
    t.ok(store.horizonMs() > today)
    t.strictSame(await store.apply(old), ['too-old'])
  })

  t.test('a confirmation that is newer than what beats it is told, and said again', async t => {
    const clock = createMovableClock(today)
    const { store, observe, live, origin } = await opened(t, clock)
    const beaten: string[] = []
    store.onBeaten(key => beaten.push(key))
    await observe('a', today)
    clock.pass(hour)
    await observe('a', today + hour)
    const peer = makePeer()
    await store.apply([peer.observe('b', today + hour / 2)])
    t.strictSame(beaten, [key])
    t.equal(live(), 'b')
    await store.reaffirm(key)
    t.equal(live(), 'a')
    const newest = store.rows(leafOf(key)).find(row => row.wallMs === today + hour)
    t.equal(newest?.origin, origin, 'with the time of the confirmation')
    await store.reaffirm(key)
    t.equal(store.count(), 2, 'nothing beats it any more')
    await store.apply([peer.observe('c', today + hour + minute)])
    t.equal(live(), 'c')
    t.strictSame(beaten, [key], 'newer than the confirmation')
    await store.reaffirm(key)
    t.equal(live(), 'c')
  })

  t.test('a walk can begin anywhere and has every record once', async t => {
    const { store } = await opened(t)
    const peer = makePeer()
    await store.apply(Array.from({ length: 300 }, (_, i) => peer.observe(`${i}`, today, keyOf(i))))
    const leaves: number[] = []
    for await (const { leaf } of store.all(0)) leaves.push(leaf)
    t.strictSame(
      leaves,
      [...leaves].sort((a, b) => a - b),
    )
    const middle = leaves[leaves.length >> 1] ?? 0
    const rest = await allOf(store, middle)
    const all = await allOf(store)
    t.equal(all.length, 300)
    t.ok(rest.length > 0 && rest.length < all.length)
    t.strictSame(
      texts(rest),
      texts(all).filter(text => texts(rest).includes(text)),
    )
  })
}

const hashIn = (hashes: Uint8Array, leaf: number): Uint8Array =>
  hashes.subarray(leaf * leafHashBytes, (leaf + 1) * leafHashBytes)
