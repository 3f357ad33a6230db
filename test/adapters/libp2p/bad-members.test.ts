import t, { type Test } from 'tap'
import { topic } from '../../../src/adapters/libp2p/settings.ts'
import { maxBusBytes } from '../../../src/ports/bus.ts'
import { type Clock, systemClock } from '../../../src/ports/clock.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { until } from '../../system/support/process.ts'
import { dialPlain, startBus, startPlain } from './support.ts'

const soon = (): AbortSignal => AbortSignal.timeout(10_000)

async function withMember(t: Test, clock: Clock = systemClock) {
  const one = await startBus(t, { tickMs: 100, clock })
  const good = await startBus(t, { tickMs: 100 })
  await good.bus.dial(one.address, soon())
  const member = await startPlain(t, 'k')
  const connection = await dialPlain(member.node, one.address)
  await until('all joined', () => one.changes.length === 2)
  const isWell = async (text: string): Promise<void> => {
    await good.bus.publish(Buffer.from(text))
    await until(`${text} is heard`, () => one.heard.includes(text))
  }
  return { one, good, member, connection, isWell }
}

t.test('a message of more than 64 KiB is not judged and goes no further', async t => {
  const { one, good, member, isWell } = await withMember(t)
  const { gossip } = member.node.services
  await gossip.publish(topic, Buffer.alloc(maxBusBytes + 1, 'x'))
  await gossip.publish(topic, Buffer.from('short'))
  await until('the short one is heard', () => good.heard.includes('short'))
  t.strictSame(one.heard, ['short'])
  await isWell('after it')
})

t.test('who sends too much that is rejected is hung up on and kept out', async t => {
  const { one, member, isWell } = await withMember(t)
  one.bus.judge(message => {
    const text = Buffer.from(message).toString()
    one.heard.push(text)
    return text.startsWith('bad') ? 'reject' : 'accept'
  })
  for (let at = 0; at < 25; at += 1) {
    await member.node.services.gossip.publish(topic, Buffer.from(`bad ${at}`))
  }
  await until('it is out', () => one.changes.includes('left'))
  // The handshake itself may end well on its side: it is told by the connection's end.
  const again = await dialPlain(member.node, one.address).catch(() => undefined)
  await until('it is out again', () => again === undefined || again.status !== 'open')
  t.equal(one.bus.neighbours().length, 1)
  await isWell('without it')
})

t.test(
  'who is kept out by another’s word neither comes in nor is dialled, until it is let in',
  async t => {
    const out = new Set<string>()
    const one = await startBus(t, { tickMs: 100, isKeptOut: id => out.has(id) })
    const other = await startBus(t, { tickMs: 100 })
    out.add(other.bus.self)
    await t.rejects(other.bus.dial(one.address, soon()), { name: 'BusFailure' })
    await t.rejects(one.bus.dial(other.address, soon()), { name: 'BusFailure' })
    t.strictSame(one.changes, [])
    out.clear()
    t.equal(await one.bus.dial(other.address, soon()), other.bus.self)
  },
)

t.test('garbage and endless frames on the gossip stream end that stream alone', async t => {
  const { one, connection, isWell } = await withMember(t)
  for (const bytes of [
    Buffer.alloc(300_000, 0xff),
    Buffer.concat([Buffer.from([0x80, 0x80, 0x80, 0x04]), Buffer.alloc(9_000_000)]),
    Buffer.from([0x05, 1, 2, 3, 4, 5]),
  ]) {
    const stream = await connection.newStream('/meshsub/1.2.0').catch(() => undefined)
    try {
      stream?.send(bytes)
    } catch {
      // Ended meanwhile: so much the better.
    }
  }
  await isWell('in spite of it')
  t.ok(one.bus.neighbours().length >= 1)
})

t.test('a flood of streams is bounded', async t => {
  const { one, connection, isWell } = await withMember(t)
  let slow = 0
  let most = 0
  one.bus.answerGreetings(async () => {
    slow += 1
    most = Math.max(most, slow)
    await new Promise(resolve => setTimeout(resolve, 20))
    slow -= 1
    return Buffer.of(1)
  })
  const opened = await Promise.allSettled(
    Array.from({ length: 300 }, async () => {
      const stream = await connection.newStream('/holdfast/greet/1', { signal: soon() })
      stream.send(Buffer.from([0, 0, 0, 1, 7]))
    }),
  )
  t.ok(opened.some(({ status }) => status === 'rejected'))
  await isWell('through the flood')
  t.ok(most <= 16, `${most} greetings at a time`)
})

t.test('a greeting that is too long, cut short or endless is not answered', async t => {
  const { one, connection, isWell } = await withMember(t)
  let answered = 0
  one.bus.answerGreetings(async () => {
    answered += 1
    return Buffer.of(1)
  })
  for (const bytes of [
    Buffer.from([0x7f, 0xff, 0xff, 0xff, 1]),
    Buffer.from([0, 0, 0, 5, 1]),
    Buffer.from([0, 0, 0, 1, 1, 2, 3]),
  ]) {
    const stream = await connection.newStream('/holdfast/greet/1')
    stream.send(bytes)
    await stream.close()
    // One that is cut short waits for the rest: it is bounded by time.
    if (bytes.length !== 5 || bytes[0] === 0x7f) {
      await until('it is reset', () => stream.status !== 'open')
    }
  }
  t.equal(answered, 0)
  await isWell('all the same')
})

t.test('a flood of messages is cut to what a mesh has to say', async t => {
  const clock = createMovableClock(0)
  const { one, member, isWell } = await withMember(t, clock)
  const { gossip } = member.node.services
  for (let at = 0; at < 2_500; at += 1) {
    await gossip.publish(topic, Buffer.from(`flood ${at}`))
    if (at % 100 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await until('what may come at once came', () => one.heard.length === 2_000)
  clock.pass(1_000)
  await isWell('after the flood')
  t.ok(one.heard.length <= 2_300, `${one.heard.length} of 2500 were judged`)
})
