import { type Digest, parseDigest } from '../../oci/digest.ts'
import { isRepositoryName, parseRegistry, type Repository } from '../../oci/reference.ts'
import type { PeerPriority } from '../../ports/peer-port.ts'

/** What a request asks for. */
export type Question =
  | { readonly kind: 'call' | 'stream'; readonly subject: string }
  | {
      readonly kind: 'blob'
      readonly digest: Digest
      readonly repository: Repository
      readonly relay: boolean
      readonly priority: PeerPriority
    }
  | { readonly kind: 'manifest'; readonly digest: Digest; readonly repository: Repository }
  | {
      readonly kind: 'chunks'
      readonly digest: Digest
      readonly repository: Repository
      readonly first: number
      readonly last: number | undefined
    }

const subjectGrammar = /^[a-z0-9-]{1,40}(?:\/[a-z0-9-]{1,40}){0,3}$/

const kinds: ReadonlyMap<string, 'blob' | 'manifest' | 'chunks'> = new Map([
  ['blobs', 'blob'],
  ['manifests', 'manifest'],
  ['chunks', 'chunks'],
])

/** Whether this names something that can be called or streamed. */
export const isSubject = (text: string): boolean => subjectGrammar.test(text)

/** Reads a request. `undefined`: it is none of ours. */
export function readQuestion(method: string, target: string): Question | undefined {
  const [path = '', query = ''] = target.split('?', 2)
  const [, head, kind = '', item = ''] = /^\/(peer\/1)\/([a-z]+)\/(.+)$/.exec(path) ?? []
  if (head === undefined) return undefined
  if (method === 'POST') return readSubject(kind, item)
  const of = kinds.get(kind)
  if (method !== 'GET' || of === undefined) return undefined
  return readContent(of, item, new URLSearchParams(query))
}

function readSubject(kind: string, subject: string): Question | undefined {
  if (kind !== 'call' && kind !== 'stream') return undefined
  return isSubject(subject) ? { kind, subject } : undefined
}

function readContent(
  kind: 'blob' | 'manifest' | 'chunks',
  item: string,
  query: URLSearchParams,
): Question | undefined {
  const digest = parseDigest(item)
  const repository = parseRepository(query.get('repository') ?? '')
  if (digest === undefined || repository === undefined) return undefined
  if (kind === 'manifest') return { kind, digest, repository }
  if (kind === 'blob') {
    const priority = query.get('priority') === 'background' ? 'background' : 'pull'
    return { kind, digest, repository, relay: query.get('relay') === '1', priority }
  }
  const first = readNumber(query.get('first') ?? '0')
  const last = query.get('last')
  const end = last === null ? undefined : readNumber(last)
  if (first === undefined || (last !== null && end === undefined)) return undefined
  return { kind, digest, repository, first, last: end }
}

/** Reads `registry/name`. */
export function parseRepository(text: string): Repository | undefined {
  const slash = text.indexOf('/')
  const registry = slash < 0 ? undefined : parseRegistry(text.slice(0, slash))
  const repository = text.slice(slash + 1)
  if (registry === undefined || !isRepositoryName(repository)) return undefined
  return { registry, repository }
}

const readNumber = (text: string): number | undefined =>
  /^\d{1,9}$/.test(text) ? Number(text) : undefined
