import { Resolver } from 'node:dns/promises'
import type { ResolvConf } from './name-files.ts'
import { candidateNames } from './name-files.ts'

/** Addresses and how long they may be kept. */
export interface DnsAnswer {
  readonly addresses: readonly string[]
  readonly ttlMs: number
}

/** What the name servers said: addresses, that there is no such name, or nothing usable (`dead`). */
export type DnsOutcome =
  | { readonly kind: 'found'; readonly answer: DnsAnswer }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'dead'; readonly cause: unknown }

/** Asks the name servers of one `resolv.conf`. */
export interface DnsQuestioner {
  ask(name: string): Promise<DnsOutcome>
  /** Ends every question under way as `dead`. */
  cancel(): void
}

const triesPerServer = 2
// RFC 8305 section 3: the later family is waited for only so long.
const resolutionDelayMs = 50

/** @param tryMs how long one server may take for one try */
export function createDnsQuestioner(conf: ResolvConf, tryMs: number): DnsQuestioner {
  const resolver = new Resolver({ timeout: tryMs, tries: triesPerServer, maxTimeout: tryMs })
  resolver.setServers([...conf.servers])

  async function askFamily(family: 4 | 6, name: string): Promise<DnsOutcome> {
    try {
      const records = await (family === 4
        ? resolver.resolve4(name, { ttl: true })
        : resolver.resolve6(name, { ttl: true }))
      const addresses = records.map(record => record.address)
      const ttlMs = Math.min(...records.map(record => record.ttl)) * 1_000
      return addresses.length === 0
        ? { kind: 'not-found' }
        : { kind: 'found', answer: { addresses, ttlMs } }
    } catch (cause) {
      return saysNoSuchName(cause) ? { kind: 'not-found' } : { kind: 'dead', cause }
    }
  }

  async function askBoth(name: string): Promise<DnsOutcome> {
    const ipv4 = askFamily(4, name)
    const ipv6 = askFamily(6, name)
    const first = await Promise.race([ipv4, ipv6])
    if (first.kind === 'dead') return merge(await ipv4, await ipv6)
    const both = Promise.all([ipv4, ipv6])
    const outcomes = await (first.kind === 'found' ? within(both, resolutionDelayMs) : both)
    return outcomes === undefined ? first : merge(...outcomes)
  }

  async function ask(name: string): Promise<DnsOutcome> {
    const [firstCandidate = name, ...others] = candidateNames(name, conf)
    let outcome = await askBoth(firstCandidate)
    for (const candidate of others) {
      // A search domain whose servers are dead must not hide the name itself; asking the rest of the list would only cost time.
      if (outcome.kind === 'found') return outcome
      if (outcome.kind === 'dead' && candidate !== name) continue
      const next = await askBoth(candidate)
      outcome = next.kind === 'not-found' ? outcome : next
    }
    return outcome
  }

  return { ask, cancel: () => resolver.cancel() }
}

function merge(ipv4: DnsOutcome, ipv6: DnsOutcome): DnsOutcome {
  if (ipv4.kind === 'found' && ipv6.kind === 'found') {
    const ttlMs = Math.min(ipv4.answer.ttlMs, ipv6.answer.ttlMs)
    const addresses = [...ipv4.answer.addresses, ...ipv6.answer.addresses]
    return { kind: 'found', answer: { addresses, ttlMs } }
  }
  const rank = { found: 0, dead: 1, 'not-found': 2 } as const
  return rank[ipv4.kind] <= rank[ipv6.kind] ? ipv4 : ipv6
}

function saysNoSuchName(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EBADNAME'
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, ms, undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
