import type { IncomingMessage, ServerResponse } from 'node:http'
import { LRUCache } from 'lru-cache'
import { OciError } from '../oci/errors.ts'
import type { Repository, TagReference } from '../oci/reference.ts'
import { locateRepository, parseRequestPath, type RegistryRequest } from '../oci/request-path.ts'
import { queryValue } from './query-value.ts'
import { headerText } from './send-answer.ts'

/** A request about a repository, read. */
export type RepositoryRequest = Exclude<RegistryRequest, { kind: 'base' | 'catalog' }>

/** What a URL asks, and where that lies. */
export interface Asked {
  readonly kind: 'asked'
  readonly about: RepositoryRequest
  readonly repository: Repository
  /** The same repository with the tag, when a tag is asked. */
  readonly key: TagReference | undefined
  /** What `OCI-Namespace` says: `ns` as the client wrote it, else the registry. */
  readonly namespace: string
  /** Without its question mark. */
  readonly query: string
  /** The path as the client wrote it; `Link` headers repeat it. */
  readonly path: string
}

/** What a URL turned out to be. */
export type ReadUrl = Asked | { readonly kind: 'base' } | { readonly kind: 'catalog' } | OciError

/** A question to the mirror, read and located, with the means to answer it. */
export interface Question {
  readonly asked: Asked
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly isHead: boolean
  /** Aborts when the answer is overdue. */
  readonly signal: AbortSignal
}

/** Longer URLs are read anew each time, so that nobody can fill the memory with them. Characters. */
const maxRememberedLength = 512

/**
 * Reads request URLs. A cluster asks for the same few tags over and over, so the last thousand readings are remembered.
 */
export function createReadUrl({
  defaultRegistry,
}: {
  /** The registry of names that do not begin with one. */
  readonly defaultRegistry: string
}): (url: string) => ReadUrl {
  const remembered = new LRUCache<string, Asked>({ max: 1000 })

  return url => {
    const known = remembered.get(url)
    if (known !== undefined) return known
    const read = readUrl(url, defaultRegistry)
    const isAsked = !(read instanceof OciError) && read.kind === 'asked'
    if (isAsked && url.length <= maxRememberedLength) remembered.set(url, read)
    return read
  }
}

function readUrl(url: string, defaultRegistry: string): ReadUrl {
  const { path, query } = splitUrl(url)
  const about = parseRequestPath(path)
  if (about instanceof OciError) return about
  if (about.kind === 'base' || about.kind === 'catalog') return about
  const ns = queryValue(query, 'ns')
  const repository = locateRepository(about.name, ns, defaultRegistry)
  if (repository instanceof OciError) return repository
  const tag = about.kind === 'manifest' ? about.tag : undefined
  return {
    kind: 'asked',
    about,
    repository,
    key: tag === undefined ? undefined : { ...repository, tag },
    namespace: headerText(ns ?? repository.registry),
    query,
    path,
  }
}

/** A request target is a path, or a whole URL when the client takes us for a proxy. */
function splitUrl(url: string): { path: string; query: string } {
  const target = url.startsWith('/') ? url : url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '')
  const mark = target.indexOf('?')
  return mark < 0
    ? { path: target, query: '' }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}
