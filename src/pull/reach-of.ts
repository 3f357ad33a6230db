import type { Repository } from '../oci/reference.ts'
import type { Mode } from '../ports/mode.ts'
import type { Reach, Upstream } from '../ports/upstream.ts'

/** Whether asking for content of a repository makes sense now, with the node's mode counted in. */
export type ReachOf = (repository: Repository) => Reach

/** Lays the mode over what the upstream client knows: `offline` asks nobody, `online` asks also what is known to be down. */
export function createReachOf(upstream: Pick<Upstream, 'reach'>, mode: () => Mode): ReachOf {
  return repository => {
    const reach = upstream.reach(repository)
    if (reach.state === 'unconfigured') return reach
    switch (mode()) {
      case 'offline':
        return { state: 'down', sinceMs: 0, failure: 'unreachable' }
      case 'online':
        return { state: 'reachable' }
      case 'auto':
        return reach
    }
  }
}
