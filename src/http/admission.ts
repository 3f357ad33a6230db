import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { TokenFile } from './token-file.ts'

/** Decides who may ask the mirror. */
export interface Admission {
  admits(request: IncomingMessage): boolean
}

/** The header that carries the mirror's token, as `hosts.toml` sends it; in lower case, as Node has header names. */
const tokenHeader = 'holdfast-token'

interface Options {
  /** `mirror.allow`: addresses and networks (`10.0.0.0/8`, `fd00::/8`, `192.168.1.7`) that may ask without a token. */
  readonly allow: readonly string[]
  /** Holders of its tokens may ask from anywhere. */
  readonly tokenFile: TokenFile | undefined
  /** This node's own addresses. Default: those of its network interfaces. */
  readonly ownAddresses?: () => readonly string[]
}

/**
 * Loopback and this node's own addresses may always ask; others when `allow` names them or when they send the token. The address is
 * judged once a connection, the token with every request. Throws a `TypeError` when an entry of `allow` is no address.
 */
export function createAdmission({
  allow,
  tokenFile,
  ownAddresses = interfaceAddresses,
}: Options): Admission {
  const allowed = createNetworks(['127.0.0.0/8', '::1', ...allow])
  const judged = new WeakMap<Socket, boolean>()

  function admitsAddress(socket: Socket): boolean {
    const known = judged.get(socket)
    if (known !== undefined) return known
    const address = plainAddress(socket.remoteAddress ?? '')
    const verdict =
      address !== '' && (allowed.check(address, familyOf(address)) || isOwn(address, ownAddresses))
    judged.set(socket, verdict)
    return verdict
  }

  return {
    admits: request => {
      if (admitsAddress(request.socket)) return true
      if (tokenFile === undefined) return false
      const token = request.headers[tokenHeader]
      return typeof token === 'string' && tokenFile.holderOf(token) !== undefined
    },
  }
}

/** Reads addresses and networks into one list to check against. Throws a `TypeError` that names the entry that is none. */
function createNetworks(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/')
    try {
      if (prefix === undefined) list.addAddress(address, familyOf(address))
      else list.addSubnet(address, readPrefix(prefix), familyOf(address))
    } catch (cause) {
      throw new TypeError(`mirror.allow: ${entry} is no address and no network`, { cause })
    }
  }
  return list
}

/** An empty or odd prefix must not become 0, which would admit everybody. */
const readPrefix = (text: string): number => (/^\d{1,3}$/.test(text) ? Number(text) : Number.NaN)

const isOwn = (address: string, own: () => readonly string[]): boolean => own().includes(address)

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4')

/** Without the zone, and IPv4 as IPv4 where a dual-stack socket shows it as IPv6. */
function plainAddress(address: string): string {
  const withoutZone = address.split('%')[0] ?? ''
  return withoutZone.startsWith('::ffff:') && withoutZone.includes('.')
    ? withoutZone.slice('::ffff:'.length)
    : withoutZone
}

/** Asked anew for each foreign connection: a portable node changes its addresses while it runs. */
function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap(list =>
    (list ?? []).map(one => plainAddress(one.address)),
  )
}
