import { networkInterfaces } from 'node:os'
import type { HostNetwork } from '../../ports/host-network.ts'

/** This machine's own network. @param read what the system says; a test's own */
export function createHostNetwork(read: typeof networkInterfaces = networkInterfaces): HostNetwork {
  return {
    addresses() {
      const all = Object.values(read()).flatMap(addresses => addresses ?? [])
      const reachable = all.filter(({ internal, address }) => !internal && !isOfLink(address))
      const ipv4 = reachable.filter(({ family }) => family === 'IPv4')
      const ipv6 = reachable.filter(({ family }) => family === 'IPv6')
      return [...new Set([...ipv4, ...ipv6].map(({ address }) => address))]
    },
  }
}

/** 169.254.0.0/16 and fe80::/10 mean something on one cable only. */
const isOfLink = (address: string): boolean =>
  address.startsWith('169.254.') || /^fe[89ab]/i.test(address)
