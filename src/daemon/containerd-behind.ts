import { setTimeout } from 'node:timers/promises'
import { namedRegistries } from '../adapters/containerd-setup/edit-registries.ts'
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
 * Looks after what `holdfast containerd install --fallback auto` left to the running node. Resolves once nobody stands behind the mirror of
 * whom only an earlier process knew; never rejects, for a node without containerd is a node as well.
 */
export async function watchBehind(
  config: Pick<Config, 'containerd'>,
  parts: Omit<StandBehindParts, 'files'>,
  owned: AsyncDisposableStack,
): Promise<void> {
  let certsDir = ''
  let registriesYaml: string | undefined
  let isInstalled = false
  const behind = createStandBehind({
    ...parts,
    files: {
      async read() {
        // It may be installed, and elsewhere, while this node runs.
        if (!isInstalled) ({ certsDir, registriesYaml } = await findContainerd(config))
        const named = registriesYaml === undefined ? [] : await namedRegistries(registriesYaml)
        const found = await readMayStand(certsDir, named)
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
  const tell = (err: unknown): void => {
    if (!closing.signal.aborted) parts.log.error({ err }, 'nobody looks after containerd any more')
  }
  const beginning = behind.begin()
  const watching = beginning.then(() => watch(behind, closing.signal)).catch(tell)
  owned.defer(() => {
    closing.abort()
    return watching
  })
  await beginning.catch(() => {}) // told already
}

async function watch(behind: StandBehind, signal: AbortSignal): Promise<never> {
  for (;;) {
    await setTimeout(lookEveryMs, undefined, { signal, ref: false })
    await behind.look()
  }
}
