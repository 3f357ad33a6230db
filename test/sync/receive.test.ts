import t from 'tap'
import { maxRecordBytes } from '../../src/ledger/encode-record.ts'
import type { SignedRecord } from '../../src/ledger/record.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { RecordOutcome } from '../../src/ports/record-store.ts'
import { createReceiver } from '../../src/sync/receive.ts'
import { createStrikes } from '../../src/sync/strikes.ts'
import { encodeRecords } from '../../src/sync/wire.ts'
import { today } from '../ports/tag-ledger.support.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { makePeer } from '../support/signing-node.ts'

const from = 'a'.repeat(64)
const peer = makePeer()
const message = (...records: readonly SignedRecord[]): Uint8Array =>
  Buffer.concat([Buffer.of(1), encodeRecords(records)])
const record = peer.observe('a', today)

function open(apply: (records: readonly SignedRecord[]) => Promise<readonly RecordOutcome[]>) {
  const clock = createMovableClock(today)
  const timers = createMovableTimers(clock)
  const misbehaved: string[] = []
  const strikes = createStrikes({ clock, onMisbehaviour: id => misbehaved.push(id) })
  const receiver = createReceiver({
    store: { apply },
    strikes,
    timers,
    log: silentLog,
    onTaken: () => {},
  })
  return { ...receiver, timers, clock, misbehaved }
}

const outcome = (...outcomes: readonly RecordOutcome[]) => open(async () => outcomes)

t.test('a message is as good as its records', async t => {
  const two = message(record, record)
  t.equal(await outcome('applied', 'known').judge(two, from), 'accept')
  t.equal(await outcome('known', 'quarantined').judge(two, from), 'accept')
  t.equal(await outcome('quarantined', 'too-old').judge(two, from), 'ignore')
  t.equal(await outcome('no-operator', 'no-operator').judge(two, from), 'ignore')
  t.equal(await outcome('version', 'version').judge(two, from), 'ignore')
  t.equal(await outcome('applied', 'version').judge(two, from), 'accept')
  for (const foul of ['signature', 'malformed', 'too-large', 'cluster'] as const) {
    t.equal(await outcome('applied', foul).judge(two, from), 'reject', foul)
  }
})

t.test('what is no batch of records is rejected, what a later version says ignored', async t => {
  const { judge } = outcome()
  const many = Array.from({ length: 257 }, () => record)
  const bad = [
    Buffer.of(1),
    Buffer.concat([Buffer.of(1), Buffer.from('rubbish')]),
    Buffer.concat([Buffer.of(1), Buffer.alloc(60_000, 0x81)]),
    message(),
    message(...many),
    message({ ...record, signature: Buffer.alloc(63) }),
    message({ ...record, body: Buffer.alloc(maxRecordBytes + 1) }),
  ]
  for (const one of bad) t.equal(await judge(one, from), 'reject')
  t.equal(await judge(Buffer.concat([Buffer.of(1), Buffer.from('820280', 'hex')]), from), 'ignore')
  t.equal(await judge(Buffer.of(9, 1, 2), from), 'ignore')
})

t.test('who is rejected again and again is told of, within some minutes', async t => {
  const { judge, clock, misbehaved } = outcome('signature')
  for (let i = 0; i < 4; i++) await judge(message(record), from)
  clock.pass(11 * 60_000)
  for (let i = 0; i < 4; i++) await judge(message(record), from)
  await judge(message(record), 'b'.repeat(64))
  t.strictSame(misbehaved, [])
  await judge(message(record), from)
  t.strictSame(misbehaved, [from])
})

t.test(
  'a verdict that takes too long is ignore, and the records are taken all the same',
  async t => {
    const slow = Promise.withResolvers<readonly RecordOutcome[]>()
    const { judge, timers } = open(() => slow.promise)
    const verdict = judge(message(record), from)
    await timers.pass(90)
    t.equal(await verdict, 'ignore')
    slow.resolve(['applied'])
  },
)

t.test('one neighbour cannot fill the queue of all', async t => {
  const never = open(() => new Promise(() => {}))
  const many = message(...Array.from({ length: 200 }, () => record))
  for (let i = 0; i < 5; i++) void never.judge(many, from)
  t.equal(await never.judge(many, from), 'ignore')
  let isJudged = false
  void never.judge(many, 'b'.repeat(64)).then(() => {
    isJudged = true
  })
  await never.timers.settle()
  t.notOk(isJudged, 'the other one waits for its verdict')
})

t.test('a ledger that cannot be written is nobody else’s fault', async t => {
  const { judge, misbehaved } = open(() => Promise.reject(new Error('disk full')))
  for (let i = 0; i < 9; i++) t.equal(await judge(message(record), from), 'ignore')
  t.strictSame(misbehaved, [])
})
