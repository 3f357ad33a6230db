import type { ChangingFile } from '../../ports/changing-file.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { createChangingFile } from './changing-file.ts'
import type { Credential, FindCredential } from './credential.ts'
import { type AskHelper, createAskHelper } from './credential-helper.ts'
import {
  canonicalHost,
  type DockerConfig,
  dockerHubServer,
  parseDockerConfig,
} from './docker-config.ts'
import type { AuthSettings, EndpointSettings } from './settings.ts'

/**
 * Makes the finder: what is written for the endpoint goes first, then each `config.json` in order (its helper for the host, its
 * entry, its store). Files are read again when they change; a broken one is logged once and its last good content is used on.
 */
export function createFindCredential(
  needs: { readonly clock: Clock; readonly log: Log },
  options: {
    /** Docker's `config.json` files. */
    readonly dockerConfigPaths?: readonly string[]
    readonly askHelper?: AskHelper
  } = {},
): FindCredential {
  const { log } = needs
  const askHelper = options.askHelper ?? createAskHelper(needs)
  const secrets = createSecretFiles(log)
  const configs = (options.dockerConfigPaths ?? []).map(path => createConfigFile(path, log))

  async function fromConfig(config: DockerConfig, host: string): Promise<Credential | undefined> {
    const server = host === 'docker.io' ? dockerHubServer : (config.writtenAs.get(host) ?? host)
    const helper = config.helpers.get(host)
    const helped = helper === undefined ? undefined : await askHelper(helper, server)
    const found = helped ?? config.auths.get(host)
    if (found !== undefined || config.store === undefined) return found
    return askHelper(config.store, server)
  }

  return async function findCredential({ url, auth }: EndpointSettings) {
    const written = await fromSettings(auth, secrets)
    if (written !== undefined) return written
    const host = canonicalHost(new URL(url).host)
    if (host === undefined) return undefined
    for (const readConfig of configs) {
      const config = await readConfig()
      const found = config === undefined ? undefined : await fromConfig(config, host)
      if (found !== undefined) return found
    }
    return undefined
  }
}

async function fromSettings(
  auth: AuthSettings | undefined,
  readSecret: (path: string) => Promise<string | undefined>,
): Promise<Credential | undefined> {
  if (auth === undefined) return undefined
  const { username = '', tokenFile, passwordFile, identityToken } = auth
  const token = tokenFile === undefined ? auth.token : await readSecret(tokenFile)
  if (token !== undefined && token !== '') return { kind: 'bearer', token }
  if (identityToken !== undefined && identityToken !== '') {
    return { kind: 'identity', token: identityToken, username }
  }
  const password = passwordFile === undefined ? auth.password : await readSecret(passwordFile)
  if (username === '' || password === undefined) return undefined
  return { kind: 'basic', username, password }
}

/** Reads one-line secrets; tells once when one cannot be read, and again after it could. */
function createSecretFiles(log: Log) {
  const files = new Map<string, ChangingFile>()
  const missing = new Set<string>()

  return async function readSecret(path: string): Promise<string | undefined> {
    const file = files.get(path) ?? createChangingFile(path)
    files.set(path, file)
    const present = await file.read().catch(() => undefined)
    if (present !== undefined) {
      missing.delete(path)
      return present.text.trim()
    }
    if (!missing.has(path)) log.warn({ path }, 'credential file is missing or cannot be read')
    missing.add(path)
    return undefined
  }
}

function createConfigFile(path: string, log: Log): () => Promise<DockerConfig | undefined> {
  const file = createChangingFile(path)
  let version = 0
  let config: DockerConfig | undefined

  return async function readConfig() {
    const present = await file.read().catch(() => undefined)
    if (present === undefined || present.version === version) return config
    version = present.version
    try {
      config = parseDockerConfig(present.text, path)
    } catch (err) {
      log.warn({ path, err }, 'credentials cannot be read')
    }
    return config
  }
}
