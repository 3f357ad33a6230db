import t from 'tap'
import { createPenalties } from '../../../src/adapters/libp2p/penalties.ts'
import { createMovableClock } from '../../support/movable-clock.ts'

const id = 'a'.repeat(64)

t.test('twenty rejected messages are forgiven, one more keeps out for a minute', async t => {
  const clock = createMovableClock(0)
  const penalties = createPenalties(clock)
  for (let at = 0; at < 20; at += 1) t.notOk(penalties.add(id))
  t.notOk(penalties.isKeptOut(id))
  t.ok(penalties.add(id))
  t.ok(penalties.isKeptOut(id))
  t.notOk(penalties.add(id), 'what was under way')
  t.ok(penalties.isKeptOut(id))
  t.notOk(penalties.isKeptOut('b'.repeat(64)))
  clock.pass(59_999)
  t.ok(penalties.isKeptOut(id))
  clock.pass(1)
  t.notOk(penalties.isKeptOut(id))
})

t.test('one each three seconds is forgiven for ever', async t => {
  const clock = createMovableClock(0)
  const penalties = createPenalties(clock)
  for (let at = 0; at < 200; at += 1) {
    t.notOk(penalties.add(id))
    clock.pass(3_000)
  }
})

t.test('no more than a thousand names are remembered', async t => {
  const penalties = createPenalties(createMovableClock(0))
  for (let at = 0; at < 21; at += 1) penalties.add(id)
  for (let at = 0; at < 1_023; at += 1) penalties.add(`${at}`)
  t.ok(penalties.isKeptOut(id))
  penalties.add('one more')
  t.notOk(penalties.isKeptOut(id))
})
