import t from 'tap'
import { testBus } from '../ports/bus.suite.ts'
import { createMemoryNetwork } from './memory-bus.ts'

t.test('keeps the promises of a bus', async t => {
  testBus(t, () => {
    const network = createMemoryNetwork()
    return async keys => network.start({ keys })
  })
})

async function line(seed: number, count: number) {
  const network = createMemoryNetwork({ seed })
  const heard: string[] = []
  const buses = Array.from({ length: count }, (_, at) => {
    const bus = network.start()
    bus.judge(message => {
      heard.push(`${at}:${Buffer.from(message)}@${network.clock.monotonicMs()}`)
      return 'accept'
    })
    return bus
  })
  const signal = new AbortController().signal
  for (const [at, bus] of buses.entries()) {
    const next = buses[at + 1]?.listening[0]
    if (next !== undefined) await bus.dial(next, signal)
  }
  return { network, heard, buses }
}

t.test('a delayed message waits for the clock', async t => {
  const { network, heard, buses } = await line(1, 3)
  network.delay(50)
  await buses[0]?.publish(Buffer.from('m'))
  await network.pass(49)
  t.strictSame(heard, [])
  await network.pass(1)
  t.strictSame(heard, ['1:m@1050'])
  await network.settle()
  t.strictSame(heard, ['1:m@1050', '2:m@1100'])
})

t.test('the share that is to be lost is lost, the same for the same seed', async t => {
  const lossy = async (seed: number) => {
    const { network, heard, buses } = await line(seed, 2)
    network.lose(0.3)
    for (let at = 0; at < 1_000; at += 1) await buses[0]?.publish(Buffer.from(`${at}`))
    await network.settle()
    t.equal(network.counts.sent, 1_000)
    t.equal(network.counts.lost, 1_000 - heard.length)
    return heard
  }
  const first = await lossy(7)
  t.ok(first.length > 640 && first.length < 760, `${first.length} of 1000 arrive`)
  t.strictSame(await lossy(7), first)
  t.strictNotSame(await lossy(8), first)
})

t.test('a partition parts, and heals', async t => {
  const { network, heard, buses } = await line(1, 4)
  const ids = buses.map(({ self }) => self)
  const changes: string[] = []
  buses[1]?.onNeighbour(({ kind, id }) => changes.push(`${kind} ${ids.indexOf(id)}`))
  network.partition([ids.slice(0, 2), ids.slice(2)])
  t.strictSame(changes, ['left 2'])
  await buses[0]?.publish(Buffer.from('here'))
  await network.settle()
  t.strictSame(heard, ['1:here@1000'])
  const signal = new AbortController().signal
  const there = buses[2]?.listening[0] ?? ''
  await t.rejects(async () => buses[1]?.dial(there, signal), { code: 'unreachable' })
  network.heal()
  await buses[1]?.dial(there, signal)
  await buses[0]?.publish(Buffer.from('everywhere'))
  await network.settle()
  t.equal(heard.filter(text => text.includes('everywhere')).length, 3)
})

t.test('a hundred nodes with six links each hear everything', async t => {
  const network = createMemoryNetwork({ seed: 3 })
  network.delay((from, to) => 1 + ((from.charCodeAt(0) + to.charCodeAt(1)) % 20))
  let heard = 0
  const buses = Array.from({ length: 100 }, () => network.start())
  const signal = new AbortController().signal
  for (const [at, bus] of buses.entries()) {
    bus.judge(() => {
      heard += 1
      return 'accept'
    })
    for (const step of [1, 7, 31]) {
      await bus.dial(buses[(at + step) % 100]?.listening[0] ?? '', signal)
    }
  }
  for (const bus of buses) await bus.publish(Buffer.from(bus.self))
  await network.settle()
  t.equal(heard, 100 * 99)
})
