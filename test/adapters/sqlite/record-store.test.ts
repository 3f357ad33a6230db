import { join } from 'node:path'
import Database from 'better-sqlite3'
import t from 'tap'
import { leafOf } from '../../../src/ledger/register.ts'
import { formatTag } from '../../../src/oci/reference.ts'
import { testRecordStore } from '../../ports/record-store.suite.ts'
import { answer, image, nginx, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, openIn } from './support.ts'

testRecordStore(t, async (t, clock) => {
  const { ledger, records, replication } = await openIn(t, await makeDirectory(t), { clock })
  return {
    store: records,
    origin: replication.origin,
    observe: (name, dateMs) => answer(ledger, name, { dateMs }),
    setOperators: replication.setOperators,
    live() {
      const digest = ledger.live(nginx)?.digest
      return ['a', 'b', 'c'].find(name => image(name).digest === digest)
    },
    ageOut: ledger.ageOut,
  }
})

t.test('rows that an earlier version wrote are found after the next start', async t => {
  const dataDir = await makeDirectory(t)
  const clock = createMovableClock(today)
  const first = await openIn(t, dataDir, { clock })
  await answer(first.ledger, 'a', { dateMs: today })
  await first.records.apply([makePeer().pin('p', today)])
  const before = Buffer.from(await first.records.fingerprint())
  await first.close()
  const db = new Database(join(dataDir, 'ledger.db'))
  t.equal(db.prepare('UPDATE record SET register = NULL').run().changes, 2)
  db.close()
  const again = await openIn(t, dataDir, { clock })
  t.equal(again.records.rows(leafOf(formatTag(nginx))).length, 2)
  t.strictSame(Buffer.from(await again.records.fingerprint()), before)
})

t.test('the version before reads and writes what this one left', async t => {
  const dataDir = await makeDirectory(t)
  const clock = createMovableClock(today)
  const first = await openIn(t, dataDir, { clock })
  await answer(first.ledger, 'a', { dateMs: today })
  await first.close()
  const db = new Database(join(dataDir, 'ledger.db'))
  t.equal(db.prepare("SELECT value FROM meta WHERE name = 'min_reader'").pluck().get(), '1')
  // As the first version writes: it knows no register.
  db.exec(`INSERT INTO record (key, kind, origin, wall_ms, counter, digest, removed, body, signature)
    SELECT key, kind, 'ff', wall_ms, counter, digest, removed, body, signature FROM record`)
  db.close()
  const again = await openIn(t, dataDir, { clock })
  t.equal(again.records.rows(leafOf(formatTag(nginx))).length, 2)
})

t.test('the first fingerprint of many records lets others have their turn', async t => {
  const { records } = await openIn(t, await makeDirectory(t))
  const peer = makePeer()
  const many = Array.from({ length: 3_000 }, (_, i) =>
    peer.observe(`${i}`, today, `docker.io/library/app-${i}:1`),
  )
  await records.apply(many)
  let turns = 0
  const counting = setInterval(() => turns++, 1)
  await records.fingerprint()
  clearInterval(counting)
  t.ok(turns > 1, `${turns} turns`)
})

t.test("a client's observation does not wait for a large apply", async t => {
  const clock = createMovableClock(today)
  const { records, ledger } = await openIn(t, await makeDirectory(t), { clock })
  const peer = makePeer()
  const many = Array.from({ length: 3_000 }, (_, i) =>
    peer.observe(`${i}`, today, `docker.io/library/app-${i}:1`),
  )
  let isApplied = false
  const applied = records.apply(many).then(() => {
    isApplied = true
  })
  await answer(ledger, 'a', { dateMs: today })
  t.notOk(isApplied)
  await applied
  t.equal(records.count(), 3_001)
})

t.test('what became of each of many records is told in their order', async t => {
  const clock = createMovableClock(today)
  const { records } = await openIn(t, await makeDirectory(t), { clock })
  const peer = makePeer()
  const many = Array.from({ length: 3_000 }, (_, i) =>
    peer.observe(`${i}`, today, `docker.io/library/app-${(i * 7) % 3_000}:1`),
  )
  const forged = new Set([0, 1_234, 2_999])
  const given = many.map((signed, i) =>
    forged.has(i) ? { ...signed, signature: new Uint8Array(64) } : signed,
  )
  const outcomes = await records.apply(given)
  t.strictSame(
    outcomes,
    given.map((_, i) => (forged.has(i) ? 'signature' : 'applied')),
  )
})

t.test('one record does not wait for many', async t => {
  const clock = createMovableClock(today)
  const { records } = await openIn(t, await makeDirectory(t), { clock })
  const peer = makePeer()
  const many = Array.from({ length: 10_000 }, (_, i) =>
    peer.observe(`${i}`, today, `docker.io/library/app-${i}:1`),
  )
  let areApplied = false
  const applied = records.apply(many).then(() => {
    areApplied = true
  })
  t.strictSame(await records.apply([peer.observe('one', today)]), ['applied'])
  t.notOk(areApplied)
  await applied
})
