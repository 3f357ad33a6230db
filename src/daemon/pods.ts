import { stat } from 'node:fs/promises'
import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import {
  createFindStrays,
  createHeldTagsAnswer,
  type FindStrays,
  heldTagsSubject,
} from '../keep/held-tags.ts'
import { createRunning, type Running, uniteRunning } from '../keep/running.ts'
import { watchRunningElsewhere } from '../keep/running-elsewhere.ts'
import {
  createListRunning,
  createPodsAnswer,
  type ListRunning,
  podsSubject,
} from '../keep/running-images.ts'
import { tellRunning } from '../keep/tell-running.ts'
import { noPods, type Pods, watchPods } from '../keep/watch-pods.ts'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import { HoldfastError } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import type { PodRuntime } from '../ports/pod-runtime.ts'
import { systemTimers } from '../ports/timers.ts'
import { findContainerd } from './containerd-place.ts'
import type { FaceParts } from './faces.ts'

/** Looks at the pods of this node, where there is a containerd. */
export function openPods(
  config: Config,
  parts: {
    readonly database: Pick<OpenedLedger, 'pods' | 'ledger'>
    readonly clock: Clock
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Pods {
  const { running, runningFor } = config.keep
  if (!running) return noPods
  const { database, clock, log } = parts
  const pods = watchPods(
    {
      open: () => openRuntime(config),
      memory: database.pods,
      nowMs: database.ledger.trustedNowMs,
      clock,
      timers: systemTimers,
      log,
    },
    { runningForMs: runningFor },
  )
  owned.defer(() => pods.close())
  return pods
}

/** What must stay for pods: those of this node, and in a mesh those of all; the others are told of this node's. */
export function openRunning(
  config: Pick<Config, 'keep' | 'mesh'>,
  parts: {
    readonly pods: Pods
    readonly database: Pick<OpenedLedger, 'runningWords' | 'replication' | 'ledger'>
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Running {
  const { pods, database, log } = parts
  const own = createRunning(pods)
  if (!config.mesh.enabled) return own
  const telling = {
    words: database.runningWords,
    self: database.replication.origin,
    nowMs: database.ledger.trustedNowMs,
    timers: systemTimers,
  }
  const teller = tellRunning({ ...telling, pods, log })
  owned.defer(() => teller.close())
  const others = watchRunningElsewhere(telling, { runningForMs: config.keep.runningFor })
  owned.defer(() => others.close())
  return uniteRunning(own, others)
}

/** What is asked of all nodes about their runtimes; others are told of this node's. */
export function wireRuntimes(
  { node: { name } }: Pick<Config, 'node'>,
  { database, content, pods, mesh }: Pick<FaceParts, 'database' | 'content' | 'pods' | 'mesh'>,
): { readonly listRunning: ListRunning; readonly findStrays: FindStrays } {
  mesh?.answer(
    new Map([
      [podsSubject, createPodsAnswer(pods)],
      [heldTagsSubject, createHeldTagsAnswer(pods)],
    ]),
  )
  const asking = {
    self: { id: database.replication.origin, name },
    pods,
    others: () => mesh?.forPull.members.all().filter(({ state }) => state !== 'gone') ?? [],
    client: mesh?.forPull.client,
  }
  const isPartOf = (image: Digest, digest: Digest) =>
    [...content.graph.reachable(image)].includes(digest)
  return {
    listRunning: createListRunning(asking),
    findStrays: createFindStrays({ ...asking, isPartOf }),
  }
}

/** A node without containerd never loads what asking it takes. */
async function openRuntime(config: Pick<Config, 'containerd'>): Promise<PodRuntime> {
  const { socket } = await findContainerd(config)
  try {
    await stat(socket)
  } catch (error) {
    throw new HoldfastError('config-invalid', `there is no containerd at ${socket}`, error)
  }
  const { openPodRuntime } = await import('../adapters/containerd/pod-runtime.ts')
  return openPodRuntime(socket)
}
