import t from 'tap'
import { BusFailure } from '../../src/ports/bus.ts'
import type { SeedSource } from '../../src/ports/seed-source.ts'
import { addressOf, allKnowAll, type SimulatedNode, simulateMesh } from './simulated-node.ts'
import { signatureOf } from './support.ts'

/** Two keys, the one with the smaller id first. */
function twoKeys() {
  return [signatureOf(), signatureOf()].sort((a, b) => (a.self < b.self ? -1 : 1))
}

t.test('of two that know each other the one with the smaller id dials', async t => {
  const { time, start } = simulateMesh(t)
  const [small, large] = twoKeys()
  const seeds = [addressOf(1)]
  const a = await start({ address: addressOf(1), signature: small, seeds: [addressOf(2)] })
  const b = await start({ address: addressOf(2), signature: large, seeds })
  await time.until(() => allKnowAll([a, b]), 10_000)
  const dialsBefore = b.end.dials
  await a.end.bus.hangUp(b.id)
  const tookMs = await time.until(() => a.end.bus.neighbours().length === 1, 10_000)
  t.equal(a.end.bus.neighbours()[0]?.direction, 'outbound')
  t.equal(b.end.dials, dialsBefore)
  t.ok(tookMs <= 3_000, `${tookMs} ms`)
})

t.test('the one with the larger id dials when nothing came', async t => {
  const { time, start } = simulateMesh(t)
  const [small, large] = twoKeys()
  // The smaller one is told where nobody listens.
  const a = await start({ address: addressOf(1), signature: small })
  const b = await start({ address: addressOf(2), signature: large, seeds: [addressOf(1)] })
  await time.until(() => allKnowAll([a, b]), 10_000)
  const dial = a.end.bus.dial
  Object.assign(a.end.bus, { dial: async () => Promise.reject(new BusFailure('unreachable', '')) })
  await a.end.bus.hangUp(b.id)
  const tookMs = await time.until(() => a.end.bus.neighbours().length === 1, 20_000)
  t.equal(b.end.bus.neighbours()[0]?.direction, 'outbound')
  t.ok(tookMs >= 3_000, `${tookMs} ms: it waited for the other one first`)
  Object.assign(a.end.bus, { dial })
})

t.test('a node that finds itself under a seed leaves it', async t => {
  const { time, start, network } = simulateMesh(t)
  const a = await start({ address: addressOf(1), seeds: ['10.9.9.9:5053', addressOf(1)] })
  network.plug(a.id, '10.9.9.9:5053')
  await time.pass(300_000)
  t.equal(a.counts().dials.self, 1)
})

t.test('a seed source that fails or hangs holds up no other', async t => {
  const { time, start } = simulateMesh(t)
  const failing: SeedSource = { name: 'dns', find: () => Promise.reject(new Error('no DNS')) }
  const hanging: SeedSource = { name: 'mdns', find: () => new Promise(() => {}) }
  const a = await start({ address: addressOf(1) })
  const b = await start({
    address: addressOf(2),
    sources: [failing, hanging, { name: 'kubernetes', find: async () => [addressOf(1)] }],
  })
  const tookMs = await time.until(() => allKnowAll([a, b]), 10_000)
  t.ok(tookMs <= 3_000, `${tookMs} ms`)
  await time.pass(600_000)
  const told = b.log.lines.filter(line => line.message === 'no seeds from there for now')
  t.equal(told.length, 1, 'told once')
})

t.test('the members of before are found with every source down', async t => {
  const { time, start } = simulateMesh(t)
  const nodes: SimulatedNode[] = []
  for (let i = 1; i <= 3; i++) {
    nodes.push(await start({ address: addressOf(i), seeds: [addressOf(1)] }))
  }
  await time.until(() => allKnowAll(nodes), 20_000)
  await time.pass(5_000)
  const [a, b, c] = nodes
  if (a === undefined || b === undefined || c === undefined) return
  c.kill()
  await time.pass(120_000)
  const failing: SeedSource = { name: 'dns', find: () => Promise.reject(new Error('no DNS')) }
  const again = await start({
    address: '10.0.7.7:5053',
    signature: c.signature,
    store: c.store,
    sources: [failing],
  })
  const tookMs = await time.until(() => allKnowAll([a, b, again]), 20_000)
  t.ok(tookMs <= 10_000, `${tookMs} ms, at another address`)
})

t.test('who comes back with its key and nothing else is found by its neighbours', async t => {
  const { time, start } = simulateMesh(t)
  for (const awayMs of [3_000, 8_000, 60_000]) {
    const nodes: SimulatedNode[] = []
    for (let i = 1; i <= 4; i++) {
      nodes.push(await start({ address: addressOf(i), seeds: i === 1 ? [] : [addressOf(1)] }))
    }
    await time.until(() => allKnowAll(nodes), 20_000)
    await time.pass(30_000)
    const lost = nodes.pop()
    if (lost === undefined) return
    lost.kill()
    await time.pass(awayMs)
    const again = await start({ address: lost.address, signature: lost.signature })
    const tookMs = await time.until(() => allKnowAll([...nodes, again]), 120_000)
    t.ok(tookMs <= Math.max(5_000, awayMs / 2), `${tookMs} ms after ${awayMs} ms`)
    for (const node of [...nodes, again]) node.kill()
  }
})

t.test('who refuses our key is told of once', async t => {
  const { time, start } = simulateMesh(t)
  const a = await start({ address: addressOf(1), seeds: [addressOf(2)] })
  Object.assign(a.end.bus, { dial: () => Promise.reject(new BusFailure('refused', 'no key')) })
  await time.pass(600_000)
  t.ok(a.counts().dials.refused > 5)
  t.equal(a.log.lines.filter(line => /our cluster key is refused/.test(line.message)).length, 1)
})

t.test('of a seed where nobody is the log tells once for each reason, without a stack', async t => {
  const { time, start } = simulateMesh(t)
  const a = await start({ address: addressOf(1), seeds: [addressOf(2)] })
  const told = () => a.log.lines.filter(({ message }) => message.startsWith('a node was not met'))
  await time.pass(300_000)
  const one = { fields: { address: addressOf(2), code: 'unreachable' } }
  t.match(told(), [one])
  Object.assign(a.end.bus, { dial: () => Promise.reject(new BusFailure('no-mesh', 'a mirror')) })
  await time.pass(300_000)
  t.match(told(), [one, { fields: { address: addressOf(2), code: 'no-mesh' } }])
  t.equal(told().length, 2)
  t.notOk(told().some(({ fields }) => 'err' in fields))
})

t.test('a name that does not resolve is told once, and again after it did', async t => {
  const { time, start } = simulateMesh(t)
  let unresolved = ['node.lan:5053']
  const source: SeedSource = { name: 'dns', find: async () => [], unresolved: () => unresolved }
  const a = await start({ address: addressOf(1), sources: [source] })
  const told = () => a.log.lines.filter(({ message }) => /does not resolve/.test(message)).length
  await time.pass(300_000)
  t.equal(told(), 1)
  unresolved = []
  await time.pass(120_000)
  unresolved = ['node.lan:5053']
  await time.pass(300_000)
  t.equal(told(), 2)
})

t.test('connections change now and then, and stay enough', async t => {
  const { time, start } = simulateMesh(t)
  const nodes: SimulatedNode[] = []
  for (let i = 1; i <= 16; i++) {
    nodes.push(await start({ address: addressOf(i), seeds: [addressOf(1)] }))
  }
  await time.until(() => allKnowAll(nodes), 20_000)
  await time.pass(60_000)
  const links = () => nodes.map(node => node.end.bus.neighbours().map(({ id }) => id))
  const before = links()
  await time.pass(700_000)
  const after = links()
  const changed = after.filter((ids, i) => ids.some(id => !before[i]?.includes(id))).length
  t.ok(changed >= 10, `${changed} of 16 have another neighbour`)
  t.ok(
    after.every(ids => ids.length >= 7),
    after.map(ids => ids.length).join(' '),
  )
  t.ok(allKnowAll(nodes))
})

t.test('too many connections are ended, the hard bound at once', async t => {
  const { time, start, network } = simulateMesh(t)
  const hub = await start({ address: addressOf(1) })
  const crowd = Array.from({ length: 80 }, (_, i) => {
    const end = network.plug(signatureOf().self, addressOf(i + 2))
    end.bus.judge(() => 'accept')
    return end
  })
  await Promise.all(
    crowd.map(async ({ bus }, i) => {
      const dialling = bus.dial(hub.address, new AbortController().signal)
      if (i === 0) await time.pass(10)
      await dialling
    }),
  )
  t.ok(hub.end.bus.neighbours().length <= 64)
  await time.pass(300_000)
  t.ok(hub.end.bus.neighbours().length <= 32, `${hub.end.bus.neighbours().length}`)
})
