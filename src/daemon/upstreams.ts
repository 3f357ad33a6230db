import { createAuthorizer } from '../adapters/registry/authorize.ts'
import { createFindCredential } from '../adapters/registry/find-credential.ts'
import { createNameResolver } from '../adapters/registry/resolve-name.ts'
import type { UpstreamsSettings } from '../adapters/registry/settings.ts'
import { createTransport } from '../adapters/registry/transport.ts'
import { createRegistryUpstream } from '../adapters/registry/upstream.ts'
import { readUpstreamFiles } from '../adapters/registry/upstream-files.ts'
import type { Config } from '../config/config.ts'
import { formatListen } from '../config/listen.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { Upstream } from '../ports/upstream.ts'
import { measureUpstream } from '../telemetry/measured-upstream.ts'
import type { Metrics } from '../telemetry/metrics.ts'

/** A clock that is behind trusted time by more than this makes certificates look "not yet valid", in ms. */
const clockSlackMs = 60_000

/** The client of all registries, with what it was told of them by configuration and files. */
export interface Upstreams {
  readonly upstream: Upstream
  /** By name; those of `upstreamFiles` included. */
  readonly settings: UpstreamsSettings
}

/** Makes the client of all configured registries; nothing is contacted before the first question. */
export async function openUpstreams(
  config: Config,
  { ledger, metrics, clock, log }: { ledger: TagLedger; metrics: Metrics; clock: Clock; log: Log },
  owned: AsyncDisposableStack,
): Promise<Upstreams> {
  const files = await readUpstreamFiles(config.upstreams, config.upstreamFiles, {
    ownAddresses: [formatListen(config.mirror.listen)],
  })
  const { upstreams, dockerConfigPaths } = files
  const names = createNameResolver({ clock, log })
  owned.defer(() => names.close())
  const earliestTimeMs = () => ledger.trustedNowMs() - clockSlackMs
  const transport = createTransport({ resolveName: names.resolve, clock, log, earliestTimeMs })
  owned.defer(() => transport.close())
  const findCredential = createFindCredential({ clock, log }, { dockerConfigPaths })
  const authorizer = createAuthorizer({ transport, clock, log, findCredential })
  owned.defer(() => authorizer.close())
  const parts = { transport, authorizer, clock, log }
  const registries = createRegistryUpstream(parts, { upstreams })
  owned.defer(() => registries.close())
  const upstream = measureUpstream(registries, { meter: metrics.upstream, clock })
  return { upstream, settings: upstreams }
}
