import { generateKeyPairSync } from 'node:crypto'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { migrate, readMigrations } from '../../../src/adapters/sqlite/migrate.ts'
import { createKeyReader } from '../../../src/adapters/sqlite/read-key.ts'
import { createRecordWriter } from '../../../src/adapters/sqlite/write-record.ts'
import { mergeRecords } from '../../../src/ledger/merge.ts'
import { compareRecords, type LedgerRecord, type SignedRecord } from '../../../src/ledger/record.ts'
import { image, key, meetingRecords, observation, originOf } from '../../ledger/support.ts'
import { createHeardLog, messages } from './support.ts'

function open(t: Test) {
  const db = new Database(':memory:')
  t.teardown(() => db.close())
  migrate(db, readMigrations(), () => {})
  const log = createHeardLog()
  const { privateKey } = generateKeyPairSync('ed25519')
  return { db, log, records: createRecordWriter(db, { privateKey, clusterId: '', log }) }
}

/** As the test's generator made it: with bytes. */
function signed(record: LedgerRecord): LedgerRecord & { readonly signed: SignedRecord } {
  if (record.signed === undefined) throw new Error('not signed')
  return { ...record, signed: record.signed }
}

const bodies = (records: readonly { readonly body: Uint8Array }[]) =>
  records.map(({ body }) => Buffer.from(body).toString('hex'))

const merged = (records: readonly LedgerRecord[]) =>
  bodies(mergeRecords([], records).map(record => signed(record).signed))

t.test('SQL and compareRecords agree on the order', async t => {
  const { db } = open(t)
  db.exec(
    'CREATE TABLE any_record (wall_ms INTEGER, counter INTEGER, origin TEXT, digest TEXT, body BLOB) STRICT',
  )
  const insert = db.prepare('INSERT INTO any_record VALUES (?, ?, ?, ?, ?)')
  const inOrder = db.prepare<[], { body: Buffer }>(
    'SELECT body FROM any_record ORDER BY wall_ms, counter, origin, digest, body',
  )
  fc.assert(
    fc.property(fc.array(meetingRecords, { maxLength: 40 }), records => {
      db.exec('DELETE FROM any_record')
      for (const r of records) {
        const digest = r.target?.digest ?? ''
        insert.run(r.stamp.wallMs, r.stamp.counter, r.origin, digest, signed(r).signed.body)
      }
      const expected = [...records].sort(compareRecords).map(r => signed(r).signed)
      t.strictSame(bodies(inOrder.all()), bodies(expected))
    }),
    { numRuns: 50 },
  )
})

t.test('a register in the database is the register that merging makes', async t => {
  const { db, records: writer } = open(t)
  const stored = db.prepare<[], { body: Buffer }>(
    'SELECT body FROM record ORDER BY wall_ms DESC, counter DESC, origin DESC, digest DESC',
  )
  fc.assert(
    fc.property(fc.array(meetingRecords, { maxLength: 20 }), records => {
      db.exec('DELETE FROM record')
      for (const record of records) writer.put(signed(record))
      t.strictSame(bodies(stored.all()), merged(records))
      for (const record of records) t.equal(writer.put(signed(record)), false, 'known by now')
      t.strictSame(bodies(stored.all()), merged(records))
      const read = createKeyReader(db).read(key).observations
      t.strictSame(
        read.map(({ signed: _, ...record }) => record),
        mergeRecords([], records).map(({ signed: _, ...record }) => record),
      )
    }),
    { numRuns: 50 },
  )
})

t.test('two digests of one origin and stamp raise an alarm, and the same one stays', async t => {
  for (const names of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    const { db, records, log } = open(t)
    for (const name of names) records.put(signed(observation(5, 1, originOf(1), name)))
    t.match(log.lines, [
      {
        level: 'error',
        fields: { ref: key, origin: originOf(1) },
        message: 'one node signed two digests under one stamp',
      },
    ])
    t.equal(createKeyReader(db).read(key).observations[0]?.target?.digest, image('a').digest)
  }
})

t.test(
  'one node that signs two records under one stamp and digest has one in all replicas',
  async t => {
    const twins = (['upstream', 'push'] as const).map(source =>
      signed(observation(5, 1, originOf(1), 'a', source)),
    )
    const kept = [twins, twins.toReversed()].map(order => {
      const { db, records } = open(t)
      for (const record of order) records.put(record)
      return bodies(db.prepare<[], { body: Buffer }>('SELECT body FROM record').all())
    })
    t.equal(kept[0]?.length, 1)
    t.strictSame(kept[0], kept[1])
    t.strictSame(kept[0], merged(twins))
  },
)

t.test('of pins that did not know each other the later one is kept as the conflict', async t => {
  const { db, records, log } = open(t)
  const pin = (wallMs: number, name: string, over: LedgerRecord['details']['over']) =>
    records.sign({
      ...observation(wallMs, 0, originOf(wallMs), name),
      kind: 'pin',
      source: undefined,
      details: { over, author: `author of ${name}` },
    })
  const history = db.prepare('SELECT author, is_conflict FROM pin_history ORDER BY wall_ms').raw()
  records.put(pin(1, 'a', undefined))
  records.put(pin(3, 'c', { wallMs: 1, counter: 0 }))
  t.strictSame(messages(log.lines, 'warn'), [])
  records.put(pin(2, 'b', { wallMs: 1, counter: 0 }))
  t.strictSame(history.all(), [
    ['author of a', 0],
    ['author of b', 0],
    ['author of c', 1],
  ])
  t.match(messages(log.lines, 'warn'), [/two pins were set without knowing each other/])
  t.equal(createKeyReader(db).read(key).pins[0]?.target?.digest, image('c').digest)
})

t.test('of the pins of a key the last hundred are remembered', async t => {
  const { db, records } = open(t)
  for (let i = 1; i <= 130; i++) {
    records.put(
      records.sign({ ...observation(i, 0, originOf(1), `${i}`), kind: 'pin', source: undefined }),
    )
  }
  const rows = db.prepare('SELECT count(*), min(wall_ms) FROM pin_history').raw()
  t.strictSame(rows.get(), [100, 31])
})
