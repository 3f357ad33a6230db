import t from 'tap'
import { createTrustedTime } from '../../src/ledger/trusted-time.ts'
import type { ClusterTime } from '../../src/ports/cluster-time.ts'
import { addressOf, type SimulatedNode, simulateMesh } from './simulated-node.ts'
import type { SimulatedTime } from './support.ts'

const day = 86_400_000
const tenYears = 3652 * day

/** The real rules, over a machine whose clock is wrong by so much. */
function clockOff(errorMs: number, registrySaysSo = false) {
  return ({ clock }: SimulatedTime): ClusterTime => {
    const machine = { ...clock, wallMs: () => Math.max(0, clock.wallMs() + errorMs) }
    const time = createTrustedTime(machine, undefined)
    if (registrySaysSo) time.learn(Math.round(clock.wallMs()))
    return {
      nowMs: time.nowMs,
      source: time.source,
      learnFromPeers: samples => void time.learnFromPeers(samples),
    }
  }
}

/** Starts nodes one after the other; each has the clock of its place in the list. */
async function grow(t: Parameters<typeof simulateMesh>[0], clocks: ReturnType<typeof clockOff>[]) {
  const { time: sim, start } = simulateMesh(t)
  const nodes: (SimulatedNode & { readonly clusterTime: ClusterTime })[] = []
  for (const [i, clock] of clocks.entries()) {
    const clusterTime = clock(sim)
    const node = await start({
      address: addressOf(i + 1),
      seeds: i === 0 ? [] : [addressOf(1)],
      time: () => clusterTime,
    })
    nodes.push({ ...node, clusterTime })
    await sim.pass(60_000)
  }
  const errors = () => nodes.map(node => Math.abs(node.clusterTime.nowMs() - sim.clock.wallMs()))
  return { nodes, errors, time: sim }
}

const right = clockOff(0)

t.test(
  'a first node ten years ahead is set right by those that join, and moves none of them',
  async t => {
    const { nodes, errors } = await grow(t, [clockOff(tenYears), right, right, right, right])
    t.ok(
      errors().every(ms => ms <= 1_000),
      errors().join(' '),
    )
    t.ok(nodes.every(node => node.clusterTime.source() === 'peers'))
  },
)

for (const [name, errorMs] of [
  ['ten years ahead', tenYears],
  ['in 1970', -Number.MAX_SAFE_INTEGER],
] as const) {
  t.test(`a joiner ${name} is set right within a moment, and moves nobody`, async t => {
    const { nodes, errors } = await grow(t, [right, right, right, right, clockOff(errorMs)])
    t.ok(
      errors().every(ms => ms <= 1_000),
      errors().join(' '),
    )
    t.equal(nodes.at(-1)?.clusterTime.source(), 'peers')
    const skew = nodes[0]?.members.get(nodes.at(-1)?.id ?? '')?.clockSkewMs ?? Number.NaN
    t.ok(Math.abs(skew) <= 1_000, `shown as ${skew} ms apart`)
  })
}

t.test('two nodes cannot decide: each keeps its own time, and both say so', async t => {
  const { nodes, errors } = await grow(t, [clockOff(tenYears), right])
  t.strictSame(errors(), [tenYears, 0])
  for (const node of nodes) {
    t.equal(node.clusterTime.source(), undefined)
    const codes = node.status().alarms.map(({ code }) => code)
    t.strictSame(codes.sort(), ['clock-apart', 'clock-unverified'])
  }
})

t.test('three that a registry told the time outvote a crowd that nobody told', async t => {
  const ahead = clockOff(day)
  const told = clockOff(0, true)
  const { nodes, errors } = await grow(t, [ahead, ahead, ahead, ahead, ahead, told, told, told])
  t.ok(
    errors().every(ms => ms <= 1_000),
    errors().join(' '),
  )
  t.strictSame(
    nodes.map(node => node.clusterTime.source()),
    ['peers', 'peers', 'peers', 'peers', 'peers', 'registry', 'registry', 'registry'],
  )
})

t.test('the clocks of a mesh do not drift away together', async t => {
  const { errors, time } = await grow(t, [right, right, right, right, right])
  await time.pass(1_200_000)
  t.ok(
    errors().every(ms => ms <= 1_000),
    errors().join(' '),
  )
})
