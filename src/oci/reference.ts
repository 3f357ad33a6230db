import { type Digest, parseDigest } from './digest.ts'
import { OciError } from './errors.ts'

/** A repository in a registry; both in canonical form, so that two equal ones are equal texts. */
export interface Repository {
  /** `host`, `host:port` or `[ipv6]:port`, lower case; `docker.io` for Docker Hub. */
  readonly registry: string
  /** With `library/` where Docker Hub implies it. */
  readonly repository: string
}

/** What the ledger remembers something about: one tag of one repository. */
export interface TagReference extends Repository {
  readonly tag: string
}

/** What a person or a pod spec names: a repository with a tag, a digest, or both (then the digest decides). */
export interface Reference extends Repository {
  readonly tag: string | undefined
  readonly digest: Digest | undefined
}

/** A repository with what names an image in it: a tag, or a digest, which decides where both are given. */
export interface ImageName extends Repository {
  readonly tag?: string | undefined
  readonly digest?: Digest | undefined
}

/** Characters. Source: https://github.com/distribution/reference/blob/v0.6.0/reference.go (grammar and limits). */
const maxRepositoryLength = 255
const maxHostLength = 253

const repositoryGrammar =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tagGrammar = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const labelGrammar = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const portGrammar = /^[1-9][0-9]{0,4}$/
const imageIdGrammar = /^[0-9a-f]{64}$/

const dockerHub = 'docker.io'
const dockerHubAliases: ReadonlySet<string> = new Set([
  dockerHub,
  'index.docker.io',
  'registry-1.docker.io',
])

/** Whether this is a repository name by the distribution spec, without a registry before it. */
export function isRepositoryName(text: string): boolean {
  return text.length <= maxRepositoryLength && repositoryGrammar.test(text)
}

/** Whether this is a tag by the distribution spec. */
export function isTag(text: string): boolean {
  return tagGrammar.test(text)
}

/**
 * Whether the first component of a name stands for a registry: it has a dot, a colon, or is `localhost`. Anything else is the first
 * part of a repository on the default registry.
 */
export function looksLikeRegistry(component: string): boolean {
  return /[.:]/.test(component) || component.toLowerCase() === 'localhost'
}

/**
 * The canonical form of a registry: lower case, IPv6 in its shortest form, Docker Hub's other names as `docker.io`. `undefined` when
 * it is none, which includes a bare word (`myregistry`): no reference could ever name it.
 */
export function parseRegistry(text: string): string | undefined {
  const lower = text.toLowerCase()
  if (!looksLikeRegistry(lower)) return undefined
  const { host, port } = splitPort(lower)
  if (port !== undefined && !isPort(port)) return undefined
  const canonical = host.startsWith('[') ? canonicalIpv6(host) : canonicalHost(host)
  if (canonical === undefined) return undefined
  if (port !== undefined) return `${canonical}:${port}`
  return dockerHubAliases.has(canonical) ? dockerHub : canonical
}

function splitPort(text: string): { host: string; port: string | undefined } {
  const colon = text.indexOf(':', text.startsWith('[') ? text.indexOf(']') : 0)
  return colon < 0
    ? { host: text, port: undefined }
    : { host: text.slice(0, colon), port: text.slice(colon + 1) }
}

const isPort = (text: string): boolean => portGrammar.test(text) && Number(text) <= 65_535

function canonicalHost(host: string): string | undefined {
  const valid = host.length <= maxHostLength && host.split('.').every(l => labelGrammar.test(l))
  return valid ? host : undefined
}

function canonicalIpv6(host: string): string | undefined {
  if (host.length > 48 || !/^\[[0-9a-f:.]+\]$/.test(host)) return undefined
  const url = URL.parse(`http://${host}/`)
  return url === null ? undefined : url.hostname
}

/** Puts a name on a registry. Docker Hub's one-word names lie under `library/`. Both are canonical already. */
export function repositoryOn(registry: string, name: string): Repository {
  const implied = registry === dockerHub && !name.includes('/')
  return { registry, repository: implied ? `library/${name}` : name }
}

/**
 * Reads a reference as Docker and Kubernetes do: `nginx` is `docker.io/library/nginx:latest`. Throws {@link OciError} with
 * `NAME_INVALID`, `TAG_INVALID` or `DIGEST_INVALID`.
 */
export function parseReference(text: string): Reference {
  const { name, tag, digest } = splitReference(text)
  if (tag !== undefined && !isTag(tag)) {
    const why = 'letters, digits, _, . and -, at most 128 characters'
    throw new OciError('TAG_INVALID', `no tag: ${quote(tag)} (${why})`)
  }
  const parsed = digest === undefined ? undefined : parseDigest(digest)
  if (digest !== undefined && parsed === undefined) {
    throw new OciError('DIGEST_INVALID', `no sha256 or sha512 digest: ${quote(digest)}`)
  }
  const at = parseName(name)
  return { ...at, tag: tag ?? (parsed === undefined ? 'latest' : undefined), digest: parsed }
}

function splitReference(text: string): {
  name: string
  tag: string | undefined
  digest: string | undefined
} {
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  const named = at < 0 ? text : text.slice(0, at)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  return colon < 0
    ? { name: named, tag: undefined, digest }
    : { name: named.slice(0, colon), tag: named.slice(colon + 1), digest }
}

function parseName(name: string): Repository {
  // Docker keeps 64 hex digits for image ids, so that a mistyped id is never looked for on the Hub.
  if (imageIdGrammar.test(name)) throw invalidName(name, 'it is an image id')
  const slash = name.indexOf('/')
  const first = name.slice(0, slash)
  if (slash < 0 || !looksLikeRegistry(first)) return checked(repositoryOn(dockerHub, name), name)
  const registry = parseRegistry(first)
  if (registry === undefined) throw invalidName(name, `${quote(first)} is no registry host`)
  return checked(repositoryOn(registry, name.slice(slash + 1)), name)
}

function checked(repository: Repository, text: string): Repository {
  if (!isRepositoryName(repository.repository)) {
    throw invalidName(text, `lower-case components, at most ${maxRepositoryLength} characters`)
  }
  return repository
}

/** Whether it is the tag that names the image. */
export const isTagName = (name: ImageName): name is TagReference =>
  name.tag !== undefined && name.digest === undefined

/** The tag that a reference names. Throws {@link OciError} where it names a digest: there is nothing to resolve. */
export function parseTag(text: string): TagReference {
  const { registry, repository, tag, digest } = parseReference(text)
  if (tag === undefined || digest !== undefined) {
    throw new OciError('TAG_INVALID', `${text} names a digest: only tags are resolved`)
  }
  return { registry, repository, tag }
}

/**
 * Reads a name that says its registry; `undefined` for any other: a short name, an image's id, what was imported without a name. So do
 * runtimes name the images they hold.
 */
export function parseFullReference(text: string): Reference | undefined {
  const [first = '', ...rest] = text.split('/')
  if (rest.length === 0 || !looksLikeRegistry(first) || parseDigest(text) !== undefined) {
    return undefined
  }
  try {
    return parseReference(text)
  } catch {
    return undefined
  }
}

const invalidName = (name: string, why: string): OciError =>
  new OciError('NAME_INVALID', `no repository name: ${quote(name)} (${why})`)

/** A text from outside, fit for a message: escaped, and cut when long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}

/** `docker.io/library/nginx` */
export function formatRepository(repository: Repository): string {
  return `${repository.registry}/${repository.repository}`
}

/** `docker.io/library/nginx:latest` */
export function formatTag(key: TagReference): string {
  return `${formatRepository(key)}:${key.tag}`
}

/** `docker.io/library/nginx:latest@sha256:…`, with what it has; {@link parseReference} reads it back. */
export function formatReference(reference: ImageName): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`
  return formatRepository(reference) + tag + digest
}
