import t, { type Test } from 'tap'
import { leafCount, leafHashBytes } from '../../src/ledger/leaf.ts'
import { formatTag } from '../../src/oci/reference.ts'
import { treeOf } from '../../src/sync/hash-tree.ts'
import {
  decodeNodes,
  encodeLeafRecords,
  encodeNodes,
  encodeRoot,
  encodeRowsWord,
  encodeTree,
  encodeWord,
} from '../../src/sync/wire.ts'
import { day, hour, image, nginx, today } from '../ports/tag-ledger.support.ts'
import { createMemoryRecordStore } from '../support/memory-record-store.ts'
import { makePeer } from '../support/signing-node.ts'
import { contentsOf, createSyncLab, type SyncLab } from './support.ts'

const keyOf = (i: number): string => `docker.io/library/app-${i}:latest`

function openLab(t: Test, seed = 1): SyncLab {
  const lab = createSyncLab(seed)
  t.teardown(lab.close)
  return lab
}

function addNode(lab: SyncLab) {
  const store = createMemoryRecordStore({ clock: lab.clock })
  return { ...lab.add(store.origin, store), store }
}

function fill(store: ReturnType<typeof createMemoryRecordStore>, count: number, wallMs = today) {
  const peer = makePeer()
  const records = Array.from({ length: count }, (_, i) => peer.observe(`${i}`, wallMs, keyOf(i)))
  return store.apply(records)
}

t.test('what one node learns its neighbours hold a moment later', async t => {
  const lab = openLab(t)
  const [a, b, c] = [addNode(lab), addNode(lab), addNode(lab)]
  lab.link(a.id, b.id)
  lab.link(b.id, c.id)
  await lab.timers.pass(5_000)
  const asked = lab.asked.length
  a.store.say('keep', 'docker.io/library/nginx:*')
  await lab.timers.pass(200)
  t.equal(c.store.count(), 1, 'handed on by the one in the middle')
  t.equal(lab.asked.length, asked, 'nobody asked')
  t.equal(lab.published.length, 1, 'and nobody else announced it')
})

t.test('what was said before a node joined it gets by comparing', async t => {
  const lab = openLab(t)
  const a = addNode(lab)
  a.store.say('keep', 'one')
  a.store.say('keep', 'two')
  await lab.timers.pass(5_000)
  const b = addNode(lab)
  b.store.say('keep', 'three')
  t.equal(b.sync.isBehind(), true)
  lab.link(a.id, b.id)
  await lab.timers.pass(2_000)
  t.equal(b.store.count(), 3)
  t.strictSame(await contentsOf(a.store), await contentsOf(b.store))
  t.equal(b.sync.isBehind(), false)
  t.match(b.sync.status(), { records: 3, lastRound: { result: /equal|done/ } })
  t.equal(a.sync.root(), b.sync.root())
  t.match(
    [a, b].map(({ sync }) => sync.status().isRootCurrent),
    [true, true],
  )
})

t.test('a root of before a record says so', async t => {
  const lab = openLab(t)
  const a = addNode(lab)
  await lab.timers.pass(2_000)
  const before = a.sync.status()
  t.equal(before.isRootCurrent, true)
  a.store.say('keep', 'one')
  t.match(a.sync.status(), { root: before.root, isRootCurrent: false, records: 1 })
  await lab.timers.pass(2_000)
  t.equal(a.sync.status().isRootCurrent, true)
  t.not(a.sync.root(), before.root)
})

t.test('equal nodes say some bytes and that is all', async t => {
  const lab = openLab(t)
  const [a, b] = [addNode(lab), addNode(lab)]
  await fill(a.store, 2_000)
  await b.store.apply(await allOf(a.store))
  lab.link(a.id, b.id)
  await lab.timers.pass(1_000)
  const rounds = [...a.rounds, ...b.rounds]
  t.ok(rounds.length > 0)
  for (const { result, bytesIn, bytesOut } of rounds) {
    t.equal(result, 'equal')
    t.ok(bytesIn + bytesOut < 100, `${bytesIn + bytesOut} bytes`)
  }
})

t.test('one difference among many costs little, whichever side has it', async t => {
  const lab = openLab(t)
  const [a, b] = [addNode(lab), addNode(lab)]
  await fill(a.store, 5_000)
  await b.store.apply(await allOf(a.store))
  for (const node of [a, b]) {
    a.rounds.length = 0
    b.rounds.length = 0
    await node.store.apply([makePeer().observe('new', today, keyOf(7))])
    a.sync.catchUpWith(b.id)
    await lab.timers.pass(1_000)
    const round = [...a.rounds, ...b.rounds].find(({ leaves }) => leaves > 0)
    t.match(round, { result: 'done', leaves: 1 })
    t.equal((round?.received ?? 0) + (round?.sent ?? 0), 1)
    const bytes = (round?.bytesIn ?? 0) + (round?.bytesOut ?? 0)
    t.ok(bytes < 2_500, `${bytes} bytes`)
    t.strictSame(await contentsOf(a.store), await contentsOf(b.store))
  }
})

t.test('an empty node takes everything in one stream', async t => {
  const lab = openLab(t)
  const [a, b] = [addNode(lab), addNode(lab)]
  await fill(a.store, 3_000)
  lab.link(a.id, b.id)
  await lab.converge(10_000)
  t.ok(lab.asked.includes(`${b.id} ${a.id} sync/snapshot`))
  t.equal(b.store.count(), 3_000)
  await lab.timers.pass(1_000)
  t.equal(b.sync.isBehind(), false)
})

t.test('while everything is fetched the root is not computed, and then it is', async t => {
  const lab = openLab(t)
  const a = addNode(lab)
  await fill(a.store, 3_000)
  const store = createMemoryRecordStore({ clock: lab.clock })
  let computed = 0
  const counting = Object.assign(Object.create(store) as typeof store, {
    fingerprint() {
      computed += 1
      return store.fingerprint()
    },
  })
  const b = lab.add(store.origin, counting)
  await lab.timers.pass(100)
  a.faults.stream = () => new Promise(() => {}) // the first piece is long in coming
  b.sync.catchUpWith(a.id)
  await lab.timers.pass(1_000)
  t.ok(lab.asked.includes(`${b.id} ${a.id} sync/snapshot`))
  const before = computed
  await store.apply([makePeer().observe('new', today, keyOf(7))])
  await lab.timers.pass(5_000)
  t.equal(computed, before)
  await lab.timers.pass(120_000) // its turn is over
  t.ok(computed > before)
})

t.test('when its source dies it goes on at another', async t => {
  const lab = openLab(t)
  const [a, b, c] = [addNode(lab), addNode(lab), addNode(lab)]
  await fill(a.store, 3_000)
  await b.store.apply(await allOf(a.store))
  a.faults.cutAfterChunks = 5
  b.faults.cutAfterChunks = 5
  c.sync.catchUpWith(a.id)
  await lab.converge(60_000)
  const streams = lab.asked.filter(text => text.startsWith(c.id) && text.endsWith('sync/snapshot'))
  t.ok(streams.length > 1, `${streams.length} streams`)
  t.equal(c.store.count(), 3_000)
})

t.test('a key that is asked for meanwhile is fetched at once', async t => {
  const lab = openLab(t)
  const [a, b] = [addNode(lab), addNode(lab)]
  await fill(a.store, 20)
  t.equal(await b.sync.fetchKey(keyOf(7), AbortSignal.timeout(5_000)), true)
  t.equal(b.store.count(), 1)
  t.equal(await b.sync.fetchKey(keyOf(7), AbortSignal.timeout(5_000)), false, 'nothing new')
  t.equal(await b.sync.fetchKey('docker.io/library/none:x', AbortSignal.timeout(5_000)), false)
})

t.test('records that a node does not take are not sent to it for ever', async t => {
  const lab = openLab(t)
  const [a, b] = [addNode(lab), addNode(lab)]
  b.store.learn(today)
  await fill(a.store, 50, today + 10 * day)
  a.store.say('keep', 'of now')
  lab.link(a.id, b.id)
  await lab.timers.pass(5_000)
  t.equal(b.store.count(), 1, 'the rest lies in the future')
  t.equal(b.sync.status().refused, 50)
  const rounds = [a.rounds.length, b.rounds.length] as const
  await lab.timers.pass(10 * 60_000)
  const later = [...a.rounds.slice(rounds[0]), ...b.rounds.slice(rounds[1])]
  t.ok(later.length > 10)
  for (const { sent, received } of later) t.strictSame([sent, received], [0, 0])
  lab.clock.pass(2 * hour)
  b.sync.forgetRefusals()
  b.store.releaseQuarantine()
  await lab.timers.pass(60_000)
  t.equal(b.store.count(), 1)
})

t.test('what one node has forgotten it does not get again and again', async t => {
  const lab = openLab(t)
  const [a, b] = [addNode(lab), addNode(lab)]
  await fill(a.store, 50, today - 200 * day)
  await b.store.apply(await allOf(a.store))
  b.store.learn(today)
  await fill(b.store, 10, today)
  b.store.ageOut()
  for (let i = 0; i < 70; i++) {
    lab.clock.pass(day)
    b.store.ageOut()
  }
  t.equal(b.store.count(), 20, 'ten keys have a newer word')
  lab.link(a.id, b.id)
  await lab.timers.pass(60_000)
  const [forA, forB] = [a.rounds.length, b.rounds.length]
  await lab.timers.pass(10 * 60_000)
  const later = [...a.rounds.slice(forA), ...b.rounds.slice(forB)]
  t.ok(later.length > 5)
  for (const { sent, received } of later) t.strictSame([sent, received], [0, 0])
  t.equal(b.store.count(), 20)
  t.equal(a.store.count(), 60, 'it has no horizon of its own yet')
})

t.test(
  'a node that hands on forged records is struck out, also one that lies in a round',
  async t => {
    const lab = openLab(t)
    const [a, b] = [addNode(lab), addNode(lab)]
    await fill(b.store, 5)
    const forged = (await allOf(b.store)).map(({ body }) => ({ body, signature: Buffer.alloc(64) }))
    b.store.records = () => forged
    for (let i = 0; i < 5; i++) {
      a.sync.catchUpWith(b.id)
      await lab.timers.pass(1_000)
      a.sync.forgetRefusals()
    }
    t.equal(a.store.count(), 0)
    t.strictSame(a.misbehaved, [b.id])
  },
)

t.test('nonsense in an answer is borne and counted', async t => {
  const lab = openLab(t)
  const [a, b] = [addNode(lab), addNode(lab)]
  await fill(b.store, 5)
  for (const nonsense of [
    Buffer.alloc(0),
    Buffer.from('rubbish'),
    Buffer.alloc(60_000, 0x81),
    Buffer.from('9b00ffffffffffffff', 'hex'),
  ]) {
    b.faults.answer = () => nonsense
    a.sync.catchUpWith(b.id)
    await lab.timers.pass(40_000)
  }
  t.ok(a.rounds.length >= 4)
  t.ok(a.rounds.every(({ result }) => result === 'failed'))
  t.ok(a.misbehaved.includes(b.id))
  delete b.faults.answer
  a.sync.catchUpWith(b.id)
  await lab.converge(60_000)
})

t.test('nonsense in a question is answered and changes nothing', async t => {
  const lab = openLab(t)
  const a = addNode(lab)
  await fill(a.store, 5)
  for (const [subject, answer] of a.sync.answers) {
    for (const question of [
      Buffer.alloc(0),
      Buffer.alloc(60_000, 0x81),
      Buffer.from('8101', 'hex'),
    ]) {
      const bytes = await answer(question, 'x', AbortSignal.timeout(5_000))
      t.ok(bytes.length < 100, subject)
    }
  }
  t.equal(a.store.count(), 5)
})

t.test('one node is sent one snapshot at a time, two nodes are, and comparing goes on', async t => {
  const lab = openLab(t)
  const a = addNode(lab)
  await fill(a.store, 3_000)
  const signal = AbortSignal.timeout(60_000)
  const snapshot = (to: string) => {
    const stream = a.sync.streams.get('sync/snapshot')
    if (stream === undefined) throw new Error('no snapshot')
    return stream(encodeWord(0), to, signal)[Symbol.asyncIterator]()
  }
  const isSent = async (one: ReturnType<typeof snapshot>): Promise<boolean> =>
    ((await one.next()).value?.length ?? 0) > 100
  const nodes = async () => {
    const tree = treeOf(new Uint8Array(leafCount * leafHashBytes))
    const answer = await a.sync.answers.get('sync/nodes')?.(encodeTree(tree), 'x', signal)
    return answer === undefined ? undefined : decodeNodes(answer)
  }
  const x = snapshot('x')
  t.ok(await isSent(x))
  t.notOk(await isSent(snapshot('x')))
  const y = snapshot('y')
  t.ok(await isSent(y))
  t.notOk(await isSent(snapshot('z')))
  t.not(await nodes(), 'busy', 'who reads slowly keeps nobody from comparing')
  await lab.timers.pass(119_000)
  t.ok(await isSent(x))
  await x.return?.(undefined)
  const z = snapshot('z')
  t.ok(await isSent(z), 'there is room again')
  await lab.timers.pass(2_000)
  await t.rejects(y.next(), { code: 'busy' }, 'its turn is over')
  t.ok(await isSent(z))
  await z.return?.(undefined)
})

t.test(
  'who drips a snapshot, or sends one that does not go on, holds up nobody for long',
  async t => {
    const lab = openLab(t)
    const [a, liar, c] = [addNode(lab), addNode(lab), addNode(lab)]
    const root = encodeRoot({ root: new Uint8Array(16), horizonMs: 0, count: 1_000_000 })
    liar.faults.answer = () => root
    const nothing = encodeLeafRecords([{ leaf: 7, records: [] }])
    const frame = Buffer.concat([Buffer.of(0, 0, 0, nothing.length), nothing])
    for (const chunks of [() => new Promise<never>(() => {}), async () => frame]) {
      liar.faults.stream = chunks
      a.rounds.length = 0
      a.sync.catchUpWith(liar.id)
      await lab.timers.pass(2_000)
      await c.store.apply([makePeer().observe('new', today, keyOf(lab.asked.length))])
      a.sync.catchUpWith(c.id)
      await lab.timers.pass(150_000)
      t.ok(a.rounds.some(({ with: id, result }) => id === c.id && result !== 'failed'))
      t.strictSame(await contentsOf(a.store), await contentsOf(c.store))
    }
  },
)

t.test('who says each time that there is more is not asked again and again', async t => {
  const lab = openLab(t)
  const [a, liar] = [addNode(lab), addNode(lab)]
  await fill(a.store, 5)
  const words: Readonly<Record<string, Uint8Array>> = {
    'sync/root': encodeRoot({ root: new Uint8Array(16), horizonMs: 0, count: 5 }),
    'sync/nodes': encodeNodes({ differing: [0], leaves: new Uint8Array(64 * 8).fill(1) }),
    'sync/leaves': encodeRowsWord({ records: [], wants: [], isCut: true }),
  }
  liar.faults.answer = subject => words[subject] ?? new Uint8Array()
  a.sync.catchUpWith(liar.id)
  await lab.timers.pass(60_000)
  t.ok(a.rounds.some(({ result }) => result === 'more'))
  t.ok(a.rounds.length < 10, `${a.rounds.length} rounds`)
})

t.test(
  'a rollback upstream that one node confirmed wins over what another saw before it',
  async t => {
    const lab = openLab(t)
    const [a, b] = [addNode(lab), addNode(lab)]
    const key = formatTag(nginx)
    const { observe, live } = watcher(lab)
    observe(a, 'old')
    lab.clock.pass(hour)
    observe(b, 'new')
    lab.clock.pass(hour)
    observe(a, 'old')
    t.equal(live(a), 'old')
    t.equal(live(b), 'new')
    lab.link(a.id, b.id)
    await lab.timers.pass(20_000)
    t.equal(live(a), 'old', key)
    t.equal(live(b), 'old')
    t.equal(lab.published.filter(({ from }) => from === a.id).length > 0, true)
  },
)

function watcher(lab: SyncLab) {
  const names = ['old', 'new'] as const
  const key = formatTag(nginx)
  type Node = ReturnType<typeof addNode>
  return {
    observe({ store }: Node, name: (typeof names)[number]) {
      store.operate(key, {
        type: 'upstream',
        target: image(name),
        asked: store.state(key).observations[0]?.stamp,
        isLate: false,
        wallMs: lab.clock.wallMs(),
        atMs: lab.clock.wallMs(),
        believeUntilMs: Number.MAX_SAFE_INTEGER,
      })
    },
    live({ store }: Node) {
      const digest = store.state(key).observations[0]?.target?.digest
      return names.find(name => image(name).digest === digest)
    },
  }
}

async function allOf(store: ReturnType<typeof createMemoryRecordStore>) {
  const all = []
  for await (const { records } of store.all(0)) all.push(...records)
  return all
}
