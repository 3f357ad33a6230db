import pTimeout from 'p-timeout'
import type { Log } from '../ports/log.ts'
import type { SeedSource } from '../ports/seed-source.ts'

/** What all sources of seeds said last. */
export interface SeedPool {
  /** Addresses in the order of the sources. */
  addresses(): readonly string[]
  /** Names that are written down and did not resolve the last time. */
  unresolved(): readonly string[]
  /** Asks all sources again, those that are still being asked left out. `onFound` is called for each that says something new. */
  refresh(onFound: () => void): void
  close(): Promise<void>
}

const askTimeoutMs = 10_000
const message = 'no seeds from there for now'

/** A source that cannot be asked now is taken at its last word. */
export function createSeedPool(sources: readonly SeedSource[], log: Log): SeedPool {
  const ending = new AbortController()
  const said = new Map<SeedSource, readonly string[]>()
  const asking = new Map<SeedSource, Promise<void>>()
  const failing = new Set<SeedSource>()
  let told: ReadonlySet<string> = new Set()
  const unresolved = (): readonly string[] => [
    ...new Set(sources.flatMap(source => source.unresolved?.() ?? [])),
  ]

  /** Once, until it resolved. */
  function tellUnresolved(): void {
    const now = new Set(unresolved())
    for (const seed of now) {
      if (!told.has(seed))
        log.warn({ seed }, 'the name of a seed does not resolve: it is tried again')
    }
    told = now
  }

  function fail(source: SeedSource, err: unknown): void {
    const reason = err instanceof Error ? err.message : String(err)
    if (!failing.has(source)) log.info({ source: source.name, reason }, message)
    failing.add(source)
    log.debug({ source: source.name, err }, message)
  }

  async function ask(source: SeedSource, onFound: () => void): Promise<void> {
    try {
      const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(askTimeoutMs)])
      // One that does not look at its signal must not keep the node from stopping.
      const found = await pTimeout(source.find(signal), { milliseconds: 2 * askTimeoutMs, signal })
      failing.delete(source)
      const known = new Set(said.get(source))
      said.set(source, found)
      if (!ending.signal.aborted && found.some(address => !known.has(address))) onFound()
    } catch (err) {
      if (!ending.signal.aborted) fail(source, err)
    } finally {
      if (!ending.signal.aborted) tellUnresolved()
    }
  }

  return {
    addresses: () => [...new Set(sources.flatMap(source => said.get(source) ?? []))],
    unresolved,
    refresh(onFound) {
      for (const source of sources) {
        if (asking.has(source) || ending.signal.aborted) continue
        asking.set(
          source,
          ask(source, onFound).finally(() => asking.delete(source)),
        )
      }
    },
    async close() {
      ending.abort()
      await Promise.allSettled(asking.values())
    },
  }
}
