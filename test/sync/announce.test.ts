import t, { type Test } from 'tap'
import type { SignedRecord } from '../../src/ledger/record.ts'
import { maxBusBytes } from '../../src/ports/bus.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createAnnouncer } from '../../src/sync/announce.ts'
import { decodeRecords } from '../../src/sync/wire.ts'
import { today } from '../ports/tag-ledger.support.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { makePeer } from '../support/signing-node.ts'

const peer = makePeer()
const record = peer.observe('a', today)

function open(t: Test) {
  const clock = createMovableClock(today)
  const timers = createMovableTimers(clock)
  const sent: Uint8Array[] = []
  let tell: (records: readonly SignedRecord[], by: 'self' | 'others') => void = () => {}
  const announcer = createAnnouncer({
    store: {
      onRecords(listener) {
        tell = listener
        return () => {
          tell = () => {}
        }
      },
    },
    bus: {
      async publish(message) {
        sent.push(message)
        return 0
      },
    },
    clock,
    timers,
    log: silentLog,
    onSent: () => {},
  })
  t.teardown(announcer.close)
  const counts = () => sent.map(message => decodeRecords(message.subarray(1))?.length)
  return { sent, counts, timers, tell: (...told: Parameters<typeof tell>) => tell(...told) }
}

t.test('the first record goes at once, what follows in batches', async t => {
  const { tell, timers, counts } = open(t)
  tell([record], 'self')
  await timers.pass(1)
  t.strictSame(counts(), [1])
  for (let i = 0; i < 5; i++) tell([record], 'self')
  await timers.pass(150)
  t.strictSame(counts(), [1])
  await timers.pass(60)
  t.strictSame(counts(), [1, 5])
})

t.test('what came from others is not announced', async t => {
  const { tell, timers, counts } = open(t)
  tell([record], 'others')
  await timers.pass(1_000)
  t.strictSame(counts(), [])
})

t.test('no message holds more than 200 records or 64 KiB', async t => {
  const { tell, timers, counts, sent } = open(t)
  tell(
    Array.from({ length: 450 }, () => record),
    'self',
  )
  await timers.pass(2_000)
  t.strictSame(
    counts().reduce((sum = 0, count = 0) => sum + count, 0),
    450,
  )
  t.ok(counts().every((count = 0) => count <= 200))
  const large = peer.pin('p', today, { note: 'x'.repeat(7_000) })
  tell(
    Array.from({ length: 20 }, () => large),
    'self',
  )
  await timers.pass(2_000)
  t.ok(sent.every(({ length }) => length <= maxBusBytes))
  t.equal(
    counts().reduce((sum = 0, count = 0) => sum + count, 0),
    470,
  )
})
