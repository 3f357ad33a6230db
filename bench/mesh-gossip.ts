import { fork } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { childPath } from './child.ts'
import { atMost, type Figure } from './figure.ts'
import { residentMb } from './memory.ts'
import { quantile } from './quantile.ts'
import type { Scene } from './scene.ts'

/** What a process of the mesh is told. */
export type GossipOrder =
  | { readonly do: 'start'; readonly count: number }
  | {
      readonly do: 'dial'
      readonly dials: readonly { readonly at: number; readonly address: string }[]
    }
  | { readonly do: 'publish'; readonly at: number }
  | { readonly do: 'report' }

/** What it answers; each order has its fields. */
export interface GossipAnswer {
  readonly addresses?: readonly string[]
  /** From publishing to hearing, of each message at each node, since the last report. */
  readonly delaysMs?: readonly number[]
  readonly neighbours?: readonly number[]
  /** Since the last report. */
  readonly cpuMs?: number
}

const messages = 100
const pauseMs = 50
const idleMs = 10_000
/** As many as a dial supervisor wants; with those that dial a node it has about twice as many. */
const dialsPerNode = 4

/** From a node's word to all the others' ears, over libp2p, on one machine. */
export async function meshGossip(scene: Scene): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const [processes, nodesEach] of [
    [4, 5],
    [5, 10],
  ] as const) {
    figures.push(...(await measure(scene, processes, nodesEach)))
  }
  return figures
}

async function measure(
  scene: Scene,
  processes: number,
  nodesEach: number,
): Promise<readonly Figure[]> {
  const count = processes * nodesEach
  scene.say(`${count} nodes in ${processes} processes`)
  const children = Array.from({ length: processes }, startChild)
  try {
    await connect(children, nodesEach)
    await delay(3_000)
    await Promise.all(children.map(child => child.tell({ do: 'report' })))
    await delay(idleMs)
    const idle = await Promise.all(children.map(child => child.tell({ do: 'report' })))
    for (let sent = 0; sent < messages; sent += 1) {
      const child = children[sent % processes]
      await child?.tell({ do: 'publish', at: sent % nodesEach })
      await delay(pauseMs)
    }
    await delay(2_000)
    const heard = await Promise.all(children.map(child => child.tell({ do: 'report' })))
    const delaysMs = heard.flatMap(({ delaysMs = [] }) => delaysMs)
    const links = idle.flatMap(({ neighbours = [] }) => neighbours)
    const resident = await Promise.all(children.map(({ pid }) => residentMb(pid)))
    const cpuShare = idle.reduce((sum, { cpuMs = 0 }) => sum + cpuMs, 0) / idleMs / count
    scene.say(`${quantile(links, 0.5)} neighbours, ${delaysMs.length} deliveries`)
    const wanted = messages * (count - 1)
    return [
      { what: `gossip to ${count} nodes, p50`, value: quantile(delaysMs, 0.5), unit: 'ms' },
      {
        what: `gossip to ${count} nodes, p99`,
        value: quantile(delaysMs, 0.99),
        unit: 'ms',
        aim: atMost(500),
      },
      {
        what: `messages that did not arrive, of ${wanted}`,
        value: wanted - delaysMs.length,
        unit: 'times',
        aim: atMost(0),
      },
      {
        what: `CPU of an idle node among ${count}, of a core`,
        value: cpuShare * 100,
        unit: '%',
      },
      {
        what: `RSS of ${nodesEach} nodes in one process, unbundled`,
        value: quantile(resident, 0.5),
        unit: 'MB',
      },
    ]
  } finally {
    for (const child of children) child.kill()
  }
}

async function connect(children: readonly Child[], nodesEach: number): Promise<void> {
  const started = await Promise.all(
    children.map(child => child.tell({ do: 'start', count: nodesEach })),
  )
  const addresses = started.flatMap(({ addresses = [] }) => addresses)
  await Promise.all(
    children.map((child, process) => {
      const dials = Array.from({ length: nodesEach }, (_, at) =>
        targets(process * nodesEach + at, addresses).map(address => ({ at, address })),
      )
      return child.tell({ do: 'dial', dials: dials.flat() })
    }),
  )
}

/** Neighbours near and far, the same in each run. */
function targets(from: number, addresses: readonly string[]): readonly string[] {
  const steps = Array.from({ length: dialsPerNode }, (_, at) => (at * 7 + 1) % addresses.length)
  return steps.flatMap(step => addresses[(from + step) % addresses.length] ?? [])
}

/** Some nodes in a process of their own. */
interface Child {
  readonly pid: number
  tell(order: GossipOrder): Promise<GossipAnswer>
  kill(): void
}

function startChild(): Child {
  const child = fork(childPath('gossip'))
  const ended = Promise.withResolvers<never>()
  child.once('exit', () => ended.reject(new Error('a process of the mesh ended')))
  ended.promise.catch(() => undefined) // told by whoever waits for an answer
  return {
    pid: child.pid ?? 0,
    async tell(order) {
      const { promise, resolve } = Promise.withResolvers<GossipAnswer>()
      child.once('message', answer => resolve(answer as GossipAnswer))
      child.send(order)
      return await Promise.race([promise, ended.promise])
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
