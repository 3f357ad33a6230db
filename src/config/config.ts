import { hostname } from 'node:os'
import { join } from 'node:path'
import { hostPlatform, type Platform } from '../oci/platform.ts'
import { parseRegistry } from '../oci/reference.ts'
import type { ConfigValues } from './schema.ts'

type UpstreamValues = ConfigValues['upstreams'][string]
type AdminValues = ConfigValues['admin']
type StoreValues = ConfigValues['store']

/** Credentials as written by the operator. */
export type UpstreamAuth = NonNullable<UpstreamValues['auth']>
/** How a host's certificate is judged and which one is shown to it. */
export type UpstreamTls = NonNullable<UpstreamValues['tls']>

/** A mirror of an upstream. */
export interface EndpointConfig {
  readonly url: string
  readonly auth: UpstreamAuth | undefined
  readonly tls: UpstreamTls | undefined
  /** Empty: none, even where the environment names one. Absent: as the environment says. */
  readonly proxy: string | undefined
}

/** A registry that may be contacted. */
export interface UpstreamConfig extends Omit<EndpointConfig, 'url'> {
  /** Absent: https:// and the registry's name. */
  readonly url: string | undefined
  /** Asked in order before `url`. */
  readonly endpoints: readonly EndpointConfig[]
  /** Regular expression on the repository → replacement; for `endpoints`, never for `url`. */
  readonly rewrite: Readonly<Record<string, string>>
  /** Further hosts that may receive the credentials as token realm. */
  readonly realms: readonly string[]
  readonly timeouts: Readonly<UpstreamValues['timeouts']>
  /** What overrides `resolve.onFailure`. */
  readonly policies: Readonly<NonNullable<UpstreamValues['policies']>>
}

/** The configuration, complete: sizes in bytes, durations in ms, what depends on the machine worked out. */
export interface Config
  extends Omit<ConfigValues, 'node' | 'platforms' | 'admin' | 'store' | 'upstreams'> {
  readonly node: {
    readonly name: string
    readonly zone: string | undefined
    readonly zoneLabel: string | undefined
    readonly image: string | undefined
  }
  readonly platforms: readonly Platform[]
  readonly admin: Readonly<Omit<AdminValues, 'tokenFile'>> & { readonly tokenFile: string }
  readonly store: Readonly<Omit<StoreValues, 'dir'>> & { readonly dir: string }
  /** By canonical name. */
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
}

/** Works out what was left to the machine: names, directories, and the form of logs on a terminal. */
export function completeConfig(
  values: ConfigValues,
  { prettyLog }: { readonly prettyLog: boolean },
): Config {
  const { dataDir, node, admin, store } = values
  const upstreams = Object.entries(values.upstreams).map(
    ([name, upstream]) => [parseRegistry(name) ?? name, completeUpstream(upstream)] as const,
  )
  return {
    ...values,
    node: {
      name: node.name ?? hostname(),
      zone: node.zone,
      zoneLabel: node.zoneLabel,
      image: node.image,
    },
    platforms: values.platforms ?? [hostPlatform()],
    admin: { ...admin, tokenFile: admin.tokenFile ?? join(dataDir, 'admin.token') },
    store: { ...store, dir: store.dir ?? join(dataDir, 'blobs') },
    upstreams: Object.fromEntries(upstreams),
    log: prettyLog ? { ...values.log, format: 'pretty' } : values.log,
  }
}

function completeUpstream(upstream: UpstreamValues): UpstreamConfig {
  return {
    ...upstream,
    url: upstream.url,
    endpoints: upstream.endpoints.map(({ url, auth, tls, proxy }) => ({ url, auth, tls, proxy })),
    auth: upstream.auth,
    tls: upstream.tls,
    proxy: upstream.proxy,
    policies: upstream.policies ?? {},
  }
}
