import { isIP } from 'node:net'

/** Where a server listens. Port 0: any free one. */
export interface ListenAddress {
  /** An IP address without brackets, or a host name. */
  readonly host: string
  readonly port: number
}

/** Reads `127.0.0.1:5050`, `[::1]:5050` or `localhost:5050`; `undefined` for anything else. */
export function parseListen(text: string): ListenAddress | undefined {
  const [, bracketed, plain, digits] =
    /^(?:\[([^\]]+)\]|([^:[\]\s]+)):([0-9]{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return undefined
  if (bracketed !== undefined) {
    return isIP(bracketed) === 6 ? { host: bracketed.toLowerCase(), port } : undefined
  }
  return plain !== undefined && isHost(plain) ? { host: plain.toLowerCase(), port } : undefined
}

/** Where another node is looked for: an IP address without brackets, or a host name. */
export interface Place {
  readonly host: string
  /** `undefined`: the usual one. */
  readonly port: number | undefined
}

/** Reads `host:port` and `host`, an IPv6 address in brackets; `undefined` for anything else. */
export function parsePlace(text: string): Place | undefined {
  const isWhole = /:[0-9]+$/.test(text.replace(/^\[[^\]]*\]/, ''))
  const found = parseListen(isWhole ? text : `${text}:1`)
  if (found === undefined || found.port === 0) return undefined
  return { host: found.host, port: isWhole ? found.port : undefined }
}

/** `127.0.0.1:5050`, `[::1]:5050`. */
export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Whether only this machine can reach it. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Whether both cannot be listened on at once. */
export function collide(a: ListenAddress, b: ListenAddress): boolean {
  return a.port === b.port && a.port !== 0 && overlap(a.host, b.host)
}

function overlap(a: string, b: string): boolean {
  if (a === b || a === '::' || b === '::') return true
  const families = new Set([isIP(a), isIP(b)])
  if (a === '0.0.0.0' || b === '0.0.0.0') return !families.has(6)
  return (
    (a === 'localhost' || b === 'localhost') &&
    isLoopback({ host: a, port: 0 }) &&
    isLoopback({ host: b, port: 0 })
  )
}

function isHost(text: string): boolean {
  // All digits and dots: an address or a mistake, never a name.
  if (/^[0-9.]+$/.test(text)) return isIP(text) === 4
  return text.split('.').every(label => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
}
