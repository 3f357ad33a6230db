import { isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import pTimeout from 'p-timeout'
import type { ChangingFile } from '../../ports/changing-file.ts'
import type { Clock } from '../../ports/clock.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import type { ResolveName } from '../../ports/resolve-name.ts'
import { createDnsQuestioner, type DnsQuestioner } from './dns-question.ts'
import { parseHosts, parseResolvConf, withoutFinalDot } from './name-files.ts'
import { lookupInTurn } from './system-lookup.ts'

/**
 * Our own resolver: `dns.lookup` blocks the living names behind the dead ones. An address once found is used on whenever its name
 * cannot be resolved now, also where a router without uplink denies all names.
 */
export interface NameResolver {
  readonly resolve: ResolveName
  close(): Promise<void>
}

/** Where the resolver looks, and how long; the defaults are right outside of tests. */
export interface NameResolverOptions {
  readonly hostsPath?: string
  readonly resolvConfPath?: string
  /** One try at one name server, ms. */
  readonly tryMs?: number
  readonly systemLookup?: (name: string, signal: AbortSignal) => Promise<readonly string[]>
}

interface Known {
  readonly addresses: readonly string[]
  readonly freshUntilMs: number
  readonly confVersion: number
}

interface Conf {
  readonly version: number
  readonly questioner: DnsQuestioner
}

const maxKeptNames = 500
const shortestKeepMs = 1_000
const longestKeepMs = 60_000
const systemAnswerKeepMs = 5_000
/** After a dead answer, names known before are answered from memory at once while the servers are asked behind it. */
const deadForMs = 2_000
const maxLookupWaitMs = 5_000

/** Makes a resolver; it follows changes of both files by itself. */
export function createNameResolver(
  { clock, log, watchFile }: { clock: Clock; log: Log; watchFile: (path: string) => ChangingFile },
  options: NameResolverOptions = {},
): NameResolver {
  const { tryMs = 300, systemLookup = lookupInTurn } = options
  const hosts = createHostsFile(watchFile(options.hostsPath ?? '/etc/hosts'))
  const confFile = watchFile(options.resolvConfPath ?? '/etc/resolv.conf')
  const known = new LRUCache<string, Known>({ max: maxKeptNames })
  const flights = new Map<string, Promise<readonly string[]>>()
  const closed = new AbortController()
  let conf: Conf | undefined
  let deadUntilMs = Number.NEGATIVE_INFINITY

  async function currentConf(): Promise<Conf> {
    const file = await readQuietly(confFile)
    const version = file?.version ?? 0
    if (conf?.version === version) return conf
    conf?.questioner.cancel()
    if (conf !== undefined) log.info({ path: confFile.path }, 'name servers changed')
    const made = {
      version,
      questioner: createDnsQuestioner(parseResolvConf(file?.text ?? ''), tryMs),
    }
    conf = made
    deadUntilMs = Number.NEGATIVE_INFINITY
    return made
  }

  function keep(name: string, addresses: readonly string[], ttlMs: number, version: number) {
    const keepMs = Math.min(Math.max(ttlMs, shortestKeepMs), longestKeepMs)
    const freshUntilMs = clock.monotonicMs() + keepMs
    known.set(name, { addresses, freshUntilMs, confVersion: version })
    return addresses
  }

  async function askSystem(name: string, version: number): Promise<readonly string[]> {
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(maxLookupWaitMs)])
    try {
      return keep(name, await systemLookup(name, signal), systemAnswerKeepMs, version)
    } catch (cause) {
      throw new UpstreamFailure('unreachable', 'dns', `no address for ${name}`, { cause })
    }
  }

  async function ask(name: string, { questioner, version }: Conf): Promise<readonly string[]> {
    if (/\.local\.?$/.test(name)) return askSystem(name, version)
    const outcome = await questioner.ask(name)
    if (outcome.kind === 'found') {
      deadUntilMs = Number.NEGATIVE_INFINITY
      return keep(name, outcome.answer.addresses, outcome.answer.ttlMs, version)
    }
    if (outcome.kind === 'not-found') return askSystem(name, version)
    const latest = await currentConf()
    if (latest.version !== version && !closed.signal.aborted) return ask(name, latest)
    deadUntilMs = clock.monotonicMs() + deadForMs
    const message = `the name servers do not answer for ${name}`
    throw new UpstreamFailure('unreachable', 'dns', message, { cause: outcome.cause })
  }

  function flightFor(name: string, current: Conf): Promise<readonly string[]> {
    const key = `${current.version} ${name}`
    const running = flights.get(key)
    if (running !== undefined) return running
    const flight = ask(name, current).finally(() => flights.delete(key))
    flights.set(key, flight)
    // Nobody may be left to see it fail.
    flight.catch(() => undefined)
    return flight
  }

  async function resolveOverNetwork(name: string): Promise<readonly string[]> {
    const current = await currentConf()
    const held = known.get(name)
    const now = clock.monotonicMs()
    if (held?.confVersion === current.version && now < held.freshUntilMs) return held.addresses
    const flight = flightFor(name, current)
    if (held === undefined) return flight
    if (now < deadUntilMs) return held.addresses
    return firstOf(flight, tryMs, held.addresses)
  }

  async function resolve(host: string, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted()
    const bare = host.startsWith('[') ? host.slice(1, -1) : host
    if (isIP(bare) !== 0) return [bare]
    const name = bare.toLowerCase()
    const written = (await hosts.read()).get(withoutFinalDot(name))
    if (written !== undefined) return written
    // RFC 6761 section 6.3: never asked for anywhere.
    if (/^(?:.+\.)?localhost\.?$/.test(name)) return ['127.0.0.1', '::1']
    return pTimeout(resolveOverNetwork(name), { milliseconds: Number.POSITIVE_INFINITY, signal })
  }

  async function close(): Promise<void> {
    closed.abort(new Error('the resolver was closed'))
    conf?.questioner.cancel()
  }

  return { resolve, close }
}

function createHostsFile(file: ChangingFile) {
  let version = -1
  let entries: ReadonlyMap<string, readonly string[]> = new Map()
  return {
    async read(): Promise<ReadonlyMap<string, readonly string[]>> {
      const current = await readQuietly(file)
      if (version === (current?.version ?? 0)) return entries
      version = current?.version ?? 0
      entries = parseHosts(current?.text ?? '')
      return entries
    },
  }
}

// A name file that may not be read is as good as none: the other sources still answer.
function readQuietly(file: ChangingFile) {
  return file.read().catch(() => undefined)
}

/** The flight's answer; the known one when the flight takes longer than `ms` or fails. */
async function firstOf(
  flight: Promise<readonly string[]>,
  ms: number,
  knownAddresses: readonly string[],
): Promise<readonly string[]> {
  const { promise: late, resolve } = Promise.withResolvers<readonly string[]>()
  const timer = setTimeout(resolve, ms, knownAddresses)
  try {
    return await Promise.race([flight, late])
  } catch {
    return knownAddresses
  } finally {
    clearTimeout(timer)
  }
}
