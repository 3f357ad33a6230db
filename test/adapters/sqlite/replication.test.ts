import t, { type Test } from 'tap'
import { maxRecordBytes } from '../../../src/ledger/encode-record.ts'
import { operatorRecord } from '../../../src/ledger/own-record.ts'
import { formatTag, type TagReference } from '../../../src/oci/reference.ts'
import {
  answer,
  day,
  hour,
  image,
  keyOf,
  minute,
  nginx,
  today,
} from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, messages, openIn } from './support.ts'

async function open(t: Test, wallMs = today) {
  const clock = createMovableClock(wallMs)
  const dataDir = await makeDirectory(t)
  return { ...(await openIn(t, dataDir, { clock })), clock, dataDir }
}

t.test("another node's observation is merged, remembered and told", async t => {
  const { ledger, replication } = await open(t)
  const peer = makePeer()
  await answer(ledger, 'a', { dateMs: today })
  const heard: TagReference[] = []
  ledger.onChanged(changed => heard.push(changed))
  const record = peer.observe('b', today + 1)
  t.strictSame(await replication.applyRecords([record]), ['applied'])
  t.match(ledger.live(nginx), { ...image('b'), origin: peer.origin, stamp: { wallMs: today + 1 } })
  t.strictSame(heard, [nginx])
  t.strictSame(await replication.applyRecords([record]), ['known'])
  t.strictSame(await replication.applyRecords([peer.observe('c', today - 1)]), ['known'])
  t.strictSame(heard, [nginx])
  t.match(ledger.live(nginx), image('b'))
  t.strictSame(
    ledger.history(nginx).map(seen => seen.digest),
    ['b', 'a'].map(name => image(name).digest),
  )
})

t.test('records are relayed as they were signed, byte for byte', async t => {
  const { ledger, replication } = await open(t)
  const peer = makePeer()
  const records = [peer.observe('b', today + 1), peer.pin('p', today)]
  await replication.applyRecords(records)
  t.strictSame(replication.recordsOf(nginx), records)
  await answer(ledger, 'a', { dateMs: today + 1000 })
  const [own] = replication.recordsOf(nginx)
  const next = await open(t)
  t.strictSame(await next.replication.applyRecords(own === undefined ? [] : [own]), ['applied'])
  t.match(next.ledger.live(nginx), { ...image('a'), origin: replication.origin })
})

t.test('two nodes that tell each other everything agree', async t => {
  const nodes = [await open(t), await open(t)]
  for (const [i, { ledger }] of nodes.entries()) {
    await answer(ledger, `of ${i}`, { dateMs: today })
    await ledger.setPin(nginx, image(`pinned ${i}`), {})
  }
  const told = nodes.map(({ replication }) => replication.recordsOf(nginx))
  for (const { replication } of nodes) await replication.applyRecords(told.flat())
  const [first, second] = nodes
  t.strictSame(first?.replication.recordsOf(nginx), second?.replication.recordsOf(nginx))
  t.strictSame(first?.ledger.live(nginx)?.digest, second?.ledger.live(nginx)?.digest)
  t.strictSame(first?.ledger.pin(nginx), second?.ledger.pin(nginx))
  for (const { pins, lines } of nodes) {
    t.equal(pins.history(nginx).length, 2)
    t.ok(pins.history(nginx).some(pin => pin.isConflict))
    t.match(messages(lines, 'warn'), [/two pins were set without knowing each other/])
  }
})

t.test('what is not signed, not understood or not ours changes nothing', async t => {
  const { ledger, replication } = await open(t)
  const peer = makePeer()
  const good = peer.observe('b', today)
  const outcomes = await replication.applyRecords([
    { body: good.body, signature: Buffer.alloc(64) },
    { body: Buffer.from('rubbish'), signature: good.signature },
    { body: Buffer.alloc(maxRecordBytes + 1), signature: good.signature },
    makePeer('another cluster').observe('c', today),
    good,
  ])
  t.strictSame(outcomes, ['signature', 'malformed', 'too-large', 'cluster', 'applied'])
  t.match(ledger.live(nginx), image('b'))
})

t.test('a ban takes a node its word, and lifting it gives it back', async t => {
  const { ledger, replication } = await open(t)
  const peer = makePeer()
  await answer(ledger, 'a', { dateMs: today })
  await replication.applyRecords([peer.observe('b', today + 1), peer.pin('p', today)])
  const ban = { kind: 'ban', key: peer.origin, target: undefined, details: {} } as const
  await replication.say({ ...ban, removed: false })
  t.match(ledger.live(nginx), image('a'))
  t.equal(ledger.pin(nginx), undefined)
  await replication.say({ ...ban, removed: true })
  t.match(ledger.live(nginx), image('b'))
  t.match(ledger.pin(nginx), image('p'))
})

t.test('nobody lifts a ban of himself, and who is banned blocks nothing', async t => {
  const { ledger, replication } = await open(t)
  const [liar, other] = [makePeer(), makePeer()]
  let told = 0
  replication.onExclusions(() => {
    told += 1
  })
  await answer(ledger, 'a', { dateMs: today })
  const word = (
    of: typeof liar,
    kind: 'ban' | 'block',
    about: string,
    removed: boolean,
    at: number,
  ) =>
    of.sign(
      operatorRecord(kind, about, undefined, of.origin, { wallMs: at, counter: 0 }, removed, {}),
    )
  await replication.applyRecords([word(liar, 'block', image('a').digest, false, today)])
  t.equal(ledger.live(nginx), undefined)
  await replication.applyRecords([word(other, 'ban', liar.origin, false, today)])
  t.ok(replication.isBanned(liar.origin))
  t.match(ledger.live(nginx), image('a'))
  await replication.applyRecords([word(liar, 'ban', liar.origin, true, today + 1)])
  t.ok(replication.isBanned(liar.origin))
  t.equal(told, 3)
  await replication.applyRecords([word(other, 'ban', liar.origin, true, today + 2)])
  t.notOk(replication.isBanned(liar.origin))
})

t.test('a blocked digest is no answer, also after a restart', async t => {
  const { ledger, replication, dataDir, clock, close } = await open(t)
  await answer(ledger, 'a', { dateMs: today })
  await replication.applyRecords([makePeer().observe('b', today + 1)])
  await replication.say({
    kind: 'block',
    key: image('b').digest,
    target: undefined,
    removed: false,
    details: {},
  })
  t.match(ledger.live(nginx), image('a'))
  t.strictSame(
    ledger.history(nginx).map(seen => seen.digest),
    [image('a').digest],
  )
  await close()
  const again = await openIn(t, dataDir, { clock })
  t.match(again.ledger.live(nginx), image('a'))
  t.strictSame(again.ledger.listTags(nginx, undefined, 10), ['latest'])
})

t.test('a key under which all is blocked is listed nowhere', async t => {
  const { ledger, replication } = await open(t)
  await answer(ledger, 'a', { dateMs: today })
  const key = image('a').digest
  await replication.say({ kind: 'block', key, target: undefined, removed: false, details: {} })
  t.strictSame(ledger.listTags(nginx, undefined, 10), [])
  t.strictSame(ledger.list({ limit: 10 }), [])
  t.strictSame(ledger.liveTargets(), [])
})

t.test('a record too far ahead waits until its time has come', async t => {
  const { ledger, replication, clock } = await open(t)
  const peer = makePeer()
  await answer(ledger, 'a', { dateMs: today })
  const ahead = peer.observe('b', today + hour)
  t.strictSame(await replication.applyRecords([peer.observe('near', today + 5 * minute), ahead]), [
    'applied',
    'quarantined',
  ])
  t.match(ledger.live(nginx), image('near'))
  await replication.releaseQuarantine()
  t.match(ledger.live(nginx), image('near'))
  clock.pass(55 * minute)
  const heard: TagReference[] = []
  ledger.onChanged(changed => heard.push(changed))
  await replication.releaseQuarantine()
  t.match(ledger.live(nginx), { ...image('b'), stamp: { wallMs: today + hour } })
  t.strictSame(heard, [nginx])
  t.strictSame(await replication.applyRecords([ahead]), ['known'])
})

t.test('without a verified clock nothing waits, and then what was stored does', async t => {
  const { ledger, replication } = await open(t)
  const peer = makePeer()
  const other = keyOf('docker.io', 'library/other', '1')
  const outcomes = await replication.applyRecords([
    peer.observe('ahead', today + 10 * day),
    peer.pin('pinned ahead', today + 10 * day),
    peer.observe('fine', today - day, formatTag(other)),
  ])
  t.strictSame(outcomes, ['applied', 'applied', 'applied'])
  // The clock was 20 days behind.
  await answer(ledger, 'a', { dateMs: today + 20 * day, key: other })
  t.match(ledger.live(nginx), image('ahead'), 'not ahead of the right time')
})

t.test('a right clock, once confirmed, sets aside what was stored too far ahead', async t => {
  const { ledger, replication, clock } = await open(t)
  const peer = makePeer()
  await replication.applyRecords([
    peer.observe('ahead', today + 10 * day),
    peer.pin('pinned ahead', today + 10 * day),
  ])
  t.match(ledger.live(nginx), image('ahead'))
  await answer(ledger, 'a', { dateMs: today })
  t.match(ledger.live(nginx), { ...image('a'), stamp: { wallMs: today } })
  t.match(ledger.pin(nginx), image('pinned ahead'), 'a pin stays in force')
  clock.pass(10 * day)
  await replication.releaseQuarantine()
  t.match(ledger.live(nginx), { ...image('ahead'), origin: peer.origin })
})

t.test('once the clock is known what is ahead of it is set aside, pins stay', async t => {
  const { ledger, replication } = await open(t, today + 3650 * day)
  const peer = makePeer()
  await ledger.observeLocal(nginx, image('own'), 'import')
  await replication.applyRecords([
    peer.observe('ahead', today + 10 * day),
    peer.pin('pinned ahead', today + 10 * day),
  ])
  t.match(ledger.live(nginx), image('own'))
  await answer(ledger, 'a', { dateMs: today })
  t.match(ledger.live(nginx), { ...image('a'), stamp: { wallMs: today } })
  t.match(ledger.pin(nginx), image('pinned ahead'))
  t.equal(replication.recordsOf(nginx).length, 2, 'the peer waits')
  t.strictSame(await replication.applyRecords([peer.observe('b', today + 1)]), ['applied'])
  t.match(ledger.live(nginx), image('b'))
})

t.test('what is behind the horizon does not come back, unless somebody uses it', async t => {
  const { ledger, replication, clock } = await open(t)
  const peer = makePeer()
  await answer(ledger, 'a', { dateMs: today })
  await ledger.ageOut()
  for (let i = 0; i < 95; i++) {
    clock.pass(day)
    await ledger.ageOut()
  }
  t.equal(ledger.live(nginx), undefined, 'aged out')
  const old = peer.observe('a', today)
  t.strictSame(await replication.applyRecords([old, peer.use(today)]), ['too-old', 'too-old'])
  t.equal(ledger.live(nginx), undefined)
  t.strictSame(await replication.applyRecords([old, peer.use(today + 90 * day)]), [
    'applied',
    'applied',
  ])
  t.match(ledger.live(nginx), image('a'))
  t.equal(await ledger.ageOut(), 0)
})

t.test('two digests under one stamp are an alarm', async t => {
  const { replication, lines } = await open(t)
  const peer = makePeer()
  await replication.applyRecords([peer.observe('a', today), peer.observe('b', today)])
  t.ok(messages(lines, 'error').includes('one node signed two digests under one stamp'))
})

t.test("an operator's word that is too large is refused alone", async t => {
  const { ledger, lines } = await open(t)
  const large = ledger.setPin(nginx, image('p'), { note: 'x'.repeat(20_000) })
  const small = ledger.setPin(keyOf('docker.io', 'library/b', 'c'), image('q'), {})
  await t.rejects(large, { code: 'ledger-unusable', message: /a record of \d+ bytes/ })
  await small
  t.equal(ledger.pin(nginx), undefined)
  t.equal(ledger.stats().writable, true)
  t.strictSame(messages(lines, 'error'), [])
})
