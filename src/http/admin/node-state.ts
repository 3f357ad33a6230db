import type { Static } from 'typebox'
import type { CollectionResult, StoreRoom } from '../../keep/collect.ts'
import type { ModeSwitch } from '../../keep/mode-switch.ts'
import type { Scrub } from '../../keep/scrub.ts'
import type { AuditLog } from '../../ports/audit-log.ts'
import type { BlobInfo } from '../../ports/content-store.ts'
import type { NeighbourStatus } from '../../ports/neighbour-store.ts'
import { createTellAudit } from './audit.ts'
import { describeClusterMode } from './cluster-mode.ts'
import { defined, iso, isoOf } from './describe.ts'
import { type DiagnosticPart, gatherDiagnostics } from './diagnostics.ts'
import type { ModeAnswer } from './mode-contract.ts'
import type {
  ConfigAnswer,
  GcAnswer,
  LogLevelAnswer,
  ScrubAnswer,
  StoreAnswer,
} from './node-contract.ts'
import type { nodeOperations } from './node-operations.ts'
import type { NodeView } from './node-view.ts'
import type { AnswerOf, BodyOf, Operation } from './operation.ts'
import type { NodeWhy } from './why.ts'

/** One question to this node, read and checked; asked here or by another node. */
export interface NodeAsked<O extends Operation = Operation> {
  readonly query: Static<O['query']>
  readonly body: BodyOf<O['body']>
  /** Name of who asks. */
  readonly caller: string
  /** What was changed, for the audit log. */
  audit(change: { readonly before?: unknown; readonly after?: unknown }): void
}

type Answer<O extends Operation> = (
  asked: NodeAsked<O>,
) => Promise<AnswerOf<O['answer']>> | AnswerOf<O['answer']>

/** Answers every operation on one node, for this one. */
export type NodeState = {
  readonly [K in keyof typeof nodeOperations]: Answer<(typeof nodeOperations)[K]>
}

/** What of this node can be looked at and changed. */
export interface NodeParts {
  readonly store: {
    /** What is kept, where, and how much it may take. */
    readonly settings: Pick<StoreAnswer, 'kind' | 'dir' | 'quotaBytes' | 'minFreeBytes'>
    measure(): Promise<StoreRoom>
    quarantined(): readonly BlobInfo[]
    isFull(): boolean
    isUnusable(): boolean
    collect(options: { readonly dryRun: boolean }): Promise<CollectionResult>
  }
  readonly neighbour?: (() => NeighbourStatus) | undefined
  readonly scrub: Pick<Scrub, 'pass' | 'findings' | 'counts'> & { start(): void }
  readonly mode: Pick<ModeSwitch, 'state' | 'set' | 'reset'>
  readonly logLevel: {
    state(): Pick<LogLevelAnswer, 'level' | 'configured'> & { readonly untilMs?: number }
    set(level: LogLevelAnswer['level'], forMs: number | undefined): void
  }
  readonly view: NodeView
  readonly audit: Pick<AuditLog, 'find'>
  /** What a node goes by, where that is known here. */
  readonly nameOf: (id: string) => string | undefined
  /** What was answered for a tag or what a pod names, and why. */
  readonly why: NodeWhy
  /** What only a bundle for support has. */
  readonly diagnostics: readonly DiagnosticPart[]
  /** As it was read, secrets masked. */
  readonly config: () => Readonly<Record<string, unknown>>
}

const maxItems = 1_000

/** Of the audit log in a bundle for support. */
const auditedEntries = 500

/** Looks at this node and changes it. */
export function createNodeState(
  parts: NodeParts,
  asOf: () => { readonly node: string; readonly asOf: string },
): NodeState {
  const { store, scrub, mode, logLevel, view, audit } = parts
  const tellAudit = createTellAudit({ audit, asOf, nameOf: parts.nameOf })

  async function tellStore(): Promise<StoreAnswer> {
    const { usage, ...room } = await store.measure()
    const quarantined = store.quarantined()
    return {
      ...asOf(),
      ...store.settings,
      ...usage,
      ...room,
      full: store.isFull(),
      unusable: store.isUnusable(),
      quarantine: { blobs: quarantined.length, bytes: sizeOf(quarantined) },
      ...defined({ containerd: tellNeighbour(parts.neighbour?.()) }),
    }
  }

  async function collect(dryRun: boolean): Promise<GcAnswer> {
    const { bytes, protectedBytes, dropped } = await store.collect({ dryRun })
    const items = dropped.slice(0, maxItems).map(({ lastUsedMs, ...victim }) => ({
      ...victim,
      lastUsedAt: iso(lastUsedMs),
    }))
    return { ...asOf(), dryRun, dropped: dropped.length, bytes, protectedBytes, items }
  }

  function tellScrub(): ScrubAnswer {
    const pass = scrub.pass()
    const { damaged, unreadable } = scrub.counts()
    return {
      ...asOf(),
      running: pass !== undefined && pass.endedAtMs === undefined,
      ...defined({ pass: pass && tellPass(pass) }),
      damaged,
      unreadable,
      findings: scrub.findings().map(({ atMs, ...finding }) => ({ ...finding, at: iso(atMs) })),
      quarantine: store.quarantined().map(({ digest, size }) => ({ digest, size })),
    }
  }

  function tellMode(): ModeAnswer {
    return { ...asOf(), ...describeMode(mode.state(), parts.nameOf) }
  }

  function tellLogLevel(): LogLevelAnswer {
    const { level, configured, untilMs } = logLevel.state()
    return { ...asOf(), level, configured, ...defined({ until: isoOf(untilMs) }) }
  }

  function tellConfig(): ConfigAnswer {
    const { mode: now, configured, set, cluster } = mode.state()
    const { level, configured: written } = logLevel.state()
    const changed = [
      { key: 'mode', configured, inForce: now, ...defined({ by: set?.by ?? cluster?.by }) },
      { key: 'log.level', configured: written, inForce: level },
    ]
    const config = parts.config()
    const log = { ...(config['log'] as object | undefined), level }
    return {
      ...asOf(),
      config: { ...config, mode: now, log },
      changed: changed.filter(one => one.configured !== one.inForce),
    }
  }

  const gathered = [
    { name: 'status.json', what: 'how it is', read: view.status },
    { name: 'peers.json', what: 'the mesh as it sees it', read: view.peers },
    { name: 'config.json', what: 'its configuration, secrets masked', read: tellConfig },
    { name: 'mode.json', what: 'whether it asks registries', read: tellMode },
    { name: 'log-level.json', what: 'how much it logs', read: tellLogLevel },
    { name: 'store.json', what: 'how the room of its store is taken', read: tellStore },
    { name: 'scrub.json', what: 'what was found damaged', read: tellScrub },
    {
      name: 'audit.json',
      what: 'what was done through its admin API lately',
      read: () => tellAudit({ limit: auditedEntries }),
    },
    ...parts.diagnostics,
  ]

  return {
    nodeDiagnostics: async () => ({ ...asOf(), parts: await gatherDiagnostics(gathered) }),
    nodeStatus: view.status,
    nodePeers: view.peers,
    nodeAudit: ({ query }) => tellAudit(query),
    nodeStore: tellStore,
    nodeGcPlan: () => collect(true),
    async nodeGc({ body: { dryRun }, audit }) {
      const answer = await collect(dryRun)
      audit({ after: { dryRun, dropped: answer.dropped, bytes: answer.bytes } })
      return answer
    },
    nodeScrub: tellScrub,
    startNodeScrub({ audit }) {
      const { running: wasRunning } = tellScrub()
      scrub.start()
      const answer = tellScrub()
      audit({ before: { running: wasRunning }, after: { running: answer.running } })
      return answer
    },
    nodeMode: tellMode,
    async putNodeMode({ body, caller, audit }) {
      const before = describeMode(mode.state())
      await mode.set(body.mode, { by: caller, forMs: msOf(body.forSeconds) })
      audit({ before, after: describeMode(mode.state()) })
      return tellMode()
    },
    async deleteNodeMode({ audit }) {
      const before = describeMode(mode.state())
      await mode.reset()
      audit({ before, after: describeMode(mode.state()) })
      return tellMode()
    },
    nodeLogLevel: tellLogLevel,
    putNodeLogLevel({ body, audit }) {
      const { level: before } = logLevel.state()
      logLevel.set(body.level, msOf(body.forSeconds))
      audit({ before, after: body.level })
      return tellLogLevel()
    },
    nodeConfig: tellConfig,
    nodeWhy: async ({ query }) => ({ ...asOf(), ...(await parts.why(query)) }),
  }
}

function tellPass({
  startedAtMs,
  endedAtMs,
  ...pass
}: NonNullable<ReturnType<Scrub['pass']>>): NonNullable<ScrubAnswer['pass']> {
  return { startedAt: iso(startedAtMs), ...pass, ...defined({ endedAt: isoOf(endedAtMs) }) }
}

function describeMode(
  { mode, decidedBy, configured, set, cluster }: ReturnType<ModeSwitch['state']>,
  nameOf?: NodeParts['nameOf'],
): Omit<ModeAnswer, 'node' | 'asOf'> {
  const { by = '', atMs = 0, untilMs } = set ?? {}
  return {
    mode,
    decidedBy,
    configured,
    ...(set !== undefined && {
      set: { by, at: iso(atMs), ...defined({ until: isoOf(untilMs) }) },
    }),
    ...defined({ cluster: cluster && describeClusterMode(cluster, nameOf) }),
  }
}

function tellNeighbour(status: NeighbourStatus | undefined): StoreAnswer['containerd'] {
  if (status === undefined) return undefined
  const { state, blobs, blobBytes } = status
  return { state, blobs, blobBytes }
}

const sizeOf = (blobs: readonly BlobInfo[]): number =>
  blobs.reduce((sum, { size }) => sum + size, 0)

const msOf = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : seconds * 1_000
