import { Counter, Gauge, type Registry } from 'prom-client'
import type { DialCounts } from '../mesh/dialler.ts'
import type { MeshStatus } from '../mesh/mesh-status.ts'
import type { Verdict } from '../ports/bus.ts'
import type { RecordOutcome } from '../ports/record-store.ts'
import type { Round } from '../sync/catch-up.ts'
import type { SyncObserver, SyncStatus } from '../sync/sync.ts'
import type { PeerMeter } from './measured-peers.ts'

/** What a message on the bus is about. */
export type MessageKind = 'records' | 'hello' | 'bye' | 'other'

/** Told by the mesh as it happens. */
export interface MeshMeter {
  readonly bus: {
    published(kind: MessageKind, bytes: number): void
    judged(kind: MessageKind, verdict: Verdict, bytes: number): void
  }
  readonly sync: Partial<SyncObserver>
  readonly peers: PeerMeter
  readonly peerPort: {
    refused(reason: string): void
    blobSent(priority: 'pull' | 'background', outcome: string, bytes: number): void
  }
}

/** What is read when somebody asks for the metrics. */
export interface MeshState extends Pick<MeshStatus, 'members' | 'alarms'> {
  readonly neighbours: number
  readonly indexEntries: number
  readonly sync: SyncStatus
  readonly dialCounts: DialCounts
}

const memberStates = ['alive', 'suspect', 'gone'] as const

/** Makes the counters of the mesh in a registry. Labels come from closed sets: no member is named. */
export function createMeshMetrics(
  registry: Registry,
  /** Bytes of content that came from other nodes, which are counted with those from elsewhere. */
  received: (bytes: number) => void = () => {},
): MeshMeter {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers })

  const messages = counter(
    'holdfast_mesh_messages_total',
    'Messages on the bus by what they are about, sent by this node or judged by it.',
    ['kind', 'verdict'],
  )
  const messageBytes = counter(
    'holdfast_mesh_message_bytes_total',
    'Bytes of these messages, as published or received once.',
    ['kind', 'direction'],
  )
  const rounds = counter(
    'holdfast_sync_rounds_total',
    'Comparisons of the ledger with another node, by how they ended.',
    ['result'],
  )
  const syncBytes = counter(
    'holdfast_sync_bytes_total',
    'Bytes of questions and answers in these comparisons and of snapshots.',
    ['direction'],
  )
  const records = counter(
    'holdfast_sync_records_total',
    'Records of other nodes that came, by gossip or in a comparison, and what became of them.',
    ['outcome'],
  )
  const announced = counter(
    'holdfast_sync_announced_records_total',
    'Records of this node that it announced.',
    [],
  )
  const lookUps = counter(
    'holdfast_index_lookups_total',
    'Questions who holds content: found, missed (nobody does), late (nobody was known in time).',
    ['result'],
  )
  const refused = counter(
    'holdfast_peer_refused_connections_total',
    'Connections to the peer port that were not let in, and why.',
    ['reason'],
  )
  const blobs = counter(
    'holdfast_peer_blobs_sent_total',
    'Blob bodies sent to other nodes, by whether somebody waited and how they ended.',
    ['priority', 'outcome'],
  )
  const blobBytes = counter(
    'holdfast_peer_sent_bytes_total',
    'Bytes of blobs sent to other nodes.',
    ['priority'],
  )

  return {
    bus: {
      published(kind, bytes) {
        messages.inc({ kind, verdict: 'sent' })
        messageBytes.inc({ kind, direction: 'out' }, bytes)
      },
      judged(kind, verdict, bytes) {
        messages.inc({ kind, verdict })
        messageBytes.inc({ kind, direction: 'in' }, bytes)
      },
    },
    sync: {
      announced: count => announced.inc(count),
      received(outcomes: readonly RecordOutcome[]) {
        for (const outcome of outcomes) records.inc({ outcome })
      },
      round({ result, bytesIn, bytesOut }: Round) {
        rounds.inc({ result })
        syncBytes.inc({ direction: 'in' }, bytesIn)
        syncBytes.inc({ direction: 'out' }, bytesOut)
      },
      snapshot: ({ bytesIn }) => syncBytes.inc({ direction: 'in' }, bytesIn),
    },
    peers: { received, lookedUp: result => lookUps.inc({ result }) },
    peerPort: {
      refused: reason => refused.inc({ reason }),
      blobSent(priority, outcome, bytes) {
        blobs.inc({ priority, outcome })
        blobBytes.inc({ priority }, bytes)
      },
    },
  }
}

/** Puts the state of the mesh into a registry as gauges, read when asked. */
export function watchMesh(
  registry: Registry,
  state: () => MeshState,
  clock: { monotonicMs(): number },
): void {
  const registers = [registry]
  new Gauge({
    name: 'holdfast_mesh_members',
    help: 'Other nodes by what is known of them.',
    labelNames: ['state'],
    registers,
    collect() {
      const { members } = state()
      for (const each of memberStates) {
        this.set({ state: each }, members.filter(member => member.state === each).length)
      }
    },
  })
  new Counter({
    name: 'holdfast_mesh_failed_dials_total',
    help: 'Dials of other nodes that met nobody, by the reason; `holdfast mesh status` tells the addresses.',
    labelNames: ['reason'],
    registers,
    collect() {
      const { connected: _, self: __, ...failed } = state().dialCounts
      this.reset()
      for (const [reason, count] of Object.entries(failed)) {
        this.inc({ reason: reason.replace('-', '_') }, count)
      }
    },
  })
  const gauge = (name: string, help: string, read: (state: MeshState) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(state()))
      },
    })
  }
  gauge('holdfast_mesh_neighbours', 'Nodes that are directly connected.', s => s.neighbours)
  gauge(
    'holdfast_mesh_alarms',
    'What is wrong in the mesh; `holdfast peers` tells.',
    s => s.alarms.length,
  )
  gauge(
    'holdfast_mesh_incompatible_members',
    'Live nodes that speak no version of the protocol that this one speaks.',
    ({ members }) => members.filter(m => m.state === 'alive' && !m.isCompatible).length,
  )
  gauge(
    'holdfast_mesh_clock_skew_seconds',
    'Largest difference between trusted time here and on a live node.',
    ({ members }) =>
      Math.max(0, ...members.map(m => Math.abs(m.state === 'alive' ? (m.clockSkewMs ?? 0) : 0))) /
      1000,
  )
  gauge(
    'holdfast_index_entries',
    'Digests of other nodes that this one keeps in the index.',
    s => s.indexEntries,
  )
  gauge(
    'holdfast_sync_records',
    'Records in the ledger that are shared with other nodes.',
    s => s.sync.records,
  )
  gauge(
    'holdfast_sync_last_convergence_seconds',
    'Time since this node last held the same as another one; -1 before the first time.',
    ({ sync }) =>
      sync.convergedAtMs === undefined ? -1 : (clock.monotonicMs() - sync.convergedAtMs) / 1000,
  )
}
