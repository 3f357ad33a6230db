import t from 'tap'
import { addressOf, allKnowAll, type SimulatedNode, simulateMesh } from './simulated-node.ts'

t.test('one node ticks for ever, and a mesh grows to 2, 5 and 50 with no restart', async t => {
  const { time, start, network } = simulateMesh(t)
  const nodes: SimulatedNode[] = [await start({ address: addressOf(1), seeds: [addressOf(2)] })]
  await time.pass(2 * 3_600_000)
  const lonely = nodes[0]?.end.dials ?? 0
  t.ok(lonely > 100, `${lonely} dials in two hours`)
  t.ok(lonely < 400, `${lonely} dials in two hours`)

  // The first cannot find the others by itself: they have its address.
  const seeds = [addressOf(1)]
  for (const size of [2, 5, 50]) {
    while (nodes.length < size)
      nodes.push(await start({ address: addressOf(nodes.length + 1), seeds }))
    const tookMs = await time.until(() => allKnowAll(nodes), 60_000)
    t.comment(`${size} nodes: all know all after ${tookMs} ms`)
    t.ok(tookMs <= 10_000, `${size} nodes: all know all after ${tookMs} ms`)
  }
  await time.pass(120_000)
  t.ok(allKnowAll(nodes), 'and it stays so')
  t.ok(network.mostNeighbours() <= 64, `${network.mostNeighbours()} connections at most`)
  const degrees = nodes.map(node => node.end.bus.neighbours().length)
  t.ok(Math.min(...degrees) >= 8, `each has ${degrees.join(' ')}`)
  t.ok(Math.max(...degrees) <= 40, `each has ${degrees.join(' ')}`)
})

t.test('a node that could only be reached later is dialled as soon as it is there', async t => {
  const { time, start } = simulateMesh(t)
  const a = await start({ address: addressOf(1), seeds: [addressOf(2)] })
  await time.pass(3_600_000)
  const b = await start({ address: addressOf(2) })
  const tookMs = await time.until(() => allKnowAll([a, b]), 70_000)
  t.ok(tookMs <= 65_000, `${tookMs} ms, back-off included`)
})

t.test('a change of the network ends all back-off', async t => {
  const { time, start } = simulateMesh(t)
  const a = await start({ address: addressOf(1), seeds: [addressOf(2)] })
  await time.pass(3_600_000)
  const b = await start({ address: addressOf(2) })
  a.addresses.push('192.168.7.7')
  const tookMs = await time.until(() => allKnowAll([a, b]), 70_000)
  t.ok(tookMs <= 5_000, `${tookMs} ms`)
})

t.test("twenty nodes that start at once with each other's addresses make no storm", async t => {
  const { time, start, network } = simulateMesh(t)
  const addresses = Array.from({ length: 20 }, (_, i) => addressOf(i + 1))
  const nodes = await Promise.all(addresses.map(address => start({ address, seeds: addresses })))
  const tookMs = await time.until(() => allKnowAll(nodes), 60_000)
  t.ok(tookMs <= 10_000, `${tookMs} ms`)
  await time.pass(60_000)
  const dials = nodes.reduce((sum, node) => sum + node.end.dials, 0)
  t.comment(`${dials} dials, all know all after ${tookMs} ms`)
  t.ok(dials <= 20 * 12, `${dials} dials of 20 nodes`)
  t.ok(network.mostNeighbours() <= 19)
})

t.test('a killed node is gone everywhere within the expiry, and back in seconds', async t => {
  const { time, start } = simulateMesh(t)
  const nodes: SimulatedNode[] = []
  for (let i = 1; i <= 5; i++)
    nodes.push(await start({ address: addressOf(i), seeds: [addressOf(1)] }))
  await time.until(() => nodes.every(node => node.end.bus.neighbours().length === 4), 20_000)
  const killed = nodes.pop()
  killed?.kill()
  const goneMs = await time.until(
    () => nodes.every(node => node.members.get(killed?.id ?? '')?.state === 'gone'),
    20_000,
  )
  t.ok(goneMs <= 20_000, `gone after ${goneMs} ms`)
  await time.pass(600_000)
  if (killed === undefined) return
  // With nothing but what it had written down.
  nodes.push(
    await start({ address: killed.address, signature: killed.signature, store: killed.store }),
  )
  const backMs = await time.until(() => allKnowAll(nodes), 20_000)
  t.ok(backMs <= 6_000, `back after ${backMs} ms`)
})

t.test('a mesh that was switched off as a whole finds itself by what was written down', async t => {
  const { time, start } = simulateMesh(t)
  const before: SimulatedNode[] = []
  for (let i = 1; i <= 5; i++)
    before.push(await start({ address: addressOf(i), seeds: [addressOf(1)] }))
  await time.until(() => allKnowAll(before), 20_000)
  await time.pass(10_000)
  for (const node of before) node.kill()
  await time.pass(10_000)
  const after = await Promise.all(
    before.map(({ address, signature, store }) => start({ address, signature, store })),
  )
  const tookMs = await time.until(() => allKnowAll(after), 60_000)
  t.ok(tookMs <= 10_000, `${tookMs} ms`)
})

for (const seed of [1, 2, 3]) {
  t.test(`a mesh cut in two is one again soon after it heals (seed ${seed})`, async t => {
    const { time, start, network } = simulateMesh(t, seed)
    const nodes: SimulatedNode[] = []
    for (let i = 1; i <= 24; i++) {
      nodes.push(await start({ address: addressOf(i), seeds: [addressOf(1)] }))
    }
    await time.until(() => allKnowAll(nodes), 20_000)
    const left = nodes.slice(0, 9)
    const right = nodes.slice(9)
    network.split([left, right].map(side => side.map(node => node.address)))
    await time.until(() => allKnowAll(left) && allKnowAll(right), 200_000)
    await time.pass(300_000)
    t.ok(allKnowAll(left) && allKnowAll(right))
    network.split()
    const tookMs = await time.until(() => allKnowAll(nodes), 120_000)
    t.comment(`healed after ${tookMs} ms`)
    t.ok(tookMs <= 60_000, `${tookMs} ms`)
  })
}

t.test(
  'a node cut off from all but one neighbour counts on that one alone, and on all again later',
  async t => {
    const { time, start, network } = simulateMesh(t)
    const nodes: SimulatedNode[] = []
    for (let i = 1; i <= 5; i++)
      nodes.push(await start({ address: addressOf(i), seeds: [addressOf(1)] }))
    await time.until(() => allKnowAll(nodes), 20_000)
    const [a, b, ...others] = nodes
    network.split([[a?.address ?? '', b?.address ?? ''], others.map(node => node.address)])
    await time.until(() => a?.members.alive().length === 1, 10_000)
    t.equal(a?.members.alive()[0]?.id, b?.id)
    network.split()
    await time.until(() => allKnowAll(nodes), 60_000)
  },
)
