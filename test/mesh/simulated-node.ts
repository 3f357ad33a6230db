import type { Test } from 'tap'
import { type Mesh, startMesh } from '../../src/mesh/mesh.ts'
import type { ClusterTime } from '../../src/ports/cluster-time.ts'
import type { NodeSignature } from '../../src/ports/node-signature.ts'
import type { SeedSource } from '../../src/ports/seed-source.ts'
import { type SimulatedEnd, type SimulatedNetwork, simulateNetwork } from './simulated-network.ts'
import {
  memoryMemberStore,
  plainTime,
  rememberingLog,
  type SimulatedTime,
  seededRandom,
  signatureOf,
  simulateTime,
} from './support.ts'

/** A node of a simulated mesh. */
export interface SimulatedNode extends Mesh {
  readonly id: string
  readonly address: string
  readonly end: SimulatedEnd
  readonly store: ReturnType<typeof memoryMemberStore>
  readonly signature: NodeSignature
  readonly log: ReturnType<typeof rememberingLog>
  /** Its interfaces. */
  readonly addresses: string[]
  /** Dies as with kill -9. */
  kill(): void
}

/** What a node may differ in. */
export interface SimulatedOptions {
  readonly address: string
  readonly seeds?: readonly string[]
  readonly sources?: readonly SeedSource[]
  readonly store?: ReturnType<typeof memoryMemberStore>
  readonly signature?: NodeSignature | undefined
  readonly name?: string
  readonly acceptedKeyIds?: () => readonly string[]
  readonly keysFailure?: () => string | undefined
  readonly bannedBy?: () => ReadonlySet<string>
  readonly operators?: readonly string[]
  readonly protocols?: { readonly lowest: number; readonly highest: number }
  readonly time?: (time: SimulatedTime) => ClusterTime
}

/** Nodes, their network and their time. */
export interface SimulatedMesh {
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  start(options: SimulatedOptions): Promise<SimulatedNode>
}

/** An empty one; what it starts ends with the test. The seed makes it the same each time. */
export function simulateMesh(t: Test, seed = 1): SimulatedMesh {
  const time = simulateTime()
  const network = simulateNetwork(time)
  const running = new Set<Mesh>()
  let started = 0

  t.teardown(async () => {
    const closing = [...running].map(mesh => mesh.close())
    await time.pass(2_000)
    await Promise.all(closing)
  })

  return {
    time,
    network,
    async start(options) {
      started += 1
      const { address, seeds = [], sources = [] } = options
      const signature = options.signature ?? signatureOf()
      const store = options.store ?? memoryMemberStore()
      const log = rememberingLog()
      const addresses = [address.slice(0, address.lastIndexOf(':'))]
      const end = network.plug(signature.self, address)
      const written: SeedSource = { name: 'static', find: async () => seeds }
      const mesh = await startMesh(
        {
          ...time,
          ...end,
          signature,
          store,
          log,
          time: options.time?.(time) ?? plainTime(time.clock),
          random: seededRandom(seed * 1_000 + started),
          network: { addresses: () => addresses },
          seeds: [written, ...sources],
          ...(options.keysFailure && { keysFailure: options.keysFailure }),
          ...(options.bannedBy && { bannedBy: options.bannedBy }),
          facts: () => ({
            name: options.name ?? `node at ${address}`,
            zone: undefined,
            platforms: ['linux/amd64'],
            peerAddresses: [address],
            meshAddresses: [address],
            ledgerRoot: '',
            records: 0,
            upstreams: ['docker.io'],
            roomBytes: 0,
            keyId: 'deadbeef',
            acceptedKeyIds: options.acceptedKeyIds?.() ?? ['deadbeef'],
          }),
        },
        {
          version: '0.1.0',
          operators: options.operators ?? [],
          nonce: (seed * 1_000 + started).toString(16).padStart(16, '0'),
          ...(options.protocols && { protocols: options.protocols }),
        },
      )
      end.bus.judge(mesh.judge)
      end.answers = mesh.answers
      running.add(mesh)
      const close = async () => {
        running.delete(mesh)
        const closing = mesh.close()
        await time.pass(1_000)
        await closing
        network.unplug(address)
      }
      const kill = () => {
        running.delete(mesh)
        network.unplug(address)
        mesh.close().catch(() => {})
      }
      return {
        ...mesh,
        close,
        kill,
        id: signature.self,
        address,
        end,
        store,
        signature,
        log,
        addresses,
      }
    },
  }
}

/** Whether each of them counts all the others among the living. */
export function allKnowAll(nodes: readonly Mesh[]): boolean {
  return nodes.every(node => node.members.alive().length === nodes.length - 1)
}

/** `10.0.X.Y:5053` */
export function addressOf(number: number): string {
  return `10.0.${number >> 8}.${number & 255}:5053`
}
