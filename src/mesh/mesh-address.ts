/** A place to dial as it was written. */
export interface MeshAddress {
  /** Name or address, an IPv6 one without brackets. */
  readonly host: string
  readonly port: number
}

/**
 * Reads `host:port`, `[v6]:port` and, where there is a port to fall back to, `host` and `v6` alone; `undefined` when it is none of
 * them.
 */
export function parseMeshAddress(text: string, defaultPort?: number): MeshAddress | undefined {
  const bracketed = /^\[([0-9A-Fa-f:.%\w]+)\](?::(\d{1,5}))?$/.exec(text)
  const plain = /^([^:[\]\s]+)(?::(\d{1,5}))?$/.exec(text)
  const isBareIpv6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text)
  const [, host, portText] = bracketed ?? plain ?? (isBareIpv6 ? [text, text] : [])
  const port = portText === undefined ? defaultPort : Number(portText)
  if (host === undefined || port === undefined || port < 1 || port > 65_535) return undefined
  return { host, port }
}

/** `10.0.0.1:5053`, `[fd00::1]:5053` */
export function formatMeshAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
