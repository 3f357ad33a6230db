import type { Hasher } from '../adapters/disk/hasher.ts'
import type { Config } from '../config/config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NeighbourStore } from '../ports/neighbour-store.ts'

/** The containerd of this node where `store.kind` wants it looked into. Only such a node loads what that takes. */
export async function openNeighbour(
  { store, containerd }: Config,
  { hasher, clock, log }: { hasher: Hasher; clock: Clock; log: Log },
  owned: AsyncDisposableStack,
): Promise<NeighbourStore | undefined> {
  if (store.kind !== 'both') return undefined
  const { openContainerd } = await import('../adapters/containerd/open-containerd.ts')
  const { namespace, contentDir } = containerd
  const socket = await findSocket(containerd, log)
  const neighbour = openContainerd(
    {
      hashFile: (path, algorithm, size) => hasher.follow(path, algorithm).finish(size),
      clock,
      log,
    },
    { socket, namespace, contentDir },
  )
  owned.defer(() => neighbour.close())
  return neighbour
}

/** Where nothing says it, what `holdfast containerd` would find. */
async function findSocket(wishes: Config['containerd'], log: Log): Promise<string> {
  const { socket, certsDir, configFile, registriesFile } = wishes
  if (socket !== undefined) return socket
  const { locateContainerd, usualSocket } = await import('../adapters/containerd-setup/locate.ts')
  try {
    return (await locateContainerd({ socket, certsDir, configFile, registriesFile })).socket
  } catch (err) {
    log.warn({ err, socket: usualSocket }, "containerd's configuration does not tell its socket")
    return usualSocket
  }
}
