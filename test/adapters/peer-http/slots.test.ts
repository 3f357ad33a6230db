import t from 'tap'
import { createSlots } from '../../../src/adapters/peer-http/slots.ts'

const never = new AbortController().signal

t.test('so many run, so many wait in order, and the next is too much', async t => {
  const slots = createSlots({ running: 1, waiting: 2 })
  const order: number[] = []
  const leave = await slots.take(never)
  const waiting = [1, 2].map(number => slots.run(never, async () => void order.push(number)))
  await t.rejects(slots.take(never), { name: 'PeerFailure', code: 'busy' })
  t.same(order, [])
  leave()
  await Promise.all(waiting)
  t.same(order, [1, 2])
})

t.test('who gives up waiting makes room for the next', async t => {
  const slots = createSlots({ running: 1, waiting: 1 })
  const leave = await slots.take(never)
  const abort = new AbortController()
  const waiting = slots.take(abort.signal)
  abort.abort(new Error('changed my mind'))
  await t.rejects(waiting, { message: 'changed my mind' })
  const next = slots.take(never)
  leave()
  ;(await next)()
  ;(await slots.take(never))()
  await t.rejects(slots.take(abort.signal), { message: 'changed my mind' })
})

t.test('work that fails leaves', async t => {
  const slots = createSlots({ running: 1, waiting: 0 })
  await t.rejects(slots.run(never, () => Promise.reject(new Error('no'))))
  t.equal(await slots.run(never, async () => 5), 5)
})
