import t from 'tap'
import { takeRecord } from '../../src/daemon/take-record.ts'
import { HoldfastError } from '../../src/ports/errors.ts'
import { makeDirectory, openIn } from '../adapters/sqlite/support.ts'
import { image, nginx, today } from '../ports/tag-ledger.support.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { makePeer } from '../support/signing-node.ts'

async function open(t: Parameters<typeof makeDirectory>[0]) {
  const clock = createMovableClock(today)
  const opened = await openIn(t, await makeDirectory(t), { clock })
  const full = async () => {
    throw new HoldfastError('ledger-unusable', 'the disk is full')
  }
  return { ...opened, full: { ...opened, records: { ...opened.records, apply: full } } }
}

t.test('a record that counts is taken, any other is refused', async t => {
  const opened = await open(t)
  const peer = makePeer()
  const record = peer.observe('a', today)
  t.equal(await takeRecord(opened, record), 'taken')
  t.equal(await takeRecord(opened, record), 'taken', 'it is known')
  t.match(opened.ledger.live(nginx), image('a'))
  t.equal(await takeRecord(opened, { ...record, signature: new Uint8Array(64) }), 'refused')
})

t.test(
  'when the ledger cannot be written, what would count is told from what would not',
  async t => {
    const { full, replication } = await open(t)
    const [peer, banned] = [makePeer(), makePeer()]
    const details = { target: undefined, removed: false, details: {} }
    await replication.say({ kind: 'ban', key: banned.origin, ...details })
    await replication.say({ kind: 'block', key: image('blocked').digest, ...details })
    const record = peer.observe('a', today)
    t.equal(await takeRecord(full, record), 'unkept')
    t.equal(await takeRecord(full, { ...record, signature: new Uint8Array(64) }), 'refused')
    t.equal(
      await takeRecord(full, { body: new Uint8Array(9), signature: record.signature }),
      'refused',
    )
    t.equal(await takeRecord(full, peer.observe('blocked', today)), 'refused')
    t.equal(await takeRecord(full, banned.observe('a', today)), 'refused')
    t.equal(await takeRecord(full, peer.pin('a', today)), 'refused')
  },
)

t.test('any other failure is ours', async t => {
  const opened = await open(t)
  const apply = async () => {
    throw new TypeError('a fault')
  }
  const broken = { ...opened, records: { ...opened.records, apply } }
  await t.rejects(takeRecord(broken, makePeer().observe('a', today)), TypeError)
})
