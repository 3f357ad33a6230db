import { runChild } from './child.ts'
import type { Figure } from './figure.ts'
import type { TrafficPart } from './process/scale-network.ts'
import type { Scene } from './scene.ts'

/** What the process of a mesh is told. */
export interface ScaleOrder {
  readonly nodes: number
  /** That each node holds, and nobody else. */
  readonly blobs: number
  readonly settleSeconds: number
  readonly idleSeconds: number
  readonly churnSeconds: number
  /** One node leaves and a new one comes, so often. */
  readonly replaceEverySeconds: number
}

/** What one node costs in a stretch of time; per second where there is no unit. */
export interface WindowCost {
  readonly traffic: Readonly<
    Partial<Record<TrafficPart, { readonly questions: number; readonly bytes: number }>>
  >
  /** Of a core. */
  readonly cpuShare: number
  readonly neighbours: number
  readonly mostNeighbours: number
  /** Other nodes asked or answered in the last minute, beside the bus. */
  readonly talkedWith: number
  readonly mostTalkedWith: number
}

/** What comes of it. */
export interface ScaleReport {
  /** From the first start until each knew all. */
  readonly metMs: number
  readonly startCpuMsEach: number
  readonly startQuestionsEach: number
  readonly idle: WindowCost
  readonly churned: WindowCost
  /** V8's heap and what hangs on it, without what the process had before its first node. */
  readonly heapMbEach: number
  /** After the churn, until all knew all and held the same records. */
  readonly equalMs: number
}

const sizes = (process.env['BENCH_SIZES'] ?? '3,20,100').split(',').map(Number)
const parts: readonly TrafficPart[] = ['hellos', 'records', 'bus', 'sync', 'index', 'members']

/**
 * What a node costs by the number of nodes: whole journeys over the push bus, all nodes in one process that ask each other
 * by plain calls. What sockets, TLS and SQLite cost is measured with whole processes.
 */
export async function meshScale(scene: Scene): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const nodes of sizes) {
    scene.say(`${nodes} nodes`)
    const report = await runChild<ScaleReport>('scale', orderOf(nodes))
    figures.push(...tell(nodes, report))
  }
  return figures
}

function orderOf(nodes: number): ScaleOrder {
  const seconds = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise)
  return {
    nodes,
    blobs: 30,
    settleSeconds: seconds('BENCH_SETTLE', 40),
    idleSeconds: seconds('BENCH_IDLE', 60),
    churnSeconds: seconds('BENCH_CHURN', 60),
    replaceEverySeconds: 10,
  }
}

function tell(nodes: number, report: ScaleReport): readonly Figure[] {
  const { idle, churned } = report
  return [
    { what: `${nodes} in one process: all know all after`, value: report.metMs, unit: 'ms' },
    { what: `${nodes}: processor of a start, each`, value: report.startCpuMsEach, unit: 'ms' },
    {
      what: `${nodes}: questions of a start, each`,
      value: report.startQuestionsEach,
      unit: 'times',
    },
    ...tellWindow(`${nodes} idle`, idle),
    { what: `${nodes} idle: heap, each`, value: report.heapMbEach, unit: 'MB' },
    ...tellWindow(`${nodes} under churn`, churned),
    { what: `${nodes}: all equal after it`, value: report.equalMs, unit: 'ms' },
  ]
}

function tellWindow(what: string, cost: WindowCost): readonly Figure[] {
  const traffic = parts.flatMap((part): readonly Figure[] => {
    const { questions = 0, bytes = 0 } = cost.traffic[part] ?? {}
    return [
      { what: `${what}: ${part}, a second`, value: questions, unit: 'times' },
      { what: `${what}: ${part}, a second`, value: bytes / 1_000, unit: 'kB' },
    ]
  })
  return [
    ...traffic,
    { what: `${what}: processor, of a core`, value: cost.cpuShare * 100, unit: '%' },
    { what: `${what}: neighbours, median`, value: cost.neighbours, unit: 'times' },
    { what: `${what}: neighbours, most`, value: cost.mostNeighbours, unit: 'times' },
    { what: `${what}: talks with, median`, value: cost.talkedWith, unit: 'times' },
    { what: `${what}: talks with, most`, value: cost.mostTalkedWith, unit: 'times' },
  ]
}
