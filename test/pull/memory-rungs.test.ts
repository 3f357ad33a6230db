import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { key, openLadder } from '../support/ladder-parts.ts'
import { watchWaiting } from '../support/waited.ts'

/** A ladder whose registry is down, and two digests of the tag, none of them complete here. */
async function open(t: Test) {
  const ladder = openLadder({ timeoutMs: 60, patienceMs: 2_000 })
  t.teardown(ladder.close)
  const older = ladder.publish('older')
  await ladder.resolve()
  const newest = ladder.publish('newest')
  const known = await ladder.resolve()
  if (!known.found) throw new Error(known.reason)
  ladder.down()
  return { ladder, older, newest, known }
}

const never = new Promise<boolean>(() => {})

t.test('what other nodes say late is waited for before a tag is not found', async t => {
  const { ladder, older, newest } = await open(t)
  const said = Promise.withResolvers<boolean>()
  ladder.elsewhere(newest, said.promise)
  const asking = ladder.resolve()
  await delay(600) // far beyond the deadline and the moment after it
  said.resolve(true)
  t.match(await asking, { found: true, digest: newest, source: 'ledger' })

  ladder.elsewhere(newest, Promise.resolve(false))
  ladder.elsewhere(older, delay(600, true))
  t.match(await ladder.resolve(), { found: true, digest: older, source: 'history' })
})

t.test('who says in time that he has nothing is not waited for', async t => {
  const { ladder, newest } = await open(t)
  ladder.elsewhere(newest, Promise.resolve(false))
  const waitedMs = watchWaiting()
  t.match(await ladder.resolve(), { found: false, failure: 'unreachable' })
  t.ok(waitedMs() < 300)
})

t.test('who says nothing at all is waited for so long and no longer', async t => {
  const { ladder, newest } = await open(t)
  ladder.elsewhere(newest, never)
  const beganMs = performance.now()
  const waitedMs = watchWaiting()
  t.match(await ladder.resolve(), { found: false })
  t.ok(performance.now() - beganMs > 1_900)
  t.ok(waitedMs() < 3_500)
})

t.test('what is complete here is not kept waiting for by others', async t => {
  const { ladder, older, newest } = await open(t)
  ladder.elsewhere(newest, never)
  ladder.complete(older)
  const waitedMs = watchWaiting()
  t.match(await ladder.resolve(), { found: true, digest: older, source: 'history' })
  t.ok(waitedMs() < 1_000)
})

t.test('when one digest takes all the time, the next is looked for all the same', async t => {
  const { ladder, older, newest } = await open(t)
  ladder.elsewhere(newest, never)
  ladder.elsewhere(older)
  const asking = ladder.resolve()
  await delay(100)
  ladder.clock.pass(1_000) // all of it is over by then
  t.match(await asking, { found: true, digest: older, source: 'history' })
})

t.test('a pin that other nodes hold is waited for, too', async t => {
  const { ladder, newest, known } = await open(t)
  await ladder.ledger.setPin(key, known, {})
  ladder.elsewhere(newest, delay(600, true))
  t.match(await ladder.resolve('GET'), { found: true, digest: newest, source: 'pin' })
})
