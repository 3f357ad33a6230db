import type { Config } from '../config/config.ts'
import { createNameSeeds } from '../mesh/name-seeds.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterKeys } from '../ports/cluster-keys.ts'
import type { HostNetwork } from '../ports/host-network.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { SeedSource } from '../ports/seed-source.ts'
import type { Upstreams } from './upstreams.ts'

/** What the sources of seeds ask, and what they tell of this node. */
export interface SeedParts {
  readonly upstreams: Pick<Upstreams, 'resolveName'>
  readonly self: NodeId
  readonly keys: ClusterKeys
  /** `address:port` where others find this node's mesh listener. */
  readonly meshAddresses: () => readonly string[]
  readonly meshPort: number
  readonly network: HostNetwork
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

/** Where other nodes may be found, in the order it is tried. What a node does not look at it does not load. */
export async function openSeeds(
  { mesh, node }: Config,
  parts: SeedParts,
  owned: AsyncDisposableStack,
): Promise<readonly SeedSource[]> {
  const { meshPort, random, log } = parts
  const names = { resolve: parts.upstreams.resolveName, random }
  const nowMs = parts.clock.monotonicMs
  const sources: SeedSource[] = []
  if (mesh.seeds.length > 0) {
    sources.push(createNameSeeds(names, { name: 'static', hosts: mesh.seeds, port: meshPort }))
  }
  if (mesh.dns.length > 0) {
    sources.push(createNameSeeds(names, { name: 'dns', hosts: mesh.dns, port: meshPort }))
  }
  if (mesh.mdns) {
    const { createMdnsSource } = await import('../adapters/mdns/mdns-source.ts')
    const keyIds = () => parts.keys.current().map(({ id }) => id)
    const source = createMdnsSource({ ...parts, keyIds, nowMs })
    owned.defer(() => source.close())
    sources.push(source)
  }
  const { service, annotation, nodeName = node.name, namespace, kubeconfig } = mesh.kubernetes
  if (service !== undefined || annotation !== undefined) {
    const { createKubernetesSource } = await import('../adapters/kubernetes/kubernetes-source.ts')
    const openApi = async () => {
      const { openKubernetesApi } = await import('../adapters/kubernetes/kubernetes-api.ts')
      return openKubernetesApi({ kubeconfig, namespace })
    }
    const ownAddresses = parts.meshAddresses
    const needs = { openApi, ownAddresses, meshPort, nowMs, random, log }
    sources.push(createKubernetesSource(needs, { service, annotation, nodeName }))
  }
  return sources
}
