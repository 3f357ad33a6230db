import t from 'tap'
import { createInbox } from '../../../src/adapters/peer-http/inbox.ts'

const chunk = (length: number) => Buffer.alloc(length)
/** Never in this test's time. */
const never = 600_000
/** Gives each chunk as it comes. */
const single = { maxBytes: 10, gatherBytes: 1, gatherMs: never }

t.test('chunks come out in order, also to who waits for them, and then the end', async t => {
  const inbox = createInbox(single, () => {})
  inbox.push(Buffer.from('a'))
  t.match(await inbox.next(), { done: false, value: Buffer.from('a') })
  const waiting = inbox.next()
  inbox.push(Buffer.from('b'))
  t.match(await waiting, { value: Buffer.from('b') })
  inbox.push(Buffer.from('c'))
  inbox.end()
  t.match(await inbox.next(), { value: Buffer.from('c') })
  t.match(await inbox.next(), { done: true })
  t.match(await inbox.next(), { done: true })
})

t.test('a failure comes at once, before what was not read', async t => {
  const inbox = createInbox(single, () => {})
  inbox.push(chunk(1))
  inbox.end({ failure: new Error('broke off') })
  await t.rejects(inbox.next(), { message: 'broke off' })
  await t.rejects(inbox.next(), { message: 'broke off' })
  const waited = createInbox(single, () => {})
  const waiting = waited.next()
  waited.end({ failure: undefined })
  t.equal(await waiting.catch(error => error), undefined)
})

t.test('it says when it is full, and once when there is room again', async t => {
  let rooms = 0
  const inbox = createInbox(single, () => {
    rooms += 1
  })
  t.equal(inbox.push(chunk(9)), true)
  t.equal(inbox.push(chunk(1)), false)
  t.equal(inbox.push(chunk(5)), false)
  t.equal(rooms, 0)
  await inbox.next()
  t.equal(rooms, 1)
  inbox.push(chunk(5))
  await inbox.next()
  t.equal(rooms, 1)
})

t.test('chunks are given together once there are enough of them', async t => {
  const inbox = createInbox({ maxBytes: 10, gatherBytes: 3, gatherMs: never }, () => {})
  const waiting = inbox.next()
  let isGiven = false
  void waiting.then(() => {
    isGiven = true
  })
  inbox.push(Buffer.from('a'))
  inbox.push(Buffer.from('b'))
  await new Promise(setImmediate)
  t.notOk(isGiven, 'two are not enough')
  inbox.push(Buffer.from('c'))
  t.match(await waiting, { done: false, value: Buffer.from('abc') })
  inbox.push(Buffer.from('d'))
  inbox.end()
  t.match(await inbox.next(), { value: Buffer.from('d') }, 'the rest at the end')
  t.match(await inbox.next(), { done: true })
})

t.test('few chunks are given after a moment', async t => {
  const inbox = createInbox({ maxBytes: 10, gatherBytes: 10, gatherMs: 1 }, () => {})
  inbox.push(Buffer.from('a'))
  inbox.push(Buffer.from('b'))
  t.match(await inbox.next(), { done: false, value: Buffer.from('ab') })
  inbox.push(Buffer.from('c'))
  t.match(await inbox.next(), { value: Buffer.from('c') }, 'and so the next ones')
})
