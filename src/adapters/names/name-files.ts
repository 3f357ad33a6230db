import { isIP } from 'node:net'

/** What `resolv.conf` says, as far as it concerns us. */
export interface ResolvConf {
  /** Addresses as c-ares takes them, with or without a port. */
  readonly servers: readonly string[]
  readonly search: readonly string[]
  /** A name with fewer dots is tried with the search list first. */
  readonly ndots: number
}

/** Reads `resolv.conf`; what is missing or odd gets the default of resolv.conf(5). */
export function parseResolvConf(text: string): ResolvConf {
  let servers: string[] = []
  let search: string[] = []
  let ndots = 1
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver') servers = servers.concat(values.slice(0, 1).filter(isServer))
    if (keyword === 'search' || keyword === 'domain') search = values.map(withoutFinalDot)
    if (keyword === 'options') ndots = ndotsOf(values) ?? ndots
  }
  return { servers: servers.length === 0 ? ['127.0.0.1'] : servers, search, ndots }
}

function ndotsOf(options: readonly string[]): number | undefined {
  const found = options.map(option => /^ndots:(\d+)$/.exec(option)?.[1]).findLast(Boolean)
  return found === undefined ? undefined : Math.min(Number(found), 15)
}

// With a port (`127.0.0.1:53`, `[::1]:53`) too: a local resolver need not sit on 53.
function isServer(text: string): boolean {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  return isIP(bare) !== 0
}

/** Full names to ask for, in the order of resolv.conf(5); a final dot means: this name and no other. */
export function candidateNames(
  name: string,
  conf: Pick<ResolvConf, 'search' | 'ndots'>,
): readonly string[] {
  if (name.endsWith('.')) return [withoutFinalDot(name)]
  const dots = name.split('.').length - 1
  const searched = conf.search.filter(domain => domain !== '').map(domain => `${name}.${domain}`)
  return dots >= conf.ndots ? [name, ...searched] : [...searched, name]
}

/** Reads a hosts file into addresses by lower-case name. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const key = name.toLowerCase()
      found.set(key, [...(found.get(key) ?? []), address])
    }
  }
  return found
}

/** `example.test.` → `example.test` */
export function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}
