import { createAuthorizer } from '../adapters/registry/authorize.ts'
import { createNameResolver } from '../adapters/registry/resolve-name.ts'
import { createTransport } from '../adapters/registry/transport.ts'
import { createRegistryUpstream } from '../adapters/registry/upstream.ts'
import type { Config } from '../config/config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { Upstream } from '../ports/upstream.ts'

/** A clock that is behind trusted time by more than this makes certificates look "not yet valid", in ms. */
const clockSlackMs = 60_000

/** Makes the client of all configured registries; nothing is contacted before the first question. */
export async function openUpstreams(
  config: Config,
  { ledger, clock, log }: { ledger: TagLedger; clock: Clock; log: Log },
  owned: AsyncDisposableStack,
): Promise<Upstream> {
  const names = createNameResolver({ clock, log })
  owned.defer(() => names.close())
  const earliestTimeMs = () => ledger.trustedNowMs() - clockSlackMs
  const transport = createTransport({ resolveName: names.resolve, clock, log, earliestTimeMs })
  owned.defer(() => transport.close())
  const authorizer = createAuthorizer({
    transport,
    clock,
    log,
    findCredential: async () => undefined,
  })
  const upstream = createRegistryUpstream(
    { transport, authorizer, clock, log },
    { upstreams: config.upstreams },
  )
  owned.defer(() => upstream.close())
  return upstream
}
