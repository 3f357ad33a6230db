import pTimeout from 'p-timeout'
import type { Log } from '../ports/log.ts'
import type { SeedSource } from '../ports/seed-source.ts'

/** What all sources of seeds said last. */
export interface SeedPool {
  /** Addresses in the order of the sources. */
  addresses(): readonly string[]
  /** Asks all sources again, those that are still being asked left out. `onFound` is called for each that says something new. */
  refresh(onFound: () => void): void
  close(): Promise<void>
}

const askTimeoutMs = 10_000

/** A source that cannot be asked now is taken at its last word. */
export function createSeedPool(sources: readonly SeedSource[], log: Log): SeedPool {
  const ending = new AbortController()
  const said = new Map<SeedSource, readonly string[]>()
  const asking = new Map<SeedSource, Promise<void>>()
  const failing = new Set<SeedSource>()

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
      if (ending.signal.aborted) return
      const level = failing.has(source) ? 'debug' : 'info'
      failing.add(source)
      log[level]({ source: source.name, err }, 'no seeds from there for now')
    }
  }

  return {
    addresses: () => [...new Set(sources.flatMap(source => said.get(source) ?? []))],
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
