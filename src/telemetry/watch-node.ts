import { Gauge, type Registry } from 'prom-client'
import type { StoreUsage } from '../ports/content-store.ts'
import { type NeighbourStatus, neighbourStates } from '../ports/neighbour-store.ts'
import { degradedReasons, type Readiness } from '../ports/readiness.ts'
import type { LedgerStats } from '../ports/tag-ledger.ts'
import type { EndpointState } from '../ports/upstream.ts'

/** Where a node's state is read from, each time somebody asks for the metrics. */
export interface NodeState {
  readonly endpoints: () => readonly EndpointState[]
  readonly ledger: () => LedgerStats
  readonly countTags: () => Promise<number>
  readonly storeUsage: () => Promise<StoreUsage>
  readonly readiness: () => Readiness
  /** The containerd of this node; absent: nobody looks into it. */
  readonly neighbour?: (() => NeighbourStatus) | undefined
  /** Images that are kept, by how they are on this node. */
  readonly keptImages: () => Readonly<Record<'held' | 'lacking' | 'elsewhere', number>>
  /** The last offline report on what is kept; `undefined`: none was made. */
  readonly lastReport: () =>
    | {
        /** Images by verdict. */
        readonly verdicts: Readonly<Record<string, number>>
        /** Images by the number of nodes that hold all of them; the last counts all above as well. */
        readonly copies: readonly number[]
      }
    | undefined
  /** Blobs found damaged by the scrub, since the start. */
  readonly damagedBlobs: () => number
}

const breakerStates = ['closed', 'half-open', 'open'] as const

/** Puts a node's state into a registry as gauges. @param options.registries the configured names; others count as `*` */
export function watchNode(
  registry: Registry,
  node: NodeState,
  options: { readonly registries: readonly string[] },
): void {
  const registers = [registry]
  const configured = new Set(options.registries)
  const nameOf = (name: string): string => (configured.has(name) ? name : '*')

  new Gauge({
    name: 'holdfast_breaker_endpoints',
    help: 'Endpoints of a configured registry, by the state of their breaker; open: not asked.',
    labelNames: ['registry', 'state'],
    registers,
    collect() {
      this.reset()
      for (const each of node.endpoints()) {
        for (const state of breakerStates) {
          this.inc({ registry: nameOf(each.registry), state }, each.state === state ? 1 : 0)
        }
      }
    },
  })
  new Gauge({
    name: 'holdfast_breaker_open_repositories',
    help: 'Repositories of a configured registry that are not asked while the rest of it is.',
    labelNames: ['registry'],
    registers,
    collect() {
      this.reset()
      for (const each of node.endpoints()) {
        this.inc({ registry: nameOf(each.registry) }, each.openRepositories)
      }
    },
  })
  watchLedger(registers, node)
  watchStore(registers, node)
  watchKept(registers, node)
  if (node.neighbour !== undefined) watchNeighbour(registers, node.neighbour)
  new Gauge({
    name: 'holdfast_degraded',
    help: '1 while the node answers worse than it should, by reason; /readyz tells the details.',
    labelNames: ['reason'],
    registers,
    collect() {
      const now = new Set(node.readiness().degraded.map(({ reason }) => reason))
      for (const reason of degradedReasons) this.set({ reason }, now.has(reason) ? 1 : 0)
    },
  })
}

function watchKept(registers: Registry[], node: NodeState): void {
  new Gauge({
    name: 'holdfast_kept_images',
    help: 'Images that must stay available offline: held whole here; lacking, though this node is to hold them; left to other nodes, or of no use here.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(node.keptImages())) this.set({ state }, count)
    },
  })
  new Gauge({
    name: 'holdfast_report_images',
    help: 'Images of the keep set by the verdict of the last offline report; absent before the first, and when none could be made.',
    labelNames: ['verdict'],
    registers,
    collect() {
      this.reset()
      for (const [verdict, count] of Object.entries(node.lastReport()?.verdicts ?? {})) {
        this.set({ verdict }, count)
      }
    },
  })
  new Gauge({
    name: 'holdfast_report_image_copies',
    help: 'Images of the keep set by how many nodes hold all of them, by the last offline report; 3: three or more.',
    labelNames: ['copies'],
    registers,
    collect() {
      this.reset()
      const { copies = [] } = node.lastReport() ?? {}
      for (const [number, count] of copies.entries()) this.set({ copies: number }, count)
    },
  })
}

function watchLedger(registers: Registry[], node: NodeState): void {
  new Gauge({
    name: 'holdfast_ledger_rows',
    help: 'Records in the ledger.',
    labelNames: ['kind'],
    registers,
    async collect() {
      this.set({ kind: 'observation' }, await node.countTags())
      this.set({ kind: 'pin' }, node.ledger().pins)
    },
  })
  new Gauge({
    name: 'holdfast_clock_offset_seconds',
    help: "What is added to the machine's clock to get the time registries agree on.",
    registers,
    collect() {
      this.set(node.ledger().clockOffsetMs / 1000)
    },
  })
}

function watchNeighbour(registers: Registry[], neighbour: () => NeighbourStatus): void {
  new Gauge({
    name: 'holdfast_containerd_state',
    help: 'How the containerd of this node is: 1 for the state it is in.',
    labelNames: ['state'],
    registers,
    collect() {
      const now = neighbour().state
      for (const state of neighbourStates) this.set({ state }, state === now ? 1 : 0)
    },
  })
  new Gauge({
    name: 'holdfast_containerd_blobs',
    help: "Blobs in containerd's store that are served from there.",
    registers,
    collect() {
      this.set(neighbour().blobs)
    },
  })
  new Gauge({
    name: 'holdfast_containerd_bytes',
    help: "Bytes of blobs in containerd's store that are served from there.",
    registers,
    collect() {
      this.set(neighbour().blobBytes)
    },
  })
}

function watchStore(registers: Registry[], node: NodeState): void {
  // Gauges are read at the same time; one look at the file system serves them all.
  let looking: Promise<StoreUsage> | undefined
  const look = (): Promise<StoreUsage> => {
    looking ??= node.storeUsage().finally(() => {
      looking = undefined
    })
    return looking
  }
  const gauge = (name: string, help: string, read: (usage: StoreUsage) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(read(await look()))
      },
    })
  }
  gauge('holdfast_blobs', 'Whole blobs in the store.', usage => usage.blobs)
  gauge('holdfast_store_bytes', 'Bytes of whole blobs in the store.', usage => usage.blobBytes)
  gauge(
    'holdfast_store_partial_bytes',
    'Bytes that interrupted downloads left.',
    usage => usage.partialBytes,
  )
  gauge(
    'holdfast_store_free_bytes',
    'Free space of the file system that the store lies on.',
    usage => usage.freeBytes,
  )
  gauge(
    'holdfast_store_total_bytes',
    'Size of the file system that the store lies on.',
    usage => usage.totalBytes,
  )
  new Gauge({
    name: 'holdfast_scrub_damaged_blobs',
    help: 'Blobs that no longer hashed to their digest, since the start; they are in quarantine.',
    registers,
    collect() {
      this.set(node.damagedBlobs())
    },
  })
}
