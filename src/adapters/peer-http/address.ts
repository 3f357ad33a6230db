import { isIP } from 'node:net'

/** Where a node listens. */
export interface Address {
  /** An IP address or a name; IPv6 without its brackets. */
  readonly host: string
  readonly port: number
}

const grammar = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9._-]+)):([1-9][0-9]{0,4})$/

/** Reads `host:port`, IPv6 in brackets. `undefined` for anything else. */
export function parseAddress(text: string): Address | undefined {
  const found = text.length <= 300 ? grammar.exec(text) : null
  const port = Number(found?.[3])
  const host = found?.[1] ?? found?.[2]
  if (host === undefined || port > 65_535) return undefined
  if (found?.[1] !== undefined && isIP(host) !== 6) return undefined
  return { host, port }
}

/** `host:port`, IPv6 in brackets. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
