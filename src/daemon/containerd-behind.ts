import { setTimeout } from 'node:timers/promises'
import { whyUnseen } from '../adapters/containerd-setup/mounts.ts'
import {
  noteWhyAlone,
  putBehind,
  readMayStand,
  takeAway,
} from '../adapters/containerd-setup/stand-behind.ts'
import type { Config } from '../config/config.ts'
import { findContainerd } from './containerd-place.ts'
import { createStandBehind, type StandBehind, type StandBehindParts } from './stand-behind.ts'

/** How often it is looked whether a registry is still known to answer, ms. */
const lookEveryMs = 1_000

/**
 * Looks after what `holdfast containerd install --fallback auto` left to the running node. Never rejects, and delays nobody: a node without
 * containerd is a node as well.
 */
export function watchBehind(
  config: Pick<Config, 'containerd'>,
  parts: Omit<StandBehindParts, 'files'>,
  owned: AsyncDisposableStack,
): void {
  let certsDir = ''
  let isInstalled = false
  const behind = createStandBehind({
    ...parts,
    files: {
      async read() {
        // It may be installed, and elsewhere, while this node runs.
        if (!isInstalled) certsDir = (await findContainerd(config)).certsDir
        const found = await readMayStand(certsDir)
        isInstalled = found.length > 0
        return found
      },
      put: putBehind,
      take: takeAway,
      whyUnseen: () => whyUnseen(certsDir),
      note: why => noteWhyAlone(certsDir, why),
    },
  })
  const closing = new AbortController()
  const watching = watch(behind, closing.signal).catch(err => {
    if (!closing.signal.aborted) parts.log.error({ err }, 'nobody looks after containerd any more')
  })
  owned.defer(() => {
    closing.abort()
    return watching
  })
}

async function watch(behind: StandBehind, signal: AbortSignal): Promise<never> {
  await behind.begin()
  for (;;) {
    await setTimeout(lookEveryMs, undefined, { signal, ref: false })
    await behind.look()
  }
}
