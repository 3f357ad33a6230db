import t, { type Test } from 'tap'
import { leaveToNeighbour } from '../../src/keep/leave-to-neighbour.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { silentLog } from '../../src/ports/log.ts'
import { makeBlob } from '../ports/content-store.support.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

const { content, digest } = makeBlob(300)

function start(t: Test) {
  const timers = createMovableTimers(createMovableClock(Date.UTC(2026, 5, 1)))
  const own = createMemoryStore()
  const neighbour = createMemoryStore()
  const state = { keepsLayers: true, protected: new Set<Digest>(), isLeased: false }
  const leaving = leaveToNeighbour({
    own,
    neighbour,
    keepsLayers: async () => state.keepsLayers,
    protectedContent: async () => state.protected,
    whileLeaving: async (_digest, drop) => !state.isLeased && drop(),
    timers,
    log: silentLog,
  })
  t.teardown(() => leaving.close())
  return { timers, own, neighbour, state, leaving }
}

for (const first of ['own', 'neighbour'] as const) {
  t.test(`what both hold goes from here, whichever had it first: ${first}`, async t => {
    const { timers, own, neighbour } = start(t)
    const order = first === 'own' ? [own, neighbour] : [neighbour, own]
    for (const store of order) await store.put(digest, content)
    await timers.pass(9_000)
    t.ok(own.stat(digest), 'not while a pull may go on')
    await timers.pass(1_000)
    t.equal(own.stat(digest), undefined)
    t.ok(neighbour.stat(digest))
  })
}

t.test('what we alone hold stays', async t => {
  const { timers, own, neighbour } = start(t)
  await own.put(digest, content)
  await neighbour.put(digest, content)
  await neighbour.delete(digest)
  await timers.pass(20_000)
  t.ok(own.stat(digest))
})

t.test('our copy stays where theirs is damaged', async t => {
  const { timers, own, neighbour } = start(t)
  await own.put(digest, content)
  await neighbour.put(digest, content)
  neighbour.damage(digest)
  await timers.pass(10_000)
  t.ok(own.stat(digest))
})

t.test('what must stay stays, and what others rely on', async t => {
  const { timers, own, neighbour, state } = start(t)
  const other = makeBlob(20)
  state.protected.add(digest)
  for (const store of [own, neighbour]) await store.put(digest, content)
  await timers.pass(10_000)
  t.ok(own.stat(digest))
  state.isLeased = true
  for (const store of [own, neighbour]) await store.put(other.digest, other.content)
  await timers.pass(10_000)
  t.ok(own.stat(other.digest))
})

t.test('what had to stay goes within an hour after it no longer has to', async t => {
  const { timers, own, neighbour, state } = start(t)
  state.protected.add(digest)
  for (const store of [own, neighbour]) await store.put(digest, content)
  await timers.pass(10_000)
  t.ok(own.stat(digest))
  state.protected.clear()
  await timers.pass(3_600_000)
  t.equal(own.stat(digest), undefined)
})

t.test('one that cannot be read there does not keep the others here', async t => {
  const { timers, own, neighbour } = start(t)
  const other = makeBlob(20)
  const { reverify } = neighbour
  let isBad = true
  Object.assign(neighbour, {
    reverify: async (...asked: Parameters<typeof reverify>) => {
      if (isBad && asked[0] === digest) throw new Error('EIO')
      return reverify(...asked)
    },
  })
  for (const blob of [{ content, digest }, other]) {
    for (const store of [own, neighbour]) await store.put(blob.digest, blob.content)
  }
  await timers.pass(10_000)
  t.ok(own.stat(digest))
  t.equal(own.stat(other.digest), undefined)
  isBad = false
  await timers.pass(3_600_000)
  t.equal(own.stat(digest), undefined)
})

t.test(
  'all stays until it is known that theirs keeps layers; asked again in an hour, or with the next blob',
  async t => {
    const { timers, own, neighbour, state } = start(t)
    state.keepsLayers = false
    for (const store of [own, neighbour]) await store.put(digest, content)
    await timers.pass(10_000)
    t.ok(own.stat(digest))
    state.keepsLayers = true
    await timers.pass(3_600_000)
    t.equal(own.stat(digest), undefined)
  },
)

t.test('nothing goes once it is closed', async t => {
  const { timers, own, neighbour, leaving } = start(t)
  for (const store of [own, neighbour]) await store.put(digest, content)
  await leaving.close()
  await timers.pass(20_000)
  t.ok(own.stat(digest))
})
