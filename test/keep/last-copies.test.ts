import t from 'tap'
import { createCollector } from '../../src/keep/collect.ts'
import { createLastCopies, type LastCopies } from '../../src/keep/last-copies.ts'
import { createLeases } from '../../src/keep/leases.ts'
import { createOwners } from '../../src/keep/owners.ts'
import { digestOf } from '../../src/oci/digest.ts'
import type { Platform } from '../../src/oci/platform.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { type PeerAnswer, PeerFailure } from '../../src/ports/peer-port.ts'
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'
import { contentOf, createLogBook, createMemoryLeases } from './support.ts'

const { signal } = new AbortController()
const amd64 = { os: 'linux', architecture: 'amd64' }
const content = Buffer.from('the last of its kind')
const digest = digestOf(content)

interface Node {
  readonly copies: LastCopies
  readonly store: MemoryStore
}

/** Nodes that all hold the digest and each believe others to be its owners; what travels between them waits to be delivered. */
async function openNodes(views: Readonly<Record<string, readonly string[]>>) {
  const waiting: (() => void)[] = []
  const nodes = new Map<NodeId, Node>()
  const turn = () => new Promise<void>(resolve => waiting.push(resolve))
  for (const [name, owners] of Object.entries(views)) {
    const store = createMemoryStore()
    await store.put(digest, content)
    const client = {
      async call(id: NodeId, _subject: string, question: Uint8Array) {
        await turn()
        const answer = await nodes.get(id)?.copies.answer(question, name, signal)
        await turn()
        if (answer === undefined) throw new PeerFailure('unreachable', id)
        return answer
      },
    }
    const { log } = createLogBook()
    const leases = createLeases({ store, kept: createMemoryLeases(), nowMs: () => 0, log })
    const isForUs = () => true
    const parts = { members: { self: name }, ownersOf: () => owners, leases, isForUs, client }
    nodes.set(name, { copies: createLastCopies(parts, { signal }), store })
  }
  const collect = ({ copies, store }: Node) =>
    copies.drop(digest, true, async () => {
      await turn()
      await store.delete(digest)
      return true
    })
  return {
    waiting,
    nodes,
    collect,
    holders: () => [...nodes.values()].filter(({ store }) => store.stat(digest)).length,
  }
}

const settle = async () => {
  for (let turns = 0; turns < 30; turns += 1) await null
}

/** All collect at once, and what travels is delivered in the order that the choices say. How many there were at each step. */
async function run(views: Readonly<Record<string, readonly string[]>>, choices: readonly number[]) {
  const { waiting, nodes, collect, holders } = await openNodes(views)
  const collecting = [...nodes.values()].map(collect)
  const branches: number[] = []
  for (await settle(); waiting.length > 0; await settle()) {
    branches.push(waiting.length)
    const [deliver] = waiting.splice(choices[branches.length - 1] ?? 0, 1)
    deliver?.()
  }
  const dropped = (await Promise.all(collecting)).filter(Boolean).length
  return { branches, dropped, holders: holders() }
}

/** Runs all orders; returns how many there are and how often something was dropped. */
async function everyOrder(views: Readonly<Record<string, readonly string[]>>) {
  let choices: number[] = []
  let runs = 0
  let dropped = 0
  for (;;) {
    const result = await run(views, choices)
    runs += 1
    dropped += result.dropped
    if (result.holders < 1) throw new Error(`lost: ${JSON.stringify({ views, choices })}`)
    const taken = result.branches.map((_, at) => choices[at] ?? 0)
    let at = taken.length - 1
    while (at >= 0 && (taken[at] ?? 0) + 1 >= (result.branches[at] ?? 0)) at -= 1
    if (at < 0) return { runs, dropped }
    choices = [...taken.slice(0, at), (taken[at] ?? 0) + 1]
  }
}

t.test('two full nodes that collect at the same instant lose nothing, in any order', async t => {
  const { runs, dropped } = await everyOrder({ a: ['b'], b: ['a'] })
  t.ok(runs > 5, `${runs} orders`)
  t.ok(dropped > 0, 'and in some of them one is dropped')
})

t.test('nor do three, whatever each of them believes', async t => {
  let runs = 0
  let dropped = 0
  for (const a of ['b', 'c']) {
    for (const b of ['a', 'c']) {
      for (const c of ['a', 'b']) {
        const result = await everyOrder({ a: [a], b: [b], c: [c] })
        runs += result.runs
        dropped += result.dropped
      }
    }
  }
  t.ok(runs > 500, `${runs} orders`)
  t.ok(dropped > 0)
})

t.test('what others rely on is not dropped, nor left to anybody', async t => {
  const { nodes } = await openNodes({ a: ['b'], b: ['a'] })
  const b = nodes.get('b')
  if (b === undefined) throw new Error('no node')
  const ask = (answer: PeerAnswer) => answer(Buffer.from(digest), 'a', signal)
  t.equal(b.copies.mayLeave(digest), true)
  t.strictSame([...(await ask(b.copies.answer))], [1])
  t.equal(await b.copies.drop(digest, false, async () => true), false, 'as what nobody protects')
  t.equal(b.copies.mayLeave(digest), false)
  t.equal(b.copies.isLeased(digest), true)
  await t.rejects(b.copies.answer(Buffer.from('nonsense'), 'a', signal), { code: 'protocol' })
})

t.test('what is for other platforms than its own a node does not promise to keep', async t => {
  const store = createMemoryStore()
  await store.put(digest, content)
  const { log } = createLogBook()
  const leases = createLeases({ store, kept: createMemoryLeases(), nowMs: () => 0, log })
  const client = { call: async () => Uint8Array.of(1) }
  for (const isForUs of [true, false]) {
    const copies = createLastCopies(
      { members: { self: 'b' }, ownersOf: () => [], leases, isForUs: () => isForUs, client },
      { signal },
    )
    const answer = await copies.answer(Buffer.from(digest), 'a', signal)
    t.strictSame([...answer], [Number(isForUs)])
  }
})

t.test('owners are spread over zones, and have room', async t => {
  const lab = createPeerLab()
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const [at, name] of names.entries()) {
    lab.serve(nodeId(name), {})
    lab.say(nodeId(name), { zone: at < 3 ? 'east' : 'west' })
  }
  const zoneOf = (id: NodeId) => (names.map(nodeId).indexOf(id) < 3 ? 'east' : 'west')
  const members = lab.members(nodeId('a'))
  const settings = { copies: 2, zone: 'east', platforms: [amd64] }
  const owners = createOwners(members, settings, () => () => true)
  for (let at = 0; at < 50; at += 1) {
    const ids = owners(digestOf(Buffer.from(`${at}`)))
    t.strictSame(new Set(ids.map(zoneOf)).size, 2)
  }
  for (const name of ['d', 'e', 'f']) lab.say(nodeId(name), { roomBytes: 0 })
  t.equal(owners(digest).length, 2, 'one zone is better than one copy')
  t.ok(owners(digest).every(id => zoneOf(id) === 'east'))
  const all = createOwners(members, { ...settings, copies: 9 }, () => () => true)
  t.equal(all(digest).length, 3)
})

t.test('owners have clients with a use for it', async t => {
  const lab = createPeerLab()
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const [at, name] of names.entries()) {
    lab.serve(nodeId(name), {})
    lab.say(nodeId(name), { platforms: [at < 3 ? 'linux/amd64' : 'linux/arm64'] })
  }
  const [self = '', ...others] = names.map(nodeId)
  const isForArm = (platforms: readonly Platform[]) =>
    platforms.some(({ architecture }) => architecture === 'arm64')
  const settings = { copies: 2, zone: undefined, platforms: [amd64] }
  const owners = createOwners(lab.members(self), settings, () => isForArm)
  const arms = others.slice(2)
  for (let at = 0; at < 50; at += 1) {
    const ids = owners(digestOf(Buffer.from(`${at}`)))
    t.equal(ids.length, 2)
    t.ok(ids.every(id => arms.includes(id)))
  }
  for (const id of arms) lab.say(id, { state: 'gone' })
  t.strictSame(owners(digest), [], 'nobody rather than one that would not hold it')
})

t.test(
  'a full store leaves to its owner what is protected, and never what it owns itself',
  async t => {
    const one = contentOf('one', 60)
    for (const isOwner of [false, true]) {
      const store = createMemoryStore({ quotaBytes: 100 })
      await store.put(one.digest, one.content)
      const lastCopies = {
        isLeased: () => false,
        mayLeave: () => !isOwner,
        drop: async (_digest: string, isProtected: boolean, drop: () => Promise<boolean>) => {
          t.equal(isProtected, true)
          return drop()
        },
      }
      const collector = createCollector(
        {
          store,
          lastCopies,
          lastUse: { usedAtMs: () => 0 },
          protectedContent: () => new Map([[one.digest, 'kept']]),
          nowMs: () => 1_000,
          log: createLogBook().log,
        },
        { quotaBytes: 100, minFreeBytes: 0, unusedForDays: 0 },
      )
      t.equal(await collector.makeRoom(50), !isOwner)
      t.equal(store.stat(one.digest) === undefined, !isOwner)
    }
  },
)
