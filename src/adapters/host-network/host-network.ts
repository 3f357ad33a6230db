import { networkInterfaces } from 'node:os'
import type { HostNetwork } from '../../ports/host-network.ts'

type Interfaces = ReturnType<typeof networkInterfaces>

/** What container runtimes make: the same addresses on every machine, which reach no other. */
const ofContainers =
  /^(?:docker|br-|veth|cni|cbr|flannel|cali|cilium|lxc|virbr|nerdctl|podman|kube-|nodelocaldns|tunl|vxlan)/

/** The machine's own network, read anew at each call. */
export function createHostNetwork(read: () => Interfaces = networkInterfaces): HostNetwork {
  return {
    addresses() {
      const interfaces = Object.entries(readQuietly(read))
      const real = interfaces.filter(([name]) => !ofContainers.test(name))
      const found = reachable(real)
      return found.length > 0 ? found : reachable(interfaces)
    },
  }
}

/** Where the system forbids to look there is nothing to see. */
function readQuietly(read: () => Interfaces): Interfaces {
  try {
    return read()
  } catch {
    return {}
  }
}

function reachable(interfaces: readonly [string, Interfaces[string]][]): readonly string[] {
  const all = interfaces.flatMap(([, addresses]) => addresses ?? [])
  const outward = all.filter(({ internal, address }) => !internal && !isOfLink(address))
  const ipv4 = outward.filter(({ family }) => family === 'IPv4')
  const ipv6 = outward.filter(({ family }) => family === 'IPv6')
  return [...new Set([...ipv4, ...ipv6].map(({ address }) => address))]
}

/** Means something on one link alone: RFC 3927, RFC 4291. */
function isOfLink(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address)
}
