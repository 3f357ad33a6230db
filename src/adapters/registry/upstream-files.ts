import { readFile } from 'node:fs/promises'
import { parseRegistry } from '../../oci/reference.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { parseDockerConfig } from './docker-config.ts'
import {
  parseRegistriesYaml,
  type RegistriesFile,
  type RegistriesOptions,
  settingsOfHost,
} from './registries-yaml.ts'
import type { UpstreamSettings, UpstreamsSettings } from './settings.ts'

/** What the files named in `upstreamFiles` yield. */
export interface UpstreamFiles {
  /** The configured upstreams, with what the files add. */
  readonly upstreams: UpstreamsSettings
  /** Those of the files that are Docker's: credentials are read from them again when they change. */
  readonly dockerConfigPaths: readonly string[]
}

/**
 * Reads `registries.yaml` and `config.json` files, told apart by their content, and joins them with the configured upstreams. What is
 * configured wins, key by key; of several files the first. One
 * that cannot be read is passed over while others name upstreams: a node starts without what only the uplink needs.
 * @throws HoldfastError `config-invalid` that names the file, the place in it and the cure
 */
export async function readUpstreamFiles(
  configured: UpstreamsSettings,
  paths: readonly string[],
  options: RegistriesOptions = {},
): Promise<UpstreamFiles> {
  const files: RegistriesFile[] = []
  const dockerConfigPaths: string[] = []
  let unread: Unread | undefined
  for (const path of paths) {
    const text = await readText(path)
    if (typeof text !== 'string') {
      unread ??= text
      continue
    }
    if (isDockerConfig(text)) {
      parseDockerConfig(text, path)
      dockerConfigPaths.push(path)
    } else {
      files.push(parseRegistriesYaml(text, path, options))
    }
  }
  const upstreams = files.reduce(mergeUpstreams, configured)
  if (unread !== undefined && Object.keys(upstreams).length === 0) throw nobodyLeft(unread)
  return { upstreams, dockerConfigPaths }
}

/** Adds what a `registries.yaml` says to what is known: registries, and for those known each key that is not set. */
function mergeUpstreams(
  known: UpstreamsSettings,
  { upstreams, hosts }: RegistriesFile,
): UpstreamsSettings {
  const merged: Record<string, UpstreamSettings> = { ...known }
  for (const [name, upstream] of Object.entries(upstreams)) {
    const key = keyOf(name, merged)
    const own = merged[key]
    merged[key] = own === undefined ? upstream : fill(own, upstream)
  }
  for (const [host, settings] of hosts) {
    const key = keyOf(host, merged)
    // Credentials for a host that only "*" allows need an entry to stand in.
    if (host !== '*' && merged[key] === undefined && merged['*'] !== undefined) {
      merged[key] = { ...merged['*'], ...settings }
    }
  }
  for (const [name, upstream] of Object.entries(merged)) {
    merged[name] = withHosts(name, upstream, hosts)
  }
  return merged
}

function keyOf(name: string, known: UpstreamsSettings): string {
  const canonical = parseRegistry(name) ?? name
  return Object.keys(known).find(key => (parseRegistry(key) ?? key) === canonical) ?? canonical
}

function fill(own: UpstreamSettings, file: UpstreamSettings): UpstreamSettings {
  return {
    ...own,
    url: own.url ?? file.url,
    endpoints: own.endpoints.length > 0 ? own.endpoints : file.endpoints,
    rewrite: Object.keys(own.rewrite).length > 0 ? own.rewrite : file.rewrite,
    auth: own.auth ?? file.auth,
    tls: own.tls ?? file.tls,
  }
}

function withHosts(
  name: string,
  upstream: UpstreamSettings,
  hosts: RegistriesFile['hosts'],
): UpstreamSettings {
  const own = name === '*' ? undefined : settingsOfHost(hosts, hostOf(upstream.url) ?? name)
  return {
    ...upstream,
    auth: upstream.auth ?? own?.auth,
    tls: upstream.tls ?? own?.tls,
    endpoints: upstream.endpoints.map(endpoint => {
      const settings = settingsOfHost(hosts, hostOf(endpoint.url) ?? '')
      return {
        ...endpoint,
        auth: endpoint.auth ?? settings?.auth,
        tls: endpoint.tls ?? settings?.tls,
      }
    }),
  }
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : undefined
}

interface Unread {
  readonly path: string
  readonly cause: unknown
}

function nobodyLeft({ path, cause }: Unread): HoldfastError {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException
  const message = `no registry can be asked, because ${path} cannot be read (${code}): mend the path in upstreamFiles, let Holdfast read it, or name registries under upstreams`
  return new HoldfastError('config-invalid', message, cause)
}

async function readText(path: string): Promise<string | Unread> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    return { path, cause }
  }
}

// JSON is YAML too: what tells them apart is what is in it.
function isDockerConfig(text: string): boolean {
  return /^\s*\{/.test(text) && !/"(?:mirrors|configs)"\s*:/.test(text)
}
