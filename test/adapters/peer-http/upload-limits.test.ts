import t from 'tap'
import { createUploadLimits } from '../../../src/adapters/peer-http/upload-limits.ts'
import type { PeerPriority } from '../../../src/ports/peer-port.ts'
import { createMovableClock } from '../../support/movable-clock.ts'

/** Limits on a clock that is moved, and transfers that take piece after piece. */
function open(bytesPerSecond: number, perPeerBytesPerSecond = 0) {
  const clock = createMovableClock(0)
  const due: { atMs: number; then: () => void }[] = []
  const after = (ms: number, then: () => void): void => {
    due.push({ atMs: clock.monotonicMs() + ms, then })
  }
  const limits = createUploadLimits({ clock, after }, { bytesPerSecond, perPeerBytesPerSecond })

  function send(to: string, priority: PeerPriority) {
    const upload = limits.begin(to, priority)
    if (upload === undefined) throw new Error('no limit')
    const state = { sent: 0, longestMs: 0, isEnded: false }
    const run = async () => {
      let lastMs = clock.monotonicMs()
      while (!state.isEnded) {
        await upload.take(upload.pieceBytes)
        if (state.isEnded) return
        state.sent += upload.pieceBytes
        state.longestMs = Math.max(state.longestMs, clock.monotonicMs() - lastMs)
        lastMs = clock.monotonicMs()
        await new Promise(setImmediate)
      }
    }
    void run()
    return Object.assign(state, {
      end: () => {
        state.isEnded = true
        upload.end()
      },
    })
  }

  async function pass(ms: number): Promise<void> {
    for (let gone = 0; gone < ms; gone += 10) {
      clock.pass(10)
      for (const one of due.splice(0)) {
        if (one.atMs <= clock.monotonicMs()) one.then()
        else due.push(one)
      }
      for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate)
    }
  }
  return { limits, send, pass }
}

const near = (value: number, expected: number): boolean =>
  value > expected * 0.8 && value < expected * 1.25

t.test('without a limit nothing is paced', async t => {
  t.equal(open(0).limits.begin('a', 'pull'), undefined)
  t.ok(open(1).limits.begin('a', 'pull'))
  t.ok(open(0, 1).limits.begin('a', 'pull'))
})

t.test('all transfers together keep to the limit, each with its share', async t => {
  const { send, pass } = open(1_000_000)
  const three = ['a', 'b', 'c'].map(to => send(to, 'pull'))
  await pass(3_000)
  t.ok(
    near(
      three.reduce((sum, { sent }) => sum + sent, 0),
      3_000_000,
    ),
  )
  for (const { sent } of three) t.ok(near(sent, 1_000_000), `${sent}`)
  for (const one of three) one.end()
})

t.test('each node has its own limit, and the total still holds', async t => {
  const { send, pass } = open(1_500_000, 1_000_000)
  const [a, again] = [send('a', 'pull'), send('a', 'pull')]
  await pass(2_000)
  t.ok(near(a.sent + again.sent, 2_000_000), 'one node')
  const b = send('b', 'pull')
  const before = a.sent + again.sent
  await pass(4_000)
  t.ok(near(a.sent + again.sent - before + b.sent, 6_000_000), 'two nodes')
  for (const one of [a, again, b]) one.end()
})

t.test('background yields to a pull, goes on in drops, and has all when it is over', async t => {
  const { send, pass } = open(1_000_000)
  const background = send('a', 'background')
  await pass(1_000)
  t.ok(near(background.sent, 1_000_000), 'alone it has everything')
  const before = background.sent
  const pull = send('b', 'pull')
  await pass(4_000)
  t.ok(near(pull.sent, 4_000_000), `${pull.sent}`)
  const drops = background.sent - before
  t.ok(drops > 0 && drops < 400_000, `${drops} meanwhile`)
  t.ok(background.longestMs < 1_500, 'its reader does not take it for dead')
  pull.end()
  const after = background.sent
  await pass(2_000)
  t.ok(near(background.sent - after, 2_000_000))
  background.end()
})

t.test('a low limit makes no long silences', async t => {
  const { send, pass } = open(10_000)
  const four = ['a', 'b', 'c', 'd'].map(to => send(to, 'pull'))
  await pass(10_000)
  t.ok(
    near(
      four.reduce((sum, { sent }) => sum + sent, 0),
      100_000,
    ),
  )
  for (const { longestMs } of four) t.ok(longestMs < 1_000, `${longestMs} ms`)
  for (const one of four) one.end()
})

t.test('a transfer that ends while it waits takes nothing more', async t => {
  const { send, pass } = open(10_000)
  const gone = send('a', 'pull')
  const stays = send('b', 'pull')
  await pass(1_000)
  gone.end()
  const { sent } = stays
  await pass(5_000)
  t.ok(near(stays.sent - sent, 50_000))
  stays.end()
})

t.test('to begin anew does not fill a bucket that was emptied', async t => {
  const { send, pass } = open(0, 100_000)
  let sent = 0
  for (let i = 0; i < 50; i += 1) {
    const one = send('a', 'pull')
    await pass(20)
    sent += one.sent
    one.end()
  }
  t.ok(sent < 130_000, `${sent}`)
})
