import { createNameResolver } from '../adapters/names/resolve-name.ts'
import { createAuthorizer } from '../adapters/registry/authorize.ts'
import { createChangingFile } from '../adapters/registry/changing-file.ts'
import { createFindCredential } from '../adapters/registry/find-credential.ts'
import type { UpstreamsSettings } from '../adapters/registry/settings.ts'
import { createTransport } from '../adapters/registry/transport.ts'
import { createRegistryUpstream } from '../adapters/registry/upstream.ts'
import type { UpstreamFiles } from '../adapters/registry/upstream-files.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Mode } from '../ports/mode.ts'
import type { ResolveName } from '../ports/resolve-name.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { Tracer } from '../ports/tracer.ts'
import type { Upstream } from '../ports/upstream.ts'
import { measureUpstream } from '../telemetry/measured-upstream.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { traceUpstream } from '../telemetry/traced.ts'

/** A clock that is behind trusted time by more than this makes certificates look "not yet valid", in ms. */
const clockSlackMs = 60_000

/** The client of all registries, with what it was told of them by configuration and files. */
export interface Upstreams {
  readonly upstream: Upstream
  /** By name; those of `upstreamFiles` included. */
  readonly settings: UpstreamsSettings
  /** Addresses of a host, by our own resolver. */
  readonly resolveName: ResolveName
}

interface UpstreamParts {
  readonly ledger: TagLedger
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly clock: Clock
  readonly log: Log
  /** What this process sends with its questions. */
  readonly mark: string
  readonly mode: () => Mode
}

/** Makes the client of all configured registries; nothing is contacted before the first question. */
export function openUpstreams(
  { upstreams, dockerConfigPaths }: UpstreamFiles,
  { ledger, metrics, tracer, clock, log, mark, mode }: UpstreamParts,
  owned: AsyncDisposableStack,
): Upstreams {
  const names = createNameResolver({ clock, log, watchFile: createChangingFile })
  owned.defer(() => names.close())
  const earliestTimeMs = () => ledger.trustedNowMs() - clockSlackMs
  const { resolve: resolveName } = names
  const transport = createTransport({ resolveName, clock, log, earliestTimeMs }, { mark })
  owned.defer(() => transport.close())
  const findCredential = createFindCredential({ clock, log }, { dockerConfigPaths })
  const authorizer = createAuthorizer({ transport, clock, log, findCredential })
  owned.defer(() => authorizer.close())
  // What an operator sets offline is left in peace, also where it is known to be down.
  const mayProbe = () => mode() !== 'offline'
  const parts = { transport, authorizer, clock, log, mayProbe }
  const registries = createRegistryUpstream(parts, { upstreams })
  owned.defer(() => registries.close())
  const traced = traceUpstream(registries, tracer)
  const upstream = measureUpstream(traced, { meter: metrics.upstream, clock })
  return { upstream, settings: upstreams, resolveName: names.resolve }
}
