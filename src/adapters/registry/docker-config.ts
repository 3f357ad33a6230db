import { HoldfastError } from '../../ports/errors.ts'
import type { Credential } from './credential.ts'

/** What Docker's `config.json` says about credentials. */
export interface DockerConfig {
  /** By canonical host (see {@link canonicalHost}). */
  readonly auths: ReadonlyMap<string, Credential>
  /** Names of helpers (`docker-credential-NAME`) by canonical host. */
  readonly helpers: ReadonlyMap<string, string>
  /** The helper for every other host. */
  readonly store: string | undefined
  /** How a host is written in the file: a store wants to be asked in the same words. */
  readonly writtenAs: ReadonlyMap<string, string>
}

/** The name under which Docker itself keeps its credentials for docker.io. */
export const dockerHubServer = 'https://index.docker.io/v1/'

/**
 * Host and port of a server as credentials are filed: without scheme and path, Docker's own in one form. `undefined` for a name with a
 * path of its own, which stands for less than the host.
 */
export function canonicalHost(server: string): string | undefined {
  const [host = '', ...path] = server.replace(/^https?:\/\//i, '').split('/')
  if (host === '' || !['', 'v1', 'v2'].includes(path.join('/').replace(/\/$/, ''))) return undefined
  const lower = host.toLowerCase()
  return ['index.docker.io', 'registry-1.docker.io', 'docker.io'].includes(lower)
    ? 'docker.io'
    : lower.replace(/:443$/, '')
}

/**
 * Reads a `config.json`.
 * @throws HoldfastError `config-invalid` that names the file, the place in it and the cure, never its content
 */
export function parseDockerConfig(text: string, path: string): DockerConfig {
  const config = asRecord(parseJson(text, path), path, 'the whole')
  const auths = new Map<string, Credential>()
  const helpers = new Map<string, string>()
  const writtenAs = new Map<string, string>()

  for (const [server, entry] of Object.entries(recordAt(config, 'auths', path))) {
    const host = canonicalHost(server)
    if (host === undefined) continue
    writtenAs.set(host, server)
    const credential = readAuth(asRecord(entry, path, `auths["${server}"]`), path, server)
    if (credential !== undefined) auths.set(host, credential)
  }
  for (const [server, name] of Object.entries(recordAt(config, 'credHelpers', path))) {
    const host = canonicalHost(server)
    if (host === undefined) continue
    helpers.set(host, helperName(name, path, `credHelpers["${server}"]`))
    writtenAs.set(host, server)
  }
  const { credsStore } = config as { credsStore?: unknown }
  const hasStore = credsStore !== undefined && credsStore !== ''
  const store = hasStore ? helperName(credsStore, path, 'credsStore') : undefined
  return { auths, helpers, store, writtenAs }
}

interface AuthEntry {
  readonly auth?: unknown
  readonly username?: unknown
  readonly password?: unknown
  readonly identitytoken?: unknown
  readonly registrytoken?: unknown
}

function readAuth(entry: AuthEntry, path: string, server: string): Credential | undefined {
  const { auth, username, password, identitytoken, registrytoken } = entry
  if (isText(registrytoken)) return { kind: 'bearer', token: registrytoken }
  const pair = isText(auth) ? splitAuth(auth, path, server) : { username, password }
  if (isText(identitytoken)) {
    const name = isText(pair.username) ? pair.username : ''
    return { kind: 'identity', token: identitytoken, username: name }
  }
  if (!isText(pair.username) || !isText(pair.password)) return undefined
  return { kind: 'basic', username: pair.username, password: pair.password }
}

function splitAuth(auth: string, path: string, server: string) {
  const pair = Buffer.from(auth, 'base64').toString()
  const colon = pair.indexOf(':')
  // Docker pads with NULs, as its own reader knows.
  const password = pair.slice(colon + 1).replace(/\0+$/, '')
  if (colon > 0) return { username: pair.slice(0, colon), password }
  throw invalid(path, `auths["${server}"].auth`, 'is not base64 of "user:password": log in again')
}

function helperName(value: unknown, path: string, at: string): string {
  // It becomes part of a program's name, so no path may be in it.
  if (typeof value === 'string' && /^[\w.-]+$/.test(value)) return value
  throw invalid(path, at, 'is not the name of a credential helper, such as "pass"')
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message shows a piece of the text.
    throw invalid(path, 'the whole', 'is not JSON: log in again, or mend it by hand')
  }
}

function recordAt(config: Readonly<Record<string, unknown>>, key: string, path: string) {
  const value = config[key]
  return value === undefined || value === null ? {} : asRecord(value, path, key)
}

function asRecord(value: unknown, path: string, at: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw invalid(path, at, 'is not an object: put { } there')
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function invalid(path: string, at: string, fault: string): HoldfastError {
  return new HoldfastError('config-invalid', `${path}: ${at} ${fault}`)
}
