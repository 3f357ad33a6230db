import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { formatListen } from '../config/listen.ts'
import { createAdmission } from '../http/admission.ts'
import { createMirror } from '../http/mirror.ts'
import { silentObserver } from '../http/mirror-observer.ts'
import { createTokenFile } from '../http/token-file.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Mode } from '../pull/ladder.ts'
import type { Content } from './content.ts'
import type { Pull } from './resolution.ts'
import type { Upstreams } from './upstreams.ts'

/** What the faces show. */
export interface FaceParts {
  readonly database: OpenedLedger
  readonly content: Content
  readonly upstreams: Upstreams
  readonly pull: Pull
  readonly clock: Clock
  readonly log: Log
  readonly mode: () => Mode
}

/** Builds all listeners, then opens them: nobody is answered by half a node. */
export async function wireFaces(
  config: Config,
  parts: FaceParts,
  owned: AsyncDisposableStack,
): Promise<{ mirror: string; admin: string; health: string }> {
  const { pull, content, clock, log } = parts
  const { upstream } = parts.upstreams
  const { tokenFile, allow } = config.mirror
  const mirror = createMirror(
    {
      resolveTag: pull.resolveTag,
      getManifest: (repository, digest, signal) => {
        pull.given.fetched(digest)
        return pull.manifests.get(repository, digest, signal)
      },
      openBlob: pull.blobs.open,
      statBlob: pull.blobs.stat,
      listTags: pull.listTags,
      listReferrers: pull.listReferrers,
      isManifest: digest => content.graph.manifest(digest) !== undefined,
      isServed: upstream.isConfigured,
      admission: createAdmission({
        allow,
        tokenFile: tokenFile === undefined ? undefined : createTokenFile(tokenFile, { clock }),
      }),
      clock,
      log,
      observer: silentObserver,
    },
    {
      address: config.mirror.listen,
      defaultRegistry: config.mirror.defaultUpstream,
    },
  )
  owned.defer(() => mirror.close())
  const address = formatListen(await mirror.listen())
  return { mirror: address, admin: '', health: '' }
}
