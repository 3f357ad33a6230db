import type { ModeState } from '../../keep/mode-switch.ts'
import type { Pods } from '../../keep/watch-pods.ts'
import { dialWords } from '../../mesh/dial-report.ts'
import type { MemberStatus } from '../../mesh/member-status.ts'
import type { MeshStatus } from '../../mesh/mesh-status.ts'
import type { StoreUsage } from '../../ports/content-store.ts'
import type { NeighbourStatus } from '../../ports/neighbour-store.ts'
import type { NodeId } from '../../ports/node-id.ts'
import type { Readiness } from '../../ports/readiness.ts'
import type { TagLedger } from '../../ports/tag-ledger.ts'
import type { EndpointState } from '../../ports/upstream.ts'
import type { SyncStatus } from '../../sync/sync.ts'
import type { PeersAnswer, StatusAnswer } from './contract.ts'
import { defined, iso, isoOf } from './describe.ts'

/** Where a node's word on itself comes from. */
export interface NodeViewParts {
  readonly ledger: Pick<TagLedger, 'stats' | 'countTags' | 'trustedNowMs'>
  readonly endpoints: () => readonly EndpointState[]
  readonly storeUsage: () => Promise<StoreUsage>
  readonly readiness: () => Readiness
  /** The containerd of this node; absent: nobody looks into it. */
  readonly neighbour?: (() => NeighbourStatus) | undefined
  /** What its pods run. */
  readonly pods: Pick<Pods, 'state' | 'containers'>
  readonly modeState: () => Pick<ModeState, 'mode' | 'decidedBy'>
  readonly uptimeMs: () => number
  readonly monotonicMs: () => number
  /** Absent: this node has no mesh. */
  readonly mesh: (() => MeshView) | undefined
  /** Whether operators have banned a node. */
  readonly isBanned: (id: NodeId) => boolean
}

/** The mesh as this node sees it. */
export interface MeshView extends MeshStatus {
  readonly sync: SyncStatus
  readonly indexEntries: number
}

/** How this node is, and the mesh as it sees it. */
export interface NodeView {
  status(): Promise<StatusAnswer>
  peers(): PeersAnswer
}

/** Answers from this node's own state. */
export function createNodeView(
  parts: NodeViewParts,
  { node, version }: { readonly node: string; readonly version: string },
): NodeView {
  const { ledger } = parts
  const asOf = () => ({ node, asOf: iso(ledger.trustedNowMs()) })

  return {
    async status() {
      const { ready, degraded } = parts.readiness()
      const { pins, writable, clockVerified, clockOffsetMs } = ledger.stats()
      const observations = await ledger.countTags()
      const usage = await parts.storeUsage()
      const mode = parts.modeState()
      return {
        ...asOf(),
        version,
        mode: mode.mode,
        modeDecidedBy: mode.decidedBy,
        uptimeSeconds: Math.floor(parts.uptimeMs() / 1000),
        ready,
        degraded: [...degraded],
        endpoints: parts.endpoints().map(tellEndpoint),
        ledger: { observations, pins, writable, clockVerified, clockOffsetMs },
        store: usage,
        ...defined({ containerd: tellNeighbour(parts.neighbour?.()) }),
        pods: tellPods(parts.pods),
        mesh: summarize(parts.mesh?.()),
      }
    },
    peers() {
      const view = parts.mesh?.()
      if (view === undefined) return { ...asOf(), enabled: false, members: [], alarms: [] }
      const { self, members, alarms, dials, sync, indexEntries } = view
      const { convergedAtMs, snapshotShare, root, isRootCurrent, records, isBehind } = sync
      const { rounds, refused } = sync
      const convergedAgoMs =
        convergedAtMs === undefined ? undefined : Math.round(parts.monotonicMs() - convergedAtMs)
      return {
        ...asOf(),
        enabled: true,
        self: { ...describeNode(self), neighbours: self.neighbours },
        members: members.map(member => ({
          ...describeMember(member),
          ...(parts.isBanned(member.id) && { state: 'banned' }),
        })),
        alarms: alarms.map(({ code, nodes, detail }) => ({
          code,
          nodes: [...nodes],
          ...defined({ detail }),
        })),
        dials: dials.map(({ address, isSeed, result, agoMs }) => ({
          address,
          seed: isSeed,
          result,
          detail: dialWords[result],
          ...defined({ agoMs }),
        })),
        sync: {
          root,
          isRootCurrent,
          records,
          isBehind,
          rounds,
          refused,
          ...defined({ snapshotShare, convergedAgoMs }),
        },
        indexEntries,
      }
    },
  }
}

function tellEndpoint(endpoint: EndpointState): StatusAnswer['endpoints'][number] {
  const { registry, url, state, hasAnswered, openRepositories, lastFailure } = endpoint
  const times = {
    downSince: isoOf(endpoint.downSinceMs),
    lastFailureAt: isoOf(endpoint.lastFailureAtMs),
  }
  return {
    registry,
    url,
    state,
    answered: hasAnswered,
    openRepositories,
    ...defined({ lastFailure, ...times }),
  }
}

function tellNeighbour(status: NeighbourStatus | undefined): StatusAnswer['containerd'] {
  if (status === undefined) return undefined
  const { sinceMs, failure, version, reads, ...told } = status
  return { ...told, since: iso(sinceMs), ...defined({ failure, version, reads }) }
}

function tellPods(pods: NodeViewParts['pods']): StatusAnswer['pods'] {
  const { state, failure } = pods.state()
  const containers = pods.containers()
  const running = containers.filter(({ unseenMs }) => unseenMs === 0).length
  return { state, running, ended: containers.length - running, ...defined({ failure }) }
}

function summarize(view: MeshView | undefined): StatusAnswer['mesh'] {
  if (view === undefined) {
    return { enabled: false, members: 0, alive: 0, neighbours: 0, alarms: [] }
  }
  const { self, members, alarms } = view
  return {
    enabled: true,
    members: members.length,
    alive: members.filter(({ state }) => state === 'alive').length,
    neighbours: self.neighbours,
    alarms: alarms.map(({ code }) => code),
  }
}

function describeNode(node: Omit<MeshStatus['self'], 'neighbours'>) {
  const { id, name, version, protocols, ledgerRoot, records, keyId, roomBytes } = node
  const { zone, clockSource } = node
  const acceptedKeyIds = node.acceptedKeyIds && [...node.acceptedKeyIds]
  return {
    id,
    name,
    platforms: [...node.platforms],
    peerAddresses: [...node.peerAddresses],
    meshAddresses: [...node.meshAddresses],
    version,
    protocols,
    ledgerRoot,
    records,
    upstreams: [...node.upstreams],
    keyId,
    roomBytes,
    ...defined({ zone, clockSource, acceptedKeyIds }),
  }
}

function describeMember(member: MemberStatus): PeersAnswer['members'][number] {
  const { state, isCompatible, isNeighbour, isLedgerEqual, lastSeenAgoMs } = member
  const { roundTripMs, clockSkewMs } = member
  return {
    ...describeNode(member),
    state,
    isCompatible,
    isNeighbour,
    isLedgerEqual,
    lastSeenAgoMs,
    ...defined({ roundTripMs, clockSkewMs }),
  }
}
