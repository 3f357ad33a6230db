import { BlockList, isIP } from 'node:net'

/** Where an address lies, as far as it matters for whom we contact. */
export type AddressKind =
  | 'public'
  | 'loopback'
  | 'link-local'
  | 'private'
  | 'metadata'
  | 'multicast'
  | 'reserved'

type Range = readonly [kind: Exclude<AddressKind, 'public'>, network: string, prefix: number]

// First match wins: single hosts before the networks they lie in.
// https://www.iana.org/assignments/iana-ipv4-special-registry/
const ipv4Ranges: readonly Range[] = [
  ['metadata', '169.254.169.254', 32],
  ['metadata', '169.254.170.2', 32],
  ['metadata', '169.254.170.23', 32],
  ['metadata', '100.100.100.200', 32],
  ['metadata', '192.0.0.192', 32],
  ['metadata', '168.63.129.16', 32],
  ['loopback', '127.0.0.0', 8],
  ['link-local', '169.254.0.0', 16],
  ['private', '10.0.0.0', 8],
  ['private', '172.16.0.0', 12],
  ['private', '192.168.0.0', 16],
  ['private', '100.64.0.0', 10],
  ['multicast', '224.0.0.0', 4],
  // "This host": Linux connects to itself.
  ['reserved', '0.0.0.0', 8],
  ['reserved', '192.0.0.0', 24],
  ['reserved', '192.0.2.0', 24],
  ['reserved', '198.18.0.0', 15],
  ['reserved', '198.51.100.0', 24],
  ['reserved', '203.0.113.0', 24],
  ['reserved', '240.0.0.0', 4],
]

// https://www.iana.org/assignments/iana-ipv6-special-registry/
const ipv6Ranges: readonly Range[] = [
  ['metadata', 'fd00:ec2::', 32],
  ['metadata', 'fd20:ce::254', 128],
  ['loopback', '::1', 128],
  ['link-local', 'fe80::', 10],
  ['private', 'fc00::', 7],
  ['private', 'fec0::', 10],
  ['multicast', 'ff00::', 8],
  ['reserved', '2001::', 23],
  ['reserved', '2001:db8::', 32],
  ['reserved', '3fff::', 20],
]

const ipv4Lists = ipv4Ranges.map(([kind, network, prefix]) => {
  const list = new BlockList()
  list.addSubnet(network, prefix, 'ipv4')
  return { kind, list }
})

const ipv6Lists = ipv6Ranges.map(([kind, network, prefix]) => {
  const list = new BlockList()
  list.addSubnet(network, prefix, 'ipv6')
  return { kind, list }
})

/**
 * Tells where an IP address lies. IPv6 forms that carry an IPv4 address (mapped, compatible, NAT64, 6to4) lie where that one does.
 * Whatever is no IP address is `reserved`.
 */
export function classifyAddress(address: string): AddressKind {
  const [text = ''] = address.split('%')
  if (isIP(text) === 4) return classifyIpv4(text)
  if (isIP(text) === 6) return classifyIpv6(text)
  return 'reserved'
}

/**
 * Whether an answer of an upstream may lead us to an address: public ones always, others only where the upstream lies itself.
 */
export function mayContact(address: string, upstreamLiesIn: ReadonlySet<AddressKind>): boolean {
  const kind = classifyAddress(address)
  return kind === 'public' || upstreamLiesIn.has(kind)
}

function classifyIpv4(text: string): AddressKind {
  return ipv4Lists.find(({ list }) => list.check(text, 'ipv4'))?.kind ?? 'public'
}

function classifyIpv6(text: string): AddressKind {
  const words = ipv6Words(text)
  const carried = carriedIpv4(words)
  if (carried !== undefined) return classifyIpv4(carried)
  const found = ipv6Lists.find(({ list }) => list.check(text, 'ipv6'))
  if (found !== undefined) return found.kind
  // Only 2000::/3 is given out as global unicast (RFC 4291 section 2.4).
  return ((words[0] ?? 0) & 0xe000) === 0x2000 ? 'public' : 'reserved'
}

/** Eight 16-bit words. The URL parser writes any spelling in one form. */
function ipv6Words(text: string): readonly number[] {
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...gap, ...after].map(word => Number.parseInt(word, 16))
}

function carriedIpv4(words: readonly number[]): string | undefined {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = words
  const leadingZeros = (a | b | c | d) === 0
  // ::ffff:0:0/96 (mapped), ::ffff:0:0:0/96 (translated, RFC 2765), ::/96 (compatible) apart from :: and ::1
  if (leadingZeros && ((e === 0 && f === 0xffff) || (e === 0xffff && f === 0))) return dotted(g, h)
  if (leadingZeros && e === 0 && f === 0 && (g !== 0 || h > 1)) return dotted(g, h)
  // 64:ff9b::/96 (RFC 6052)
  if (a === 0x64 && b === 0xff9b && (c | d | e | f) === 0) return dotted(g, h)
  // 2002::/16 (RFC 3056)
  if (a === 0x2002) return dotted(b, c)
  return undefined
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}
