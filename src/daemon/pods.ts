import { stat } from 'node:fs/promises'
import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import {
  createListRunning,
  createPodsAnswer,
  type ListRunning,
  podsSubject,
} from '../keep/running-images.ts'
import { noPods, type Pods, watchPods } from '../keep/watch-pods.ts'
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

/** Which images run on all nodes; others are told what runs here. */
export function wireRunning(
  { node: { name } }: Pick<Config, 'node'>,
  { database, pods, mesh }: Pick<FaceParts, 'database' | 'pods' | 'mesh'>,
): ListRunning {
  mesh?.answer(new Map([[podsSubject, createPodsAnswer(pods)]]))
  return createListRunning({
    self: { id: database.replication.origin, name },
    pods,
    others: () => mesh?.forPull.members.all().filter(({ state }) => state !== 'gone') ?? [],
    client: mesh?.forPull.client,
  })
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
