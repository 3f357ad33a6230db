import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Libp2p } from '@libp2p/interface'
import { fromMultiaddr } from './address.ts'

/** Where others reach a node that listens on `host`; a wildcard is every address of this machine that is not its own alone. */
export function listeningAddresses(node: Libp2p, host: string): readonly string[] {
  const found = node.getMultiaddrs().flatMap(address => fromMultiaddr(address) ?? [])
  if (host !== '::' && host !== '0.0.0.0') return [...new Set(found)]
  const reachable = found.filter(address => !isLocalAlone(address))
  return [...new Set(reachable.length > 0 ? reachable : found)]
}

const local: ReadonlySet<string> = new Set(
  Object.values(networkInterfaces()).flatMap(addresses =>
    (addresses ?? []).filter(({ internal }) => internal).map(({ address }) => address),
  ),
)

function isLocalAlone(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return local.has(host) || host === '127.0.0.1' || (isIPv6(host) && /^fe[89ab]/i.test(host))
}
