import { isIP, isIPv6 } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

/** Reads `host:port` or `[ipv6]:port`; `undefined` when the text is neither. */
export function parseAddress(text: string): { host: string; port: number } | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text)
  const [, bracketed, bare, digits] = found ?? []
  const host = bracketed ?? bare
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535) return undefined
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined
  return { host, port }
}

/** `host:port` as libp2p writes it; `undefined` when it is no address. */
export function toMultiaddr(address: string): Multiaddr | undefined {
  const parsed = parseAddress(address)
  if (parsed === undefined) return undefined
  try {
    return multiaddr(`/${familyOf(parsed.host)}/${parsed.host}/tcp/${parsed.port}`)
  } catch {
    return undefined
  }
}

const families: Readonly<Record<number, string>> = { 4: 'ip4', 6: 'ip6' }

const familyOf = (host: string): string => families[isIP(host)] ?? 'dns'

/** What libp2p is to listen on. `::` is both families, as it is everywhere else in Node. */
export function toListenAddresses(host: string, port: number): string[] {
  if (host === '::') return [`/ip6/::/tcp/${port}`, `/ip4/0.0.0.0/tcp/${port}`]
  return [`/${familyOf(host)}/${host}/tcp/${port}`]
}

/** `host:port` of libp2p's form; `undefined` when it is not of TCP. */
export function fromMultiaddr(address: Multiaddr): string | undefined {
  const parts = address.getComponents()
  const host = parts[0]?.value
  const port = parts.find(({ name }) => name === 'tcp')?.value
  if (host === undefined || port === undefined) return undefined
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}
