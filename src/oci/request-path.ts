import { type Digest, parseDigest } from './digest.ts'
import { OciError } from './errors.ts'
import {
  isRepositoryName,
  isTag,
  looksLikeRegistry,
  parseRegistry,
  quote,
  type Repository,
  repositoryOn,
} from './reference.ts'

/**
 * What a request under `/v2/` asks about. `name` is as the client wrote it, possibly with a registry before the repository:
 * {@link locateRepository} tells which. A manifest has a tag or a digest, never both.
 */
export type RegistryRequest =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | {
      readonly kind: 'manifest'
      readonly name: string
      readonly tag: string
      readonly digest?: undefined
    }
  | {
      readonly kind: 'manifest'
      readonly name: string
      readonly tag?: undefined
      readonly digest: Digest
    }
  | { readonly kind: 'blob'; readonly name: string; readonly digest: Digest }
  | { readonly kind: 'tags'; readonly name: string }
  | { readonly kind: 'referrers'; readonly name: string; readonly digest: Digest }
  | { readonly kind: 'upload'; readonly name: string }

/** Characters, encoded: beyond the longest host, repository and sha512 digest with every character escaped. */
const maxPathLength = 3 * 1024

/**
 * Reads the path of a request, as it stands in the request line and without the query; it is percent-decoded here, once. Read from the
 * end, because a repository may have `blobs`, `manifests` or `tags` among its components. Returns the error to answer with when the
 * name, tag or digest is malformed (`NAME_INVALID`, `TAG_INVALID`, `DIGEST_INVALID`) or there is no such endpoint (`NAME_UNKNOWN`).
 * Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
 */
export function parseRequestPath(path: string): RegistryRequest | OciError {
  const decoded = decode(path)
  if (decoded === '/v2/' || decoded === '/v2') return { kind: 'base' }
  if (decoded === '/v2/_catalog') return { kind: 'catalog' }
  if (!decoded?.startsWith('/v2/')) return unknownEndpoint(path)
  const segments = decoded.slice('/v2/'.length).split('/')
  return readUpload(segments) ?? readEndpoint(segments) ?? unknownEndpoint(path)
}

function decode(path: string): string | undefined {
  if (path.length > maxPathLength) return undefined
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/** `<name>/blobs/uploads`, then nothing, `/` or `/<session>`. */
function readUpload(segments: readonly string[]): RegistryRequest | OciError | undefined {
  const end = segments.at(-1) === 'uploads' ? segments.length : segments.length - 1
  if (segments[end - 1] !== 'uploads' || segments[end - 2] !== 'blobs') return undefined
  return withName(segments.slice(0, end - 2), name => ({ kind: 'upload', name }))
}

function readEndpoint(segments: readonly string[]): RegistryRequest | OciError | undefined {
  const name = segments.slice(0, -2)
  const last = segments.at(-1) ?? ''
  switch (segments.at(-2)) {
    case 'manifests':
      return last.includes(':')
        ? withDigest(name, last, at => ({ kind: 'manifest', ...at }))
        : withTag(name, last)
    case 'blobs':
      return withDigest(name, last, at => ({ kind: 'blob', ...at }))
    case 'referrers':
      return withDigest(name, last, at => ({ kind: 'referrers', ...at }))
    case 'tags':
      return last === 'list' ? withName(name, text => ({ kind: 'tags', name: text })) : undefined
    default:
      return undefined
  }
}

function withName(
  segments: readonly string[],
  make: (name: string) => RegistryRequest,
): RegistryRequest | OciError {
  const name = segments.join('/')
  return isName(name) ? make(name) : invalidName(name)
}

function withTag(segments: readonly string[], tag: string): RegistryRequest | OciError {
  if (!isTag(tag)) return new OciError('TAG_INVALID', `no tag: ${quote(tag)}`)
  return withName(segments, name => ({ kind: 'manifest', name, tag }))
}

function withDigest(
  segments: readonly string[],
  text: string,
  make: (at: { name: string; digest: Digest }) => RegistryRequest,
): RegistryRequest | OciError {
  const digest = parseDigest(text)
  if (digest === undefined) {
    return new OciError('DIGEST_INVALID', `no sha256 or sha512 digest: ${quote(text)}`)
  }
  return withName(segments, name => make({ name, digest }))
}

/**
 * Which repository a request's name means. With `ns` (the query parameter that containerd adds, decoded) the name is all repository;
 * without it a first component that looks like a registry is one (`docker.io/library/nginx`), else the name lies on `defaultRegistry`.
 * Returns `NAME_INVALID` when the parts are none.
 */
export function locateRepository(
  name: string,
  ns: string | undefined,
  defaultRegistry: string,
): Repository | OciError {
  if (ns !== undefined) return onRegistry(ns, name)
  const split = splitName(name)
  return split === undefined
    ? invalidName(name)
    : onRegistry(split.registry ?? defaultRegistry, split.repository)
}

function onRegistry(registryText: string, name: string): Repository | OciError {
  const registry = parseRegistry(registryText)
  if (registry === undefined) {
    return new OciError('NAME_INVALID', `no registry host: ${quote(registryText)}`)
  }
  const located = repositoryOn(registry, name)
  return isRepositoryName(located.repository) ? located : invalidName(name)
}

/** A name without `ns`, in its parts; `undefined` when it is none. */
function splitName(name: string): { registry: string | undefined; repository: string } | undefined {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  if (!looksLikeRegistry(first)) return { registry: undefined, repository: name }
  const registry = parseRegistry(first)
  return registry === undefined ? undefined : { registry, repository: name.slice(slash + 1) }
}

/** Whether a name can mean a repository, with or without `ns` (which the path does not show). */
function isName(name: string): boolean {
  return isRepositoryName(name) || isRepositoryName(splitName(name)?.repository ?? '')
}

const invalidName = (name: string): OciError =>
  new OciError('NAME_INVALID', `no repository name: ${quote(name)}`)

const unknownEndpoint = (path: string): OciError =>
  new OciError('NAME_UNKNOWN', `no endpoint of the distribution spec: ${quote(path)}`)
