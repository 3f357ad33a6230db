import t, { type Test } from 'tap'
import { formatTag } from '../../../src/oci/reference.ts'
import { answer, hour, image, minute, nginx, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, openIn } from './support.ts'

async function open(t: Test) {
  const clock = createMovableClock(today)
  const dataDir = await makeDirectory(t)
  return { ...(await openIn(t, dataDir, { clock })), clock, dataDir }
}
type Node = Awaited<ReturnType<typeof open>>

/** Everything that one node knows of the tag reaches the other, as it was signed. */
const tell = (from: Node, to: Node) =>
  to.replication.applyRecords(from.replication.recordsOf(nginx))

async function tellEachOther(a: Node, b: Node): Promise<void> {
  await tell(a, b)
  await tell(b, a)
}

for (const isAwaited of [true, false]) {
  const when = isAwaited ? 'once it is durable' : 'before it is durable'

  t.test(`a forgotten tag is in no list, ${when}`, async t => {
    const { ledger } = await open(t)
    await answer(ledger, 'a', { dateMs: today })
    ledger.setHeldByClients(nginx, image('a'))
    const written = ledger.forget(nginx, { author: 'u' })
    if (isAwaited) await written
    else t.teardown(() => written)
    t.equal(ledger.live(nginx), undefined)
    t.strictSame(ledger.history(nginx), [])
    t.equal(ledger.heldByClients(nginx), undefined)
    t.strictSame(ledger.listTags(nginx, undefined, 10), [])
    t.strictSame(ledger.list({ limit: 10 }), [])
    t.strictSame(ledger.find({}, undefined, 10).rows, [])
    t.strictSame(ledger.find({ confirmedBeforeMs: today + hour }, undefined, 10).rows, [])
    t.strictSame(ledger.liveTargets(), [])
    t.equal(await ledger.countTags(), 0)
    await answer(ledger, 'b', { dateMs: today + hour })
    t.equal(await ledger.countTags(), 1, 'counted again from the next word on')
  })
}

t.test('it is counted again when whoever had it forgotten is banned', async t => {
  const [a, b] = [await open(t), await open(t)]
  await answer(a.ledger, 'a', { dateMs: today })
  await tell(a, b)
  await b.ledger.forget(nginx, {})
  await tell(b, a)
  t.equal(await a.ledger.countTags(), 0)
  const banned = b.replication.origin
  await a.exclusions.set('ban', banned, { note: undefined, author: undefined })
  t.equal(await a.ledger.countTags(), 1)
})

t.test('a pin outlasts it', async t => {
  const { ledger } = await open(t)
  await answer(ledger, 'a', { dateMs: today })
  await ledger.setPin(nginx, image('b'), {})
  await ledger.forget(nginx, {})
  t.match(ledger.list({ limit: 10 }), [{ live: undefined, pin: image('b') }])
  t.match(ledger.liveTargets(), [{ live: undefined, pinned: image('b').digest }])
})

t.test('it does not come back by what other nodes still know', async t => {
  const [a, b, c] = [await open(t), await open(t), await open(t)]
  await answer(a.ledger, 'a', { dateMs: today })
  await tell(a, b)
  await tell(a, c)
  b.clock.pass(minute)
  const heard: string[] = []
  a.ledger.onChanged(key => heard.push(formatTag(key)))
  await b.ledger.forget(nginx, { author: 'u', note: 'gone' })
  await tellEachOther(a, b)
  t.strictSame(heard, [formatTag(nginx)], 'whoever keeps it in mind hears of it')
  await tellEachOther(b, c)
  await tellEachOther(a, c)
  for (const node of [a, b, c]) t.equal(node.ledger.live(nginx), undefined)
  const [, ...others] = [a, b, c].map(node => node.replication.recordsOf(nginx))
  for (const records of others) {
    t.strictSame(
      records,
      a.replication.recordsOf(nginx),
      'they hold the same, and have no more to tell',
    )
  }
  t.equal(a.replication.signedObservation(nginx), undefined)
})

t.test('it comes back on all nodes as soon as its registry says it anew', async t => {
  const [a, b] = [await open(t), await open(t)]
  await answer(a.ledger, 'a', { dateMs: today })
  await tell(a, b)
  await b.ledger.forget(nginx, {})
  await tell(b, a)
  // The same second by the registry's clock.
  await answer(a.ledger, 'a', { dateMs: today })
  t.match(a.ledger.live(nginx), image('a'))
  await tell(a, b)
  t.match(b.ledger.live(nginx), image('a'))
  t.equal(b.ledger.history(nginx).length, 1)
  t.match(b.ledger.find({}, undefined, 10).rows, [{ live: image('a') }])
})

t.test('an import says it anew, a list of containerd does not', async t => {
  const { ledger } = await open(t)
  await answer(ledger, 'a', { dateMs: today })
  await ledger.forget(nginx, {})
  await ledger.observeLocal(nginx, image('a'), 'containerd')
  t.equal(ledger.live(nginx), undefined)
  await ledger.observeLocal(nginx, image('a'), 'import')
  t.match(ledger.live(nginx), image('a'))
})

t.test('who confirmed it after it was forgotten elsewhere says it again', async t => {
  const [a, b] = [await open(t), await open(t)]
  await answer(a.ledger, 'a', { dateMs: today })
  await tell(a, b)
  b.clock.pass(minute)
  await b.ledger.forget(nginx, {})
  a.clock.pass(5 * minute)
  await answer(a.ledger, 'a', { dateMs: today + 5 * minute })
  const beaten: string[] = []
  a.records.onBeaten(key => beaten.push(key))
  await tell(b, a)
  t.equal(a.ledger.live(nginx), undefined)
  t.strictSame(beaten, [formatTag(nginx)])
  await a.records.reaffirm(formatTag(nginx))
  await tell(a, b)
  for (const { ledger } of [a, b]) t.match(ledger.live(nginx), image('a'))
})

t.test('it stays forgotten over a restart, also when the database is lost', async t => {
  const node = await open(t)
  await answer(node.ledger, 'a', { dateMs: today })
  const records = node.replication.recordsOf(nginx)
  await node.ledger.forget(nginx, {})
  await node.close()
  const again = await openIn(t, node.dataDir, { clock: node.clock })
  t.equal(again.ledger.live(nginx), undefined)
  await again.replication.applyRecords(records)
  t.equal(again.ledger.live(nginx), undefined)
})

t.test('only operators have a tag forgotten, and a ban brings it back', async t => {
  const { ledger, replication } = await open(t)
  const other = await open(t)
  await answer(other.ledger, 'a', { dateMs: today })
  const peer = makePeer()
  await replication.applyRecords([peer.observe('a', today)])
  await other.ledger.forget(nginx, {})
  const words = other.replication.recordsOf(nginx)
  replication.setOperators([replication.origin])
  t.ok((await replication.applyRecords(words)).includes('no-operator'))
  t.match(ledger.live(nginx), image('a'))
  replication.setOperators(undefined)
  await replication.applyRecords(words)
  t.equal(ledger.live(nginx), undefined)
  await replication.say({
    kind: 'ban',
    key: other.replication.origin,
    removed: false,
    target: undefined,
    details: {},
  })
  t.match(ledger.live(nginx), image('a'))
})
