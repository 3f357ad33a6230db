import { watchKeys } from '../adapters/cluster-keys/watch-keys.ts'
import type { Config } from '../config/config.ts'
import type { ClusterKeys } from '../ports/cluster-keys.ts'
import type { Log } from '../ports/log.ts'

/** Whoever is on this machine may know it: it admits to a mesh that does not leave the machine. */
const loopbackKey = { id: 'loopback', secret: Buffer.alloc(32, 'loopback') }

/** The keys of the cluster, and what is wrong with their file. */
export interface MeshKeys extends ClusterKeys {
  /** Why the file as it is now is not taken; `undefined`: it is. */
  failure(): string | undefined
}

/**
 * The keys of the cluster. Without a file, which the configuration allows on loopback alone, there is one that everybody knows.
 *
 * @throws HoldfastError `config-invalid` when the file holds none
 */
export async function openKeys(
  { mesh }: Config,
  { log }: { readonly log: Log },
  owned: AsyncDisposableStack,
): Promise<MeshKeys> {
  if (mesh.secretFile === undefined) {
    return { current: () => [loopbackKey], onChange: () => () => {}, failure: () => undefined }
  }
  const keys = await watchKeys(mesh.secretFile, { log })
  owned.defer(() => keys.close())
  return keys
}
