import t from 'tap'
import { createRateLimits } from '../../../src/adapters/registry/rate-limits.ts'
import { stopTime } from './support/stopped-time.ts'

t.test('a pause holds for its repository until it is over', async t => {
  const time = stopTime(1_000)
  const over: string[] = []
  const limits = createRateLimits(time, name => over.push(name))
  limits.pause('a', 30_000)
  time.advance(10_000)
  t.strictSame(limits.find('a'), { leftMs: 20_000, sinceMs: 1_000 })
  t.equal(limits.find('b'), undefined)
  time.advance(20_000)
  t.equal(limits.find('a'), undefined)
  t.strictSame(over, ['a'])
})

t.test('a later pause replaces the one before', async t => {
  const time = stopTime()
  const over: string[] = []
  const limits = createRateLimits(time, name => over.push(name))
  limits.pause('a', 10_000)
  limits.pause('a', 30_000)
  time.advance(10_000)
  t.strictSame(over, [])
  t.equal(limits.find('a')?.leftMs, 20_000)
})

t.test('of more than a thousand the oldest is given up, and stopping gives up all', async t => {
  const time = stopTime()
  const limits = createRateLimits(time, () => t.fail('nothing ends by itself'))
  for (let n = 0; n <= 1_000; n += 1) limits.pause(`r${n}`, 30_000)
  t.equal(limits.find('r0'), undefined)
  t.ok(limits.find('r1'))
  limits.stop()
  t.equal(limits.find('r1'), undefined)
  t.strictSame(time.waiting(), [])
})
