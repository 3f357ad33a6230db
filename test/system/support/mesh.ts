import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HoldfastNode, type NodeOptions, startNode } from './holdfast.ts'
import type { Host } from './lan.ts'
import { freePorts, until } from './process.ts'

/** The mesh as one node tells it; what tests look at. */
export interface Peers {
  readonly enabled: boolean
  readonly self?: { readonly id: string; readonly keyId: string; readonly neighbours: number }
  readonly members: readonly {
    readonly id: string
    readonly name: string
    readonly state: string
    readonly isLedgerEqual: boolean
    readonly keyId: string
    readonly upstreams: readonly string[]
    readonly peerAddresses: readonly string[]
    readonly clockSkewMs?: number
  }[]
  readonly alarms: readonly { readonly code: string }[]
  readonly sync?: {
    readonly root: string
    readonly isRootCurrent: boolean
    readonly records: number
    readonly isBehind: boolean
  }
}

/** A node of a mesh, on ports that stay its own over restarts. */
export interface MeshNode extends HoldfastNode {
  readonly name: string
  peers(): Promise<Peers>
}

/** Where a node listens and what it begins with. */
export interface MeshPlace {
  readonly name: string
  readonly dir: string
  readonly peer: string
  readonly mesh: string
  readonly host: Host | undefined
}

/** Nodes that share a secret. */
export interface TestMesh {
  readonly secretFile: string
  /** The place of a node that may be started, stopped and started again. */
  place(name: string, host?: Host): Promise<MeshPlace>
  start(place: MeshPlace, options?: StartOptions): Promise<MeshNode>
}

/** How one start of a node differs. */
export interface StartOptions {
  readonly seeds?: readonly MeshPlace[]
  readonly config?: Readonly<Record<string, unknown>>
  readonly mesh?: Readonly<Record<string, unknown>>
  readonly peer?: Readonly<Record<string, unknown>>
  readonly through?: NodeOptions['through']
  readonly env?: NodeOptions['env']
}

/** A key of a cluster as `holdfast mesh secret` makes it. */
export const makeKey = (number: number): string =>
  createHash('sha256').update(`key ${number}`).digest('hex')

/** Makes a mesh whose nodes lie under `dir`; `config` is every node's. */
export async function makeMesh(
  dir: string,
  config: Readonly<Record<string, unknown>>,
): Promise<TestMesh> {
  await mkdir(dir, { recursive: true })
  const secretFile = join(dir, 'mesh.secret')
  await writeFile(secretFile, `${makeKey(1)}\n`, { mode: 0o600 })
  return {
    secretFile,
    async place(name, host) {
      const [peer = 0, mesh = 0] = host === undefined ? await freePorts(2) : [5052, 5053]
      const address = host?.address ?? '127.0.0.1'
      const at = (port: number) => `${address}:${port}`
      return { name, dir: join(dir, name), peer: at(peer), mesh: at(mesh), host }
    },
    async start(place, options = {}) {
      const { seeds = [], env, through = [] } = options
      const node = await startNode({
        dir: place.dir,
        config: {
          node: { name: place.name },
          ...config,
          peer: { listen: place.peer, ...options.peer },
          mesh: {
            enabled: true,
            listen: place.mesh,
            secretFile,
            seeds: seeds.map(seed => seed.mesh),
            ...options.mesh,
          },
          ...options.config,
        },
        through: [...(place.host?.within ?? []), ...through],
        ...(place.host !== undefined && { open: place.host.open }),
        ...(env !== undefined && { env }),
      })
      return { ...node, name: place.name, peers: () => node.ask<Peers>('/api/v1/peers') }
    },
  }
}

/** Waits until each of the nodes knows all others as alive. */
export async function untilMet(nodes: readonly MeshNode[], timeoutMs = 60_000): Promise<void> {
  for (const node of nodes) {
    await until(
      `${node.name} knows ${nodes.length - 1} others`,
      async () => {
        const { members } = await node.peers()
        const alive = members.filter(({ state }) => state === 'alive').map(({ name }) => name)
        return nodes.every(other => other === node || alive.includes(other.name))
      },
      timeoutMs,
    )
  }
}

/** Waits until all ledgers are the same; their root. */
export async function untilEqual(nodes: readonly MeshNode[], timeoutMs = 90_000): Promise<string> {
  return until(
    'all ledgers are the same',
    async () => {
      const told = await Promise.all(nodes.map(async node => (await node.peers()).sync))
      const root = told[0]?.root
      return told.every(sync => sync?.isRootCurrent === true && sync.root === root) && root
    },
    timeoutMs,
  )
}
