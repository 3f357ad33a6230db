import { createNameResolver } from '../adapters/names/resolve-name.ts'
import { createAuthorizer } from '../adapters/registry/authorize.ts'
import { createChangingFile } from '../adapters/registry/changing-file.ts'
import { createFindCredential } from '../adapters/registry/find-credential.ts'
import type { UpstreamsSettings } from '../adapters/registry/settings.ts'
import { createTransport } from '../adapters/registry/transport.ts'
import { createRegistryUpstream } from '../adapters/registry/upstream.ts'
import { readUpstreamFiles, type UpstreamFiles } from '../adapters/registry/upstream-files.ts'
import type { Config } from '../config/config.ts'
import type { Fault } from '../config/faults.ts'
import { formatListen } from '../config/listen.ts'
import type { Clock } from '../ports/clock.ts'
import { HoldfastError } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import type { ResolveName } from '../ports/resolve-name.ts'
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
  /** Addresses of a host, by our own resolver. */
  readonly resolveName: ResolveName
}

/** Reads each file that `upstreamFiles` names as a start would; what is wrong is told, one fault a file. */
export async function checkUpstreamFiles(config: Config): Promise<readonly Fault[]> {
  const faults: Fault[] = []
  for (const file of config.upstreamFiles) {
    try {
      await readUpstreamFiles(config.upstreams, [file], ownAddresses(config))
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      faults.push({ path: '', origin: { kind: 'file', file }, problem: error.message })
    }
  }
  return faults
}

/** Holdfast's own endpoint in `registries.yaml` is no upstream. */
const ownAddresses = ({ mirror }: Config) => ({ ownAddresses: [formatListen(mirror.listen)] })

/** Reads what the configuration and the files it names say of registries. @throws HoldfastError `config-invalid` */
export function readUpstreams(config: Config): Promise<UpstreamFiles> {
  return readUpstreamFiles(config.upstreams, config.upstreamFiles, ownAddresses(config))
}

/** Makes the client of all configured registries; nothing is contacted before the first question. */
export function openUpstreams(
  { upstreams, dockerConfigPaths }: UpstreamFiles,
  { ledger, metrics, clock, log }: { ledger: TagLedger; metrics: Metrics; clock: Clock; log: Log },
  owned: AsyncDisposableStack,
): Upstreams {
  const names = createNameResolver({ clock, log, watchFile: createChangingFile })
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
  return { upstream, settings: upstreams, resolveName: names.resolve }
}
