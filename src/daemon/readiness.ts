import type { StayingBytes } from '../keep/staying-bytes.ts'
import type { MeshAlarm } from '../mesh/alarms.ts'
import type { Mode } from '../ports/mode.ts'
import type { NeighbourStatus } from '../ports/neighbour-store.ts'
import type { Degradation, Readiness } from '../ports/readiness.ts'
import type { LedgerStats } from '../ports/tag-ledger.ts'
import type { EndpointState } from '../ports/upstream.ts'

/** Where a node's condition is read from; all of it is in memory. */
export interface ConditionParts {
  readonly mode: () => Mode
  readonly endpoints: () => readonly EndpointState[]
  readonly ledger: () => LedgerStats
  /** What leaves no room in the store, where it does. */
  readonly storeFilledBy: () => StayingBytes | undefined
  /** The store's last write failed, and not for want of room. */
  readonly isStoreUnusable: () => boolean
  /** Blobs that were found damaged, or could not be read by the scrub, since the start. */
  readonly damage: () => { readonly damaged: number; readonly unreadable: number }
  /** How the containerd of this node is, where somebody looks into it. */
  readonly neighbour: (() => NeighbourStatus) | undefined
  /** What is wrong with the files of tokens, each. */
  readonly tokenFailures: () => readonly string[]
  /** What is wrong in the mesh, where there is one. */
  readonly meshAlarms: (() => readonly MeshAlarm[]) | undefined
  /** The database was damaged at the last start. */
  readonly wasRebuilt: boolean
  /** The mirror listens and nobody stops it. */
  readonly isListening: () => boolean
}

/** A clock that is off by more than this is worth a word, in ms. */
const wrongClockMs = 5 * 60_000

/** Says whether the node can answer, and in which ways it answers worse than it should. */
export function createReadiness(parts: ConditionParts): () => Readiness {
  return () => {
    const ledger = parts.ledger()
    const degraded = [
      ...tellUpstreams(parts),
      ...tellStore(parts),
      ...tellNeighbour(parts.neighbour?.()),
      ...tellLedger(ledger, parts.wasRebuilt),
      ...tellClock(ledger),
      ...parts.tokenFailures().map(tellTokens),
      ...tellMesh(parts.meshAlarms?.() ?? []),
    ]
    return { ready: parts.isListening(), degraded }
  }
}

function tellUpstreams({ mode, endpoints }: ConditionParts): Degradation[] {
  if (mode() === 'offline') {
    return [{ reason: 'offline', detail: 'mode is offline: registries are not asked' }]
  }
  return endpoints()
    .filter(({ state }) => state !== 'closed')
    .map(({ registry, url, lastFailure }) => ({
      reason: 'upstream_down',
      detail: `${registry} at ${url} does not answer (${lastFailure ?? 'unknown'}); it is asked again in the background, at least every 15 s`,
    }))
}

function tellStore({ storeFilledBy, isStoreUnusable, damage }: ConditionParts): Degradation[] {
  const told: Degradation[] = []
  const filledBy = storeFilledBy()
  if (filledBy !== undefined) {
    const detail = `what has to stay leaves no room (${tellStaying(filledBy)}): new content is passed on and not stored; raise store.quotaBytes, free the disk or keep less`
    told.push({ reason: 'store_full', detail })
  }
  if (isStoreUnusable()) {
    const detail = 'the blob directory cannot be written; see the log for the error'
    told.push({ reason: 'store_unusable', detail })
  }
  return [...told, ...tellDamage(damage())]
}

const stays = {
  kept: 'kept',
  arriving: 'being pulled, warmed or imported',
  leased: 'relied on by other nodes',
  recent: 'used within a day on a disk that others fill',
} satisfies Record<keyof StayingBytes, string>

function tellStaying(bytes: StayingBytes): string {
  return Object.entries(stays)
    .map(([why, words]) => ({ words, megabytes: bytes[why as keyof StayingBytes] / 1e6 }))
    .filter(({ megabytes }) => megabytes > 0)
    .toSorted((a, b) => b.megabytes - a.megabytes)
    .map(({ words, megabytes }) => `${megabytes.toFixed(megabytes < 10 ? 1 : 0)} MB ${words}`)
    .join(', ')
}

function tellDamage({ damaged, unreadable }: ReturnType<ConditionParts['damage']>): Degradation[] {
  const blobs = (count: number): string => (count === 1 ? 'one blob' : `${count} blobs`)
  const found = [
    ...(damaged > 0 ? [`${blobs(damaged)} did not hash to the digest any more`] : []),
    ...(unreadable > 0 ? [`${blobs(unreadable)} could not be read`] : []),
  ]
  if (found.length === 0) return []
  const detail = `since the start ${found.join(', ')}: the disk may be dying; \`holdfast scrub --status\` tells which`
  return [{ reason: 'store_damaged', detail }]
}

const cures = {
  connecting: 'it is being asked for the first time',
  absent: 'is it running, and is containerd.socket right?',
  refused:
    'it is not running, or a dead socket is mounted: mount the directory that holds the socket',
  denied: 'this user may not open it; run as root or as a member of its group',
  hanging: 'it takes connections and does not answer; look at its log',
  failing: 'it answers with errors; look at its log',
  lost: 'it went away just now',
} satisfies Record<Exclude<NeighbourStatus['state'], 'connected'>, string>

function tellNeighbour(status: NeighbourStatus | undefined): Degradation[] {
  if (status === undefined || status.state === 'connected') return []
  const { socket, state, failure } = status
  const told = failure === undefined ? '' : ` (${failure})`
  const detail = `containerd at ${socket} is ${state}${told}: ${cures[state]}; it is tried again all the time`
  return [{ reason: 'containerd_unusable', detail }]
}

const tellTokens = (failure: string): Degradation => ({
  reason: 'tokens_unread',
  detail: `the tokens of before are in force, and a restart would fail or make others: ${failure}`,
})

/** What this node suffers from itself; `holdfast peers` tells the rest. */
const meshTroubles: Partial<
  Record<MeshAlarm['code'], { readonly reason: Degradation['reason']; readonly what: string }>
> = {
  'cut-off': { reason: 'mesh_cut_off', what: 'no other node of the mesh is reached' },
  'keys-unread': {
    reason: 'mesh_keys_unread',
    what: 'the file of cluster keys is not taken as it is, and a restart would fail',
  },
}

function tellMesh(alarms: readonly MeshAlarm[]): Degradation[] {
  return alarms.flatMap(({ code, detail }) => {
    const trouble = meshTroubles[code]
    if (trouble === undefined) return []
    return [{ reason: trouble.reason, detail: [trouble.what, detail ?? ''].join(': ') }]
  })
}

function tellLedger({ writable }: LedgerStats, wasRebuilt: boolean): Degradation[] {
  const told: Degradation[] = []
  if (!writable) {
    const detail = 'what is learned is not kept across a restart; is the disk full or read-only?'
    told.push({ reason: 'ledger_read_only', detail })
  }
  if (wasRebuilt) {
    const detail = 'the database was damaged and made anew; the damaged one lies beside it'
    told.push({ reason: 'ledger_rebuilt', detail })
  }
  return told
}

function tellClock({ clockVerified, clockOffsetMs }: LedgerStats): Degradation[] {
  if (Math.abs(clockOffsetMs) > wrongClockMs) {
    const seconds = Math.round(clockOffsetMs / 1000)
    const detail = `this machine's clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'behind' : 'ahead'}; set it, or registries' certificates may be refused`
    return [{ reason: 'clock_wrong', detail }]
  }
  if (clockVerified) return []
  const detail =
    'since the start no registry has told the time over TLS, and no two other nodes have confirmed that of this one'
  return [{ reason: 'clock_unverified', detail }]
}
