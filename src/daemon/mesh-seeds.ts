import { createKubernetesSource } from '../adapters/kubernetes/kubernetes-source.ts'
import type { Config } from '../config/config.ts'
import { createNameSeeds } from '../mesh/name-seeds.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterKeys } from '../ports/cluster-keys.ts'
import type { HostNetwork } from '../ports/host-network.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { SeedSource } from '../ports/seed-source.ts'
import type { Upstreams } from './upstreams.ts'

/** What the search for other nodes needs. */
export interface SeedParts {
  readonly upstreams: Pick<Upstreams, 'resolveName'>
  readonly self: NodeId
  readonly keys: ClusterKeys
  readonly network: HostNetwork
  /** Of this node's mesh listener. */
  readonly port: number
  readonly ownAddresses: () => readonly string[]
  readonly clock: Clock
  readonly log: Log
}

/** Where other nodes may be found, in the order it is tried. */
export async function findSeeds(
  { mesh, node }: Config,
  parts: SeedParts,
  owned: AsyncDisposableStack,
): Promise<readonly SeedSource[]> {
  const { clock, log, port } = parts
  const names = { resolve: parts.upstreams.resolveName, random: Math.random }
  const seeds: SeedSource[] = []
  if (mesh.seeds.length > 0) {
    seeds.push(createNameSeeds(names, { name: 'static', hosts: mesh.seeds, port }))
  }
  if (mesh.dns.length > 0) {
    seeds.push(createNameSeeds(names, { name: 'dns', hosts: mesh.dns, port }))
  }
  if (mesh.mdns) {
    const { createMdnsSource } = await import('../adapters/mdns/mdns-source.ts')
    const mdns = createMdnsSource({
      ...parts,
      keyIds: () => parts.keys.current().map(({ id }) => id),
      meshPort: port,
      nowMs: clock.monotonicMs,
    })
    owned.defer(() => mdns.close())
    seeds.push(mdns)
  }
  const { service, annotation, nodeName = node.name, namespace, kubeconfig } = mesh.kubernetes
  if (service !== undefined || annotation !== undefined) {
    const openApi = async () => {
      const { openKubernetesApi } = await import('../adapters/kubernetes/kubernetes-api.ts')
      return openKubernetesApi({ namespace, kubeconfig })
    }
    const { ownAddresses } = parts
    const nowMs = clock.monotonicMs
    seeds.push(
      createKubernetesSource(
        { openApi, ownAddresses, meshPort: port, nowMs, random: Math.random, log },
        { service, annotation, nodeName },
      ),
    )
  }
  return seeds
}
