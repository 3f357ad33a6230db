/** A whole mesh in one process: starts it, lets it rest, disturbs it, and prints as JSON what a node cost meanwhile. */
import { setTimeout as delay } from 'node:timers/promises'
import type { PartCosts, ScaleOrder, ScaleReport, WindowCost } from '../mesh-scale.ts'
import { quantile } from '../quantile.ts'
import { createScaleNetwork } from './scale-network.ts'
import { type ScaleNode, startScaleNode } from './scale-node.ts'

const order = JSON.parse(process.argv[2] ?? '') as ScaleOrder
const metAtMostMs = 120_000
const lookEveryMs = 250
const nodes: ScaleNode[] = []
const network = createScaleNetwork()
const { traffic } = network
let nextNumber = 1_000_000

/** Most blobs are held by one node alone, as what a node's own workloads need. */
function start(number: number): Promise<ScaleNode> {
  const held = Array.from({ length: order.blobs }, (_, i) => number * order.blobs + i)
  const seeds = nodes.slice(0, 3).map(({ address }) => address)
  return startScaleNode(network, seeds, held)
}

async function until(isSo: () => boolean, atMostMs: number): Promise<number> {
  const sinceMs = performance.now()
  while (!isSo()) {
    if (performance.now() - sinceMs > atMostMs) throw new Error(`not so after ${atMostMs} ms`)
    await delay(lookEveryMs)
  }
  return performance.now() - sinceMs
}

const allMet = (): boolean =>
  nodes.every(({ members }) => members.alive().length === nodes.length - 1)

const allEqual = (): boolean =>
  new Set(nodes.map(({ sync }) => sync.root())).size === 1 &&
  new Set(nodes.map(node => node.records())).size === 1

/** What was counted until now, divided by that. */
function trafficBy(divisor: number): PartCosts {
  return Object.fromEntries(
    [...traffic].map(([part, { questions, bytes }]) => [
      part,
      { questions: questions / divisor, bytes: bytes / divisor },
    ]),
  )
}

/** What a node costs while `work` goes on. */
async function measure(seconds: number, work: () => Promise<void>): Promise<WindowCost> {
  traffic.clear()
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  const talkedWith: number[] = []
  const neighbours: number[] = []
  const sampling = setInterval(() => {
    for (const node of nodes) {
      talkedWith.push(node.talkedWith())
      neighbours.push(node.neighbours())
    }
  }, 5_000)
  const working = work()
  await delay(seconds * 1_000)
  await working
  clearInterval(sampling)
  const tookSeconds = (performance.now() - startedMs) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const each = tookSeconds * nodes.length
  return {
    traffic: trafficBy(each),
    cpuShare: (user + system) / 1e6 / each,
    neighbours: quantile(neighbours, 0.5),
    mostNeighbours: Math.max(...neighbours),
    talkedWith: quantile(talkedWith, 0.5),
    mostTalkedWith: Math.max(...talkedWith),
  }
}

const heapMb = (): number => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1e6
}

/** One after the other leaves and another comes in its place; each second somebody learns a tag and stores a blob. */
async function churn(): Promise<void> {
  const endMs = performance.now() + order.churnSeconds * 1_000
  for (let second = 0; performance.now() < endMs; second += 1) {
    const node = nodes[second % nodes.length]
    node?.learn(nextNumber)
    await node?.store(nextNumber)
    nextNumber += 1
    if (second % order.replaceEverySeconds === 0) await replace(second % nodes.length)
    await delay(1_000)
  }
}

async function replace(at: number): Promise<void> {
  await nodes[at]?.close()
  nodes[at] = await start(nextNumber)
  nextNumber += 1
}

async function run(): Promise<ScaleReport> {
  const emptyMb = heapMb()
  const startCpu = process.cpuUsage()
  const startedMs = performance.now()
  for (let number = 0; number < order.nodes; number += 1) nodes.push(await start(number))
  await until(allMet, metAtMostMs)
  const metMs = performance.now() - startedMs
  const untilMet = trafficBy(order.nodes)
  traffic.clear()
  await delay(order.settleSeconds * 1_000)
  const settling = trafficBy(order.nodes)
  const { user, system } = process.cpuUsage(startCpu)
  const idle = await measure(order.idleSeconds, async () => {})
  const heapMbEach = (heapMb() - emptyMb) / order.nodes
  const churned = await measure(order.churnSeconds, churn)
  const equalMs = await until(() => allMet() && allEqual(), metAtMostMs)
  return {
    metMs,
    startCpuMsEach: (user + system) / 1_000 / order.nodes,
    untilMet,
    settling,
    idle,
    churned,
    heapMbEach,
    equalMs,
  }
}

run().then(
  report => {
    process.stdout.write(JSON.stringify(report))
    process.exit()
  },
  error => {
    throw error
  },
)
