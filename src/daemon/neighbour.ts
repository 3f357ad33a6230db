import type { Hasher } from '../adapters/disk/hasher.ts'
import type { Config } from '../config/config.ts'
import { takeFoundImages } from '../keep/found-images.ts'
import type { KeepSet } from '../keep/keep-set.ts'
import type { Leases } from '../keep/leases.ts'
import { leaveToNeighbour } from '../keep/leave-to-neighbour.ts'
import { protectInNeighbour } from '../keep/protect-neighbour.ts'
import type { ProtectedContent } from '../keep/protected-content.ts'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { MaintainedStore } from '../ports/content-upkeep.ts'
import { HoldfastError } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import type { NeighbourStore } from '../ports/neighbour-store.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import { systemTimers } from '../ports/timers.ts'
import type { ContentGraph } from '../pull/content-graph.ts'

/** The containerd of this node. */
export interface Neighbour {
  readonly store: NeighbourStore
  /** Whether it is known to keep the layers of what it unpacked. */
  readonly keepsLayers: () => Promise<boolean>
}

/** Looks into the containerd of this node. Only a node that does loads what that takes. */
export async function openNeighbour(
  config: Pick<Config, 'store' | 'containerd'>,
  { hasher, clock, log }: { hasher: Hasher; clock: Clock; log: Log },
  owned: AsyncDisposableStack,
): Promise<Neighbour> {
  const { openContainerd } = await import('../adapters/containerd/open-containerd.ts')
  const { namespace, contentDir, socket: named } = config.containerd
  const socket = named ?? (await findSocket(config, log))
  const store = openContainerd(
    {
      hashFile: (path, algorithm, size) => hasher.follow(path, algorithm).finish(size),
      beginHash: hasher.begin,
      clock,
      log,
    },
    { socket, namespace, contentDir },
  )
  owned.defer(() => store.close())
  return { store, keepsLayers: () => keepsLayers(socket, config, log) }
}

/** Where nothing says it, what `holdfast containerd` would find. */
async function findSocket(config: Pick<Config, 'containerd'>, log: Log): Promise<string> {
  const { usualSocket } = await import('../adapters/containerd-setup/locate.ts')
  const { findContainerd } = await import('./containerd-place.ts')
  try {
    return (await findContainerd(config)).socket
  } catch (err) {
    log.warn({ err, socket: usualSocket }, "containerd's configuration does not tell its socket")
    return usualSocket
  }
}

/** As it says itself (up to 1.7), else as its configuration says. */
async function keepsLayers(
  socket: string,
  config: Pick<Config, 'containerd'>,
  log: Log,
): Promise<boolean> {
  const { openCri } = await import('../adapters/containerd/cri.ts')
  const { findContainerd } = await import('./containerd-place.ts')
  const runtime = openCri(socket)
  try {
    const { discardUnpackedLayers: running } = await runtime.runningConfig()
    const place = await findContainerd(config)
    return (running ?? place.config?.discardUnpackedLayers) === false
  } catch (err) {
    if (!(err instanceof HoldfastError)) throw err
    log.debug({ err }, 'whether containerd keeps layers is not known')
    return false
  } finally {
    runtime.close()
  }
}

/** What is done with a containerd once it is known what this node holds itself, until `owned` ends it. */
export function joinNeighbour(
  { store: neighbour, keepsLayers }: Neighbour,
  parts: {
    readonly own: MaintainedStore
    /** Whether this node keeps content itself. */
    readonly keepsContent: boolean
    /** What the catalog knew at the start. */
    readonly catalogued: readonly Digest[]
    readonly ledger: TagLedger
    readonly keeps: Pick<KeepSet, 'onChange'>
    readonly graph: ContentGraph
    readonly leases: Leases
    /** The images that must stay, whole. */
    readonly kept: () => Promise<readonly Digest[]>
    /** All that must stay. */
    readonly protectedContent: () => Promise<ProtectedContent>
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): void {
  const { own, catalogued, ledger, keeps, graph, leases, kept, protectedContent, log } = parts
  const timers = systemTimers
  // What went from it while this node was down has left its lines in the catalog.
  let unsure = catalogued
  const stopLooking = neighbour.onImages(() => {
    const arriving = new Set([...own.partials()].map(({ digest }) => digest))
    graph.forgetAbsent(unsure.filter(digest => !arriving.has(digest)))
    unsure = []
  })
  owned.defer(() => void stopLooking())
  const found = takeFoundImages({
    neighbour,
    ledger,
    learn: (digest, bytes) => graph.learn(digest, undefined, bytes),
    addSighting: graph.addSighting,
    log,
  })
  owned.defer(() => found.close())
  const protection = protectInNeighbour({ neighbour, ledger, keeps, kept, timers, log })
  owned.defer(() => protection.close())
  if (!parts.keepsContent) {
    warnUnkept({ store: neighbour, keepsLayers }, log, owned)
    return
  }
  const { whileLeaving } = leases
  const leaving = leaveToNeighbour({
    own,
    neighbour,
    keepsLayers,
    protectedContent,
    whileLeaving,
    timers,
    log,
  })
  owned.defer(() => leaving.close())
}

/** Where containerd is the only store, what it drops is nowhere. */
function warnUnkept(
  { store, keepsLayers }: Neighbour,
  log: Log,
  owned: AsyncDisposableStack,
): void {
  let asking: Promise<void> | undefined
  const stop = store.onImages(() => {
    asking ??= keepsLayers().then(isKnownTo => {
      if (isKnownTo) return
      const cure = 'set discard_unpacked_layers = false there, or store.kind: both here'
      log.warn({ cure }, 'containerd may drop layers once they are unpacked: nothing else has them')
    })
  })
  owned.defer(async () => {
    stop()
    await asking
  })
}
