import type { RegistryReach } from '../keep/registry-reach.ts'
import type { Clock } from '../ports/clock.ts'
import type { Mode } from '../ports/mode.ts'
import type { EndpointState, Upstream } from '../ports/upstream.ts'

/** What telling whether registries can be reached needs. */
export interface RegistryReachParts {
  readonly upstreams: {
    readonly upstream: Pick<Upstream, 'isConfigured' | 'endpoints' | 'heardAtMs'>
  }
  readonly mode: () => Mode
  readonly clock: Clock
}

/** Tells whether this node can fetch from a registry now, out of what it knows. */
export function createRegistryReach({
  upstreams: { upstream },
  mode,
  clock,
}: RegistryReachParts): (registry: string) => RegistryReach {
  return registry => {
    if (!upstream.isConfigured(registry)) return { state: 'unconfigured', forMs: undefined }
    if (mode() === 'offline') return { state: 'offline', forMs: undefined }
    const endpoints = upstream.endpoints().filter(one => one.registry === registry)
    const open = endpoints.filter(({ state }) => state === 'closed')
    if (open.length === 0) return { state: 'down', forMs: downForMs(endpoints) }
    if (!open.some(({ hasAnswered }) => hasAnswered)) return { state: 'unheard', forMs: undefined }
    const heardAtMs = upstream.heardAtMs(registry)
    return {
      state: 'answers',
      forMs: heardAtMs === undefined ? undefined : clock.monotonicMs() - heardAtMs,
    }
  }

  /** Since the last of its endpoints is. */
  function downForMs(endpoints: readonly EndpointState[]): number | undefined {
    const since = endpoints.flatMap(({ downSinceMs }) => downSinceMs ?? [])
    return since.length === 0 ? undefined : Math.max(0, clock.wallMs() - Math.max(...since))
  }
}
