import t from 'tap'
import { createProbe } from '../../../src/adapters/registry/probe.ts'
import { stopTime } from './support/stopped-time.ts'

/** Lets promises that have settled tell so. */
const settled = () => new Promise(resolve => setImmediate(resolve))

function makeProbe(random = 0) {
  const time = stopTime()
  const asked: { readonly atMs: number; readonly end: () => void }[] = []
  const probe = createProbe({ ...time, random: () => random }, () => gate.isOpen)
  const gate = { isOpen: true }
  const ask = () =>
    new Promise<void>((_, reject) => {
      asked.push({ atMs: time.clock.monotonicMs(), end: () => reject(new Error('still down')) })
    })
  return { time, asked, probe, gate, ask }
}

t.test('it asks after 2 s, then less and less often, at most 15 s apart', async t => {
  const { time, asked, probe, ask } = makeProbe()
  probe.start(ask)
  for (let n = 0; n < 80; n += 1) {
    time.advance(1_000)
    asked.at(-1)?.end()
    await settled()
  }
  const times = asked.map(({ atMs }) => atMs)
  t.strictSame(times, [2_000, 6_000, 14_000, 29_000, 44_000, 59_000, 74_000])
})

t.test('intervals are shortened at random, by a quarter at most', async t => {
  const { time, asked, probe, ask } = makeProbe(1)
  probe.start(ask)
  time.advance(1_500)
  t.equal(asked.length, 1)
})

t.test('it never asks twice at a time, and a long question does not delay the next', async t => {
  const { time, asked, probe, ask } = makeProbe()
  probe.start(ask)
  time.advance(30_000)
  t.equal(asked.length, 1)
  t.equal(probe.isAsking(), true)
  probe.hurry()
  t.equal(asked.length, 1)
  asked[0]?.end()
  await settled()
  t.equal(probe.isAsking(), false)
  time.advance(500)
  t.equal(asked.length, 2, 'half a second after the end')
})

t.test('stopped it asks no more, started again it begins anew', async t => {
  const { time, asked, probe, ask } = makeProbe()
  probe.start(ask)
  time.advance(2_000)
  probe.stop()
  t.equal(probe.isRunning(), false)
  asked[0]?.end()
  await settled()
  time.advance(60_000)
  t.equal(asked.length, 1)
  t.strictSame(time.waiting(), [])
  probe.hurry()
  t.equal(asked.length, 1)
  probe.start(ask)
  time.advance(2_000)
  t.equal(asked.length, 2)
})

t.test('started again while the old question is under way, it waits for that one', async t => {
  const { time, asked, probe, ask } = makeProbe()
  probe.start(ask)
  time.advance(2_000)
  probe.stop()
  probe.start(ask)
  time.advance(20_000)
  t.equal(asked.length, 1)
  asked[0]?.end()
  await settled()
  time.advance(2_000)
  t.equal(asked.length, 2)
})

t.test('in a hurry it asks at once', async t => {
  const { asked, probe, ask } = makeProbe()
  probe.start(ask)
  probe.hurry()
  t.equal(asked.length, 1)
})

t.test(
  'while somebody wants an answer it asks every 2 s, and goes on as before when nobody does',
  async t => {
    const { time, asked, probe, ask } = makeProbe()
    probe.want()
    t.strictSame(time.waiting(), [], 'nothing to ask')
    probe.start(ask)
    const pass = async (seconds: number, want = () => {}) => {
      for (let n = 0; n < seconds; n += 1) {
        want()
        time.advance(1_000)
        asked.at(-1)?.end()
        await settled()
      }
    }
    await pass(20)
    const times = () => asked.map(({ atMs }) => atMs)
    t.strictSame(times(), [2_000, 6_000, 14_000])
    await pass(6, probe.want)
    t.strictSame(times().slice(3), [20_500, 22_500, 24_500])
    await pass(30)
    t.strictSame(times().slice(6), [26_500, 41_500])
  },
)

t.test('who comes late and wants an answer all the time puts nothing off', async t => {
  for (const stepMs of [1, 50, 300, 499]) {
    const { time, asked, probe, ask } = makeProbe()
    probe.start(ask)
    time.advance(2_000)
    asked[0]?.end()
    await settled()
    time.advance(3_000)
    for (let ms = 0; ms < 600; ms += stepMs) {
      probe.want()
      time.advance(stepMs)
    }
    t.strictSame(
      asked.map(({ atMs }) => atMs),
      [2_000, 5_500],
      `wanted every ${stepMs} ms`,
    )
  }
})

t.test('a question under way is enough for all who want an answer', async t => {
  const { time, asked, probe, ask } = makeProbe()
  probe.start(ask)
  time.advance(2_000)
  probe.want()
  time.advance(20_000)
  t.equal(asked.length, 1)
})

t.test('what may not be asked now is asked later', async t => {
  const { time, asked, probe, gate, ask } = makeProbe()
  gate.isOpen = false
  probe.start(ask)
  time.advance(3_000)
  t.equal(asked.length, 0)
  gate.isOpen = true
  time.advance(1_000)
  t.equal(asked.length, 1)
})
