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

/** Questions, and the bytes of them and their answers. */
export type PartCosts = Readonly<
  Partial<Record<TrafficPart, { readonly questions: number; readonly bytes: number }>>
>

/** What one node costs in a stretch of time; per second where there is no unit. */
export interface WindowCost {
  readonly traffic: PartCosts
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
  /** Until the rest after it was over. */
  readonly startCpuMsEach: number
  /** Of one node, from the first start until each knew all. */
  readonly untilMet: PartCosts
  /** Of one node, in the rest after that. */
  readonly settling: PartCosts
  readonly idle: WindowCost
  readonly churned: WindowCost
  /** V8's heap and what hangs on it, without what the process had before its first node. */
  readonly heapMbEach: number
  /** After the churn, until all knew all and held the same records. */
  readonly equalMs: number
}

/** A table of so many members is made. */
export interface MembersOrder {
  readonly members: number
}

/** What each of them costs. */
export interface MembersReport {
  /** V8's heap and what hangs on it. */
  readonly heapKbEach: number
  /** Processor time of one more hello of a known member, its signature verified. */
  readonly helloCpuMs: number
  readonly helloBytes: number
}

/** Tables larger than any mesh that is started here. */
const tableSizes = [100, 1_000, 5_000, 10_000]
const sizes = (process.env['BENCH_SIZES'] ?? '3,20,100').split(',').map(Number)
const parts: readonly TrafficPart[] = ['hellos', 'records', 'bus', 'sync', 'index', 'members']

/**
 * What a node costs by the number of nodes: whole journeys over the push bus, all nodes in one process that ask each other
 * by plain calls. What sockets, TLS and SQLite cost is measured with whole processes.
 */
export async function meshScale(scene: Scene): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const members of tableSizes) {
    scene.say(`a table of ${members}`)
    figures.push(...tellMembers(members, await runChild<MembersReport>('members', { members })))
  }
  for (const nodes of sizes) {
    scene.say(`${nodes} nodes`)
    const report = await runChild<ScaleReport>('scale', orderOf(nodes))
    figures.push(...tell(nodes, report))
  }
  return figures
}

function tellMembers(members: number, report: MembersReport): readonly Figure[] {
  const { heapKbEach, helloCpuMs, helloBytes } = report
  return [
    { what: `table of ${members}: heap, each`, value: heapKbEach, unit: 'kB' },
    { what: `table of ${members}: processor of a hello`, value: helloCpuMs, unit: 'ms' },
    { what: `table of ${members}: a hello`, value: helloBytes / 1_000, unit: 'kB' },
  ]
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
    ...tellParts(`${nodes}: until all know all, each`, report.untilMet),
    ...tellParts(`${nodes}: in the rest after it, each`, report.settling),
    ...tellWindow(`${nodes} idle`, idle),
    { what: `${nodes} idle: heap, each`, value: report.heapMbEach, unit: 'MB' },
    ...tellWindow(`${nodes} under churn`, churned),
    { what: `${nodes}: all equal after it`, value: report.equalMs, unit: 'ms' },
  ]
}

function tellParts(what: string, costs: PartCosts): readonly Figure[] {
  return parts.flatMap((part): readonly Figure[] => {
    const { questions = 0, bytes = 0 } = costs[part] ?? {}
    return [
      { what: `${what}: ${part}`, value: questions, unit: 'times' },
      { what: `${what}: ${part}`, value: bytes / 1_000, unit: 'kB' },
    ]
  })
}

function tellWindow(what: string, cost: WindowCost): readonly Figure[] {
  return [
    ...tellParts(`${what}, a second`, cost.traffic),
    { what: `${what}: processor, of a core`, value: cost.cpuShare * 100, unit: '%' },
    { what: `${what}: neighbours, median`, value: cost.neighbours, unit: 'times' },
    { what: `${what}: neighbours, most`, value: cost.mostNeighbours, unit: 'times' },
    { what: `${what}: talks with, median`, value: cost.talkedWith, unit: 'times' },
    { what: `${what}: talks with, most`, value: cost.mostTalkedWith, unit: 'times' },
  ]
}
