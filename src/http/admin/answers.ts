import type { Pods } from '../../keep/watch-pods.ts'
import { dialWords } from '../../mesh/dial-report.ts'
import type { MemberStatus } from '../../mesh/member-status.ts'
import type { MeshStatus } from '../../mesh/mesh-status.ts'
import { formatTag, parseTag, type TagReference } from '../../oci/reference.ts'
import type { StoreUsage } from '../../ports/content-store.ts'
import type { NeighbourStatus } from '../../ports/neighbour-store.ts'
import type { Readiness } from '../../ports/readiness.ts'
import type { ResolutionLog } from '../../ports/resolution-log.ts'
import type { TagLedger } from '../../ports/tag-ledger.ts'
import type { EndpointState } from '../../ports/upstream.ts'
import type { ResolveTag } from '../../pull/resolution.ts'
import type { SyncStatus } from '../../sync/sync.ts'
import type {
  PeersAnswer,
  Resolution,
  ResolutionsAnswer,
  ResolutionsQuery,
  ResolveAnswer,
  ResolveQuery,
  StatusAnswer,
} from './contract.ts'
import { defined, iso, isoOf } from './describe.ts'

/** Where the admin API's answers come from. */
export interface AdminParts {
  readonly resolveTag: ResolveTag
  readonly ledger: Pick<TagLedger, 'stats' | 'trustedNowMs'>
  readonly resolutions: Pick<ResolutionLog, 'find'>
  readonly endpoints: () => readonly EndpointState[]
  readonly storeUsage: () => Promise<StoreUsage>
  readonly readiness: () => Readiness
  /** The containerd of this node; absent: nobody looks into it. */
  readonly neighbour?: (() => NeighbourStatus) | undefined
  /** What its pods run. */
  readonly pods: Pick<Pods, 'state' | 'containers'>
  readonly mode: () => string
  readonly uptimeMs: () => number
  readonly monotonicMs: () => number
  /** Absent: this node has no mesh. */
  readonly mesh: (() => MeshView) | undefined
}

/** The mesh as this node sees it. */
export interface MeshView extends MeshStatus {
  readonly sync: SyncStatus
  readonly indexEntries: number
}

/** The read-only operations of the admin API. Each throws `OciError` when a reference is none. */
export interface AdminAnswers {
  /** Whose answer it is, and at what time. */
  asOf(): { readonly node: string; readonly asOf: string }
  resolve(query: ResolveQuery, signal: AbortSignal): Promise<ResolveAnswer>
  /** What a tag resolves to now, and with `explain` what was tried. */
  resolution(
    key: TagReference,
    options: { readonly explain: boolean; readonly signal: AbortSignal },
  ): Promise<Resolution>
  /** What a node goes by, where that is known here. */
  nameOf(id: string | undefined): string | undefined
  resolutions(query: ResolutionsQuery): ResolutionsAnswer
  status(): Promise<StatusAnswer>
  peers(): PeersAnswer
}

/** Answers from this node's own state. */
export function createAdminAnswers(
  parts: AdminParts,
  { node, version }: { readonly node: string; readonly version: string },
): AdminAnswers {
  const { ledger } = parts
  const asOf = (): { node: string; asOf: string } => ({ node, asOf: iso(ledger.trustedNowMs()) })

  function nameOf(node: string | undefined): string | undefined {
    const view = node === undefined ? undefined : parts.mesh?.()
    const nodes = view === undefined ? [] : [view.self, ...view.members]
    return nodes.find(({ id }) => id === node)?.name
  }

  /** A node is told with its name, where it has one here: people do not know ids. */
  const tellSayer = (saidBy: string | undefined) => ({ saidBy, saidByName: nameOf(saidBy) })

  const resolution: AdminAnswers['resolution'] = async (key, { explain, signal }) => {
    // Asked as an explanation in any case: a person's question must not look like a client's pull.
    const answer = await parts.resolveTag(key, { asking: 'explain', signal })
    const { reason, failure, steps } = answer
    const told = { reason, ...defined({ failure, steps: explain ? [...steps] : undefined }) }
    if (!answer.found) return { ...told, found: false }
    const { digest, mediaType, size, source, fresh, confirmedAtMs, ageSeconds, saidBy } = answer
    const confirmedAt = isoOf(confirmedAtMs)
    const optional = defined({ confirmedAt, ageSeconds, ...tellSayer(saidBy) })
    return { ...told, found: true, digest, mediaType, size, source, fresh, ...optional }
  }

  return {
    asOf,
    nameOf,
    resolution,
    async resolve({ ref, explain }, signal) {
      const key = parseTag(ref)
      const told = await resolution(key, { explain, signal })
      return { ...asOf(), reference: formatTag(key), ...told }
    },
    resolutions({ ref, at, limit }) {
      const reference = ref === undefined ? undefined : formatTag(parseTag(ref))
      const atMs = at === undefined ? undefined : Date.parse(at)
      const items = parts.resolutions
        .find({ ...defined({ reference, atMs }), limit })
        .map(({ firstAtMs, lastAtMs, count, source, reason, digest, saidBy, ...entry }) => ({
          reference: entry.reference,
          source,
          reason,
          firstAt: iso(firstAtMs),
          lastAt: iso(lastAtMs),
          count,
          ...defined({ digest, ...tellSayer(saidBy) }),
        }))
      return { ...asOf(), items }
    },
    async status() {
      const { ready, degraded } = parts.readiness()
      const { observations, pins, writable, clockVerified, clockOffsetMs } = ledger.stats()
      const usage = await parts.storeUsage()
      return {
        ...asOf(),
        version,
        mode: parts.mode(),
        uptimeSeconds: Math.floor(parts.uptimeMs() / 1000),
        ready,
        degraded: [...degraded],
        endpoints: parts.endpoints().map(({ lastFailure, hasAnswered: _, ...endpoint }) => ({
          ...endpoint,
          ...defined({ lastFailure }),
        })),
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
      const { convergedAtMs, root, records, isBehind, snapshotShare, rounds, refused } = sync
      const convergedAgoMs =
        convergedAtMs === undefined ? undefined : Math.round(parts.monotonicMs() - convergedAtMs)
      return {
        ...asOf(),
        enabled: true,
        self: { ...describeNode(self), neighbours: self.neighbours },
        members: members.map(describeMember),
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

function tellNeighbour(status: NeighbourStatus | undefined): StatusAnswer['containerd'] {
  if (status === undefined) return undefined
  const { sinceMs, failure, version, reads, ...told } = status
  return { ...told, since: iso(sinceMs), ...defined({ failure, version, reads }) }
}

function tellPods(pods: AdminParts['pods']): StatusAnswer['pods'] {
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
