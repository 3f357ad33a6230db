import t from 'tap'
import { createLeases } from '../../src/keep/leases.ts'
import type { LeaseStore } from '../../src/ports/lease-store.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { contentOf, createLogBook, createMemoryLeases } from './support.ts'

const hourMs = 3_600_000
const { digest, content } = contentOf('left', 60)

/** A node that holds the digest; opening it again is a restart. */
async function openNode(kept: LeaseStore = createMemoryLeases()) {
  const store = createMemoryStore()
  await store.put(digest, content)
  const time = { nowMs: 1_000 }
  const book = createLogBook()
  const open = () => createLeases({ store, kept, nowMs: () => time.nowMs, log: book.log })
  return { store, time, book, open }
}

const drop = async () => true

t.test('what was promised is kept for an hour, and on no account dropped before', async t => {
  const { time, open } = await openNode()
  const leases = open()
  t.equal(leases.has(digest), false)
  t.equal(await leases.grant(digest), true)
  t.equal(leases.has(digest), true)
  t.equal(await leases.whileLeaving(digest, drop), false)
  time.nowMs += 2 * hourMs - 1 // the usage clock runs at up to twice the pace
  t.equal(await leases.whileLeaving(digest, drop), false)
  time.nowMs += 1
  t.equal(leases.has(digest), false)
  t.equal(await leases.whileLeaving(digest, drop), true)
})

t.test('a promise outlives a restart', async t => {
  const { time, open } = await openNode()
  t.equal(await open().grant(digest), true)
  time.nowMs += hourMs
  const again = open()
  t.equal(again.has(digest), true)
  t.equal(await again.whileLeaving(digest, drop), false)
  time.nowMs += hourMs
  t.equal(again.has(digest), false)
  t.equal(open().has(digest), false)
})

t.test('a clock that went back makes no promise longer than a new one', async t => {
  const { time, open } = await openNode()
  time.nowMs += 1_000 * hourMs
  await open().grant(digest)
  time.nowMs -= 900 * hourMs
  const again = open()
  time.nowMs += 2 * hourMs
  t.equal(again.has(digest), false)
})

t.test('it is written before it is given', async t => {
  const { promise: written, resolve } = Promise.withResolvers<void>()
  const { open } = await openNode({ load: () => new Map(), keep: () => written })
  const leases = open()
  let isGiven = false
  const given = leases.grant(digest).then(was => {
    isGiven = was
  })
  await new Promise(setImmediate)
  t.equal(isGiven, false)
  t.equal(await leases.whileLeaving(digest, drop), false, 'and binds from the first moment on')
  resolve()
  await given
  t.equal(isGiven, true)
})

t.test('what cannot be written is not promised', async t => {
  const broken = { load: () => new Map(), keep: () => Promise.reject(new Error('disk full')) }
  const { open, book } = await openNode(broken)
  t.equal(await open().grant(digest), false)
  t.equal(book.told('warn').length, 1)
})

t.test('what is not held, or is being dropped, is not promised', async t => {
  const { store, open } = await openNode()
  const leases = open()
  const granted = await leases.whileLeaving(digest, () => leases.grant(digest))
  t.equal(granted, false)
  t.equal(await leases.grant(digest), true)
  await store.delete(digest)
  t.equal(await leases.grant(digest), false)
})

t.test('so many are promised and no more, until some are over', async t => {
  const time = { nowMs: 0 }
  const store = { stat: () => ({ digest, size: 1 }) }
  const parts = { store, kept: createMemoryLeases(), nowMs: () => time.nowMs, log: silentLog }
  const leases = createLeases(parts)
  for (let at = 0; at < 100_000; at += 1) await leases.grant(`sha256:${at}` as typeof digest)
  t.equal(await leases.grant(digest), false)
  t.equal(await leases.grant('sha256:7' as typeof digest), true, 'but those again')
  time.nowMs += 2 * hourMs
  t.equal(await leases.grant(digest), true)
})
