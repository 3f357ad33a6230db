/** Whether two URLs have scheme, host and port in common: only then may `Authorization` go along from one to the other. */
export function sameOrigin(one: URL | string, other: URL | string): boolean {
  return new URL(one).origin === new URL(other).origin
}

/** A URL fit for logs and messages: no user, password, query (it may carry a signature) or fragment. */
export function describeUrl(url: URL | string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname === '/' ? '' : pathname}`
}

/** The host as sockets want it: an IPv6 address without its brackets. */
export function socketHost({ hostname }: URL): string {
  return withoutBrackets(hostname)
}

/** The port of an http or https URL. */
export function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port)
  return protocol === 'https:' ? 443 : 80
}

/** `[::1]` → `::1`; anything else as it is. */
export function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/** Percent-decodes what can be decoded and leaves the rest as it is written. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
