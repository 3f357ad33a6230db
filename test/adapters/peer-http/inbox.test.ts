import t from 'tap'
import { createInbox } from '../../../src/adapters/peer-http/inbox.ts'

const chunk = (length: number) => Buffer.alloc(length)

t.test('chunks come out in order, also to who waits for them, and then the end', async t => {
  const inbox = createInbox(10, () => {})
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
  const inbox = createInbox(10, () => {})
  inbox.push(chunk(1))
  inbox.end({ failure: new Error('broke off') })
  await t.rejects(inbox.next(), { message: 'broke off' })
  await t.rejects(inbox.next(), { message: 'broke off' })
  const waited = createInbox(10, () => {})
  const waiting = waited.next()
  waited.end({ failure: undefined })
  t.equal(await waiting.catch(error => error), undefined)
})

t.test('it says when it is full, and once when there is room again', async t => {
  let rooms = 0
  const inbox = createInbox(10, () => {
    rooms += 1
  })
  t.equal(inbox.push(chunk(9)), true)
  t.equal(inbox.push(chunk(1)), false)
  t.equal(inbox.push(chunk(5)), false)
  await inbox.next()
  t.equal(rooms, 1)
  await inbox.next()
  await inbox.next()
  t.equal(rooms, 1)
})
