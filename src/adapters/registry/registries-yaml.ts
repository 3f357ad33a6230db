import { isIP } from 'node:net'
import { LineCounter, parseDocument } from 'yaml'
import { HoldfastError } from '../../ports/errors.ts'
import { classifyAddress } from './address-guard.ts'
import { canonicalHost } from './docker-config.ts'
import { withoutBrackets } from './origin.ts'
import { defaultUpstream } from './presets.ts'
import { checkRewrite } from './rewrite.ts'
import type {
  AuthSettings,
  EndpointConfig,
  TlsSettings,
  UpstreamSettings,
  UpstreamsSettings,
} from './settings.ts'

/** What `configs` says about one host. */
export interface HostSettings {
  readonly auth: AuthSettings | undefined
  readonly tls: TlsSettings | undefined
}

/** A `registries.yaml` of K3s or RKE2. */
export interface RegistriesFile {
  /** From `mirrors`. */
  readonly upstreams: UpstreamsSettings
  /** From `configs`, by `host` or `host:port` as written; `"*"` for every other host. */
  readonly hosts: ReadonlyMap<string, HostSettings>
}

/** Options of {@link parseRegistriesYaml}. */
export interface RegistriesOptions {
  /** `host:port` on which Holdfast itself listens: an endpoint there is left out, or it would ask itself. */
  readonly ownAddresses?: readonly string[]
}

/**
 * Reads a `registries.yaml` (https://docs.k3s.io/installation/private-registry).
 * @throws HoldfastError `config-invalid` that names the file, the place in it and the cure, never a credential
 */
export function parseRegistriesYaml(
  text: string,
  path: string,
  { ownAddresses = [] }: RegistriesOptions = {},
): RegistriesFile {
  const file = asRecord(parseYaml(text, path), `${path}: the whole`)
  const hosts = new Map<string, HostSettings>()
  const own = new Set(ownAddresses.map(canonicalAddress))
  for (const [host, config] of Object.entries(asRecord(file.configs, `${path}: configs`))) {
    hosts.set(host, readHost(asRecord(config, `${path}: configs["${host}"]`), path, host))
  }
  const mirrors = Object.entries(asRecord(file.mirrors, `${path}: mirrors`)).map(
    ([name, mirror]) => {
      const at = `${path}: mirrors["${name}"]`
      return [name, readMirror(asRecord(mirror, at), name, at, hosts, own)] as const
    },
  )
  return { upstreams: Object.fromEntries(mirrors), hosts }
}

/** What is written for a host, if anything. */
export function settingsOfHost(
  hosts: RegistriesFile['hosts'],
  host: string,
): HostSettings | undefined {
  const wanted = canonicalHost(host)
  const [, found] = [...hosts].find(([written]) => canonicalHost(written) === wanted) ?? []
  return found ?? hosts.get('*')
}

function readMirror(
  mirror: YamlRecord,
  name: string,
  at: string,
  hosts: RegistriesFile['hosts'],
  own: ReadonlySet<string>,
): UpstreamSettings {
  const rewrite = mapValues(asRecord(mirror.rewrite, `${at}.rewrite`), (to, from) =>
    asText(to, `${at}.rewrite["${from}"]`),
  )
  checkRewrite(rewrite, `${at}.rewrite`)
  const endpoints = listAt(mirror, 'endpoint', at)
    .map((endpoint, i) =>
      readEndpoint(asText(endpoint, `${at}.endpoint[${i}]`), `${at}.endpoint[${i}]`),
    )
    .filter(url => !own.has(canonicalAddress(url.host)))
    .map((url): EndpointConfig => ({ url: url.href, ...settingsOfHost(hosts, url.host) }))
  // A registry on this machine speaks plain http there too, as K3s has it.
  const url = isLocalOddPort(name) ? `http://${name}` : undefined
  return { ...defaultUpstream, ...settingsOfHost(hosts, name), url, endpoints, rewrite }
}

function readEndpoint(text: string, at: string): URL {
  const scheme = text.includes('://') ? '' : isLocalOddPort(text) ? 'http://' : 'https://'
  const url = URL.canParse(scheme + text) ? new URL(scheme + text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw invalid(at, 'is no URL such as https://registry.example:5000')
}

/** Without a scheme K3s takes http for this machine on a port of its own, https for all else. */
function isLocalOddPort(address: string): boolean {
  const url = URL.canParse(`https://${address}`) ? new URL(`https://${address}`) : undefined
  return url !== undefined && url.port !== '' && isThisMachine(url.hostname)
}

function isThisMachine(hostname: string): boolean {
  const host = withoutBrackets(hostname)
  return host === 'localhost' || (isIP(host) !== 0 && classifyAddress(host) === 'loopback')
}

function canonicalAddress(address: string): string {
  const url = URL.canParse(`http://${address}`) ? new URL(`http://${address}`) : undefined
  if (url === undefined) return address
  return isThisMachine(url.hostname) ? `localhost:${url.port}` : url.host
}

function readHost(config: YamlRecord, path: string, host: string): HostSettings {
  const at = `${path}: configs["${host}"]`
  const { auth, tls } = config
  return {
    auth: isAbsent(auth) ? undefined : readAuth(asRecord(auth, `${at}.auth`), `${at}.auth`),
    tls: isAbsent(tls) ? undefined : readTls(asRecord(tls, `${at}.tls`), `${at}.tls`),
  }
}

function readAuth(auth: YamlRecord, at: string): AuthSettings {
  const identityToken = textAt(auth, 'identity_token', at)
  const token = textAt(auth, 'token', at)
  const pair = textAt(auth, 'auth', at)
  if (pair === undefined) {
    const username = textAt(auth, 'username', at)
    return { username, password: textAt(auth, 'password', at), identityToken, token }
  }
  const [username = '', ...rest] = Buffer.from(pair, 'base64').toString().split(':')
  if (rest.length === 0) throw invalid(`${at}.auth`, 'is not base64 of "user:password"')
  return { username, password: rest.join(':'), identityToken, token }
}

function readTls(tls: YamlRecord, at: string): TlsSettings {
  const { insecure_skip_verify: skip } = tls
  if (!isAbsent(skip) && typeof skip !== 'boolean') {
    throw invalid(`${at}.insecure_skip_verify`, 'is neither true nor false')
  }
  return {
    caFile: textAt(tls, 'ca_file', at),
    certFile: textAt(tls, 'cert_file', at),
    keyFile: textAt(tls, 'key_file', at),
    insecureSkipVerify: skip === true,
  }
}

interface YamlRecord {
  readonly [key: string]: unknown
  readonly auth?: unknown
  readonly tls?: unknown
  readonly insecure_skip_verify?: unknown
  readonly mirrors?: unknown
  readonly configs?: unknown
  readonly rewrite?: unknown
}

function parseYaml(text: string, path: string): unknown {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const [error] = document.errors
  if (error !== undefined) {
    // The parser's own message shows a piece of the text.
    const { line, col } = lines.linePos(error.pos[0])
    throw invalid(`${path}: line ${line}, column ${col}`, `is not YAML (${error.code})`)
  }
  try {
    return document.toJS()
  } catch {
    throw invalid(path, 'its aliases have no end')
  }
}

function listAt(record: YamlRecord, key: string, at: string): readonly unknown[] {
  const value = record[key]
  if (isAbsent(value)) return []
  if (Array.isArray(value)) return value
  throw invalid(`${at}.${key}`, 'is not a list: write ["https://registry.example:5000"]')
}

function textAt(record: YamlRecord, key: string, at: string): string | undefined {
  const value = record[key]
  return isAbsent(value) || value === '' ? undefined : asText(value, `${at}.${key}`)
}

// An entry may be left empty: `docker.io:` is a mapping without keys.
function asRecord(value: unknown, at: string): YamlRecord {
  if (isAbsent(value)) return {}
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw invalid(at, 'is not a mapping: write keys with their values below it')
}

function asText(value: unknown, at: string): string {
  if (typeof value === 'string') return value
  throw invalid(at, 'is not text: put it in quotes')
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function mapValues(
  record: YamlRecord,
  map: (value: unknown, key: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]))
}

function invalid(at: string, fault: string): HoldfastError {
  return new HoldfastError('config-invalid', `${at} ${fault}`)
}
