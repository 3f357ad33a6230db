import type { Digest } from '../../src/oci/digest.ts'

/** What a tag points to. */
export interface TagTarget {
  readonly digest: Digest
  readonly mediaType: string
}

/** What one repository holds: manifests are blobs here too. */
export interface ImageContents {
  readonly blobs: ReadonlyMap<Digest, Buffer>
  readonly tags: ReadonlyMap<string, TagTarget>
}

/** An answer as the registry would give it without any fault. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: Buffer
}

/** What a request asks for, told from its path; `where` selects faults by it. */
export type RequestKind =
  | 'ping'
  | 'manifest-tag'
  | 'manifest-digest'
  | 'blob'
  | 'tags'
  | 'referrers'
  | 'token'
  | 'other'

/** A parsed request path. */
export interface Asked {
  readonly kind: RequestKind
  readonly repository: string
  /** The tag, digest or nothing. */
  readonly item: string
}

const paths: readonly (readonly [RegExp, RequestKind])[] = [
  [/^\/v2\/(.+)\/manifests\/(sha(?:256|512):[^/]+)$/, 'manifest-digest'],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, 'manifest-tag'],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, 'blob'],
  [/^\/v2\/(.+)\/tags\/list()$/, 'tags'],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, 'referrers'],
  [/^()()\/v2\/?$/, 'ping'],
  [/^()()\/token$/, 'token'],
]

/** Tells what a path asks for. */
export function readPath(pathname: string): Asked {
  for (const [pattern, kind] of paths) {
    const found = pattern.exec(pathname)
    if (found) return { kind, repository: found[1] ?? '', item: found[2] ?? '' }
  }
  return { kind: 'other', repository: '', item: '' }
}

/** An OCI error body with its status. */
export function ociError(status: number, code: string, message = code.toLowerCase()): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ errors: [{ code, message }] })),
  }
}

/** A page as a hotel's login gateway would serve it. */
export function htmlPage(status: number, text = 'Please accept our terms'): Answer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: Buffer.from(`<!DOCTYPE html><html><body><h1>${text}</h1></body></html>`),
  }
}

interface StoredManifest {
  readonly mediaType?: string
  readonly artifactType?: string
  readonly config?: { readonly mediaType?: string }
  readonly subject?: { readonly digest?: string }
  readonly annotations?: Record<string, string>
}

function readManifest(bytes: Buffer): StoredManifest | undefined {
  if (bytes.length > 4 * 1024 * 1024 || bytes[0] !== 0x7b) return undefined
  try {
    return JSON.parse(bytes.toString()) as StoredManifest
  } catch {
    return undefined
  }
}

/** The contents of a scripted registry, mutable while it runs, and its faultless answers. */
export function createContents(
  images: Readonly<Record<string, ImageContents>>,
  options: { readonly pageSize: number; readonly referrersApi: boolean },
) {
  const repositories = new Map<
    string,
    { blobs: Map<string, Buffer>; tags: Map<string, TagTarget> }
  >()

  function open(repository: string) {
    const known = repositories.get(repository) ?? { blobs: new Map(), tags: new Map() }
    repositories.set(repository, known)
    return known
  }

  function addImage(repository: string, image: ImageContents): void {
    const held = open(repository)
    for (const [digest, bytes] of image.blobs) held.blobs.set(digest, bytes)
    for (const [tag, target] of image.tags) held.tags.set(tag, target)
  }

  function manifest({ kind, repository, item }: Asked): Answer {
    const held = repositories.get(repository)
    if (!held) return ociError(404, 'NAME_UNKNOWN')
    const target = held.tags.get(item)
    const digest = kind === 'manifest-tag' ? target?.digest : item
    const body = digest === undefined ? undefined : held.blobs.get(digest)
    if (!body || digest === undefined) return ociError(404, 'MANIFEST_UNKNOWN')
    const typed = [...held.tags.values()].find(tag => tag.digest === digest)
    const mediaType = typed?.mediaType ?? readManifest(body)?.mediaType ?? 'application/json'
    return {
      status: 200,
      headers: { 'content-type': mediaType, 'docker-content-digest': digest },
      body,
    }
  }

  function blob({ repository, item }: Asked, range: string | undefined): Answer {
    const body = repositories.get(repository)?.blobs.get(item)
    if (!body) return ociError(404, 'BLOB_UNKNOWN')
    const headers: Record<string, string> = {
      'content-type': 'application/octet-stream',
      'docker-content-digest': item,
      'accept-ranges': 'bytes',
    }
    const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? '')
    if (!asked) return { status: 200, headers, body }
    const start = Number(asked[1])
    const end = asked[2] ? Math.min(Number(asked[2]), body.length - 1) : body.length - 1
    if (start > end) {
      headers['content-range'] = `bytes */${body.length}`
      return { status: 416, headers, body: Buffer.alloc(0) }
    }
    headers['content-range'] = `bytes ${start}-${end}/${body.length}`
    return { status: 206, headers, body: body.subarray(start, end + 1) }
  }

  /** Cuts a sorted list into pages: `last` is exclusive, and a `Link` names the next page. */
  function page<T>(url: URL, items: readonly T[], nameOf: (item: T) => string) {
    const size = Math.min(Number(url.searchParams.get('n') ?? options.pageSize), options.pageSize)
    const last = url.searchParams.get('last') ?? ''
    const rest = items.filter(item => nameOf(item) > last)
    const shown = rest.slice(0, size)
    const headers: Record<string, string> = {}
    const final = shown.at(-1)
    if (rest.length > shown.length && final !== undefined) {
      const next = new URLSearchParams(url.searchParams)
      next.set('n', String(size))
      next.set('last', nameOf(final))
      headers['link'] = `<${url.pathname}?${next}>; rel="next"`
    }
    return { shown, headers }
  }

  function tags({ repository }: Asked, url: URL): Answer {
    const held = repositories.get(repository)
    if (!held) return ociError(404, 'NAME_UNKNOWN')
    const { shown, headers } = page(url, [...held.tags.keys()].sort(), tag => tag)
    return {
      status: 200,
      headers: { ...headers, 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ name: repository, tags: shown })),
    }
  }

  function referrers({ repository, item }: Asked, url: URL): Answer {
    if (!options.referrersApi) return ociError(404, 'UNSUPPORTED')
    const found = []
    for (const [digest, bytes] of repositories.get(repository)?.blobs ?? []) {
      const manifest = readManifest(bytes)
      if (manifest?.subject?.digest !== item) continue
      found.push({
        mediaType: manifest.mediaType,
        digest,
        size: bytes.length,
        artifactType: manifest.artifactType ?? manifest.config?.mediaType,
        ...(manifest.annotations && { annotations: manifest.annotations }),
      })
    }
    found.sort((a, b) => (a.digest < b.digest ? -1 : 1))
    const { shown, headers } = page(url, found, entry => entry.digest)
    return {
      status: 200,
      headers: { ...headers, 'content-type': 'application/vnd.oci.image.index.v1+json' },
      body: Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.index.v1+json',
          manifests: shown,
        }),
      ),
    }
  }

  function answer(asked: Asked, url: URL, range: string | undefined): Answer {
    switch (asked.kind) {
      case 'ping':
        return {
          status: 200,
          headers: {
            'content-type': 'application/json',
            'docker-distribution-api-version': 'registry/2.0',
          },
          body: Buffer.from('{}'),
        }
      case 'manifest-tag':
      case 'manifest-digest':
        return manifest(asked)
      case 'blob':
        return blob(asked, range)
      case 'tags':
        return tags(asked, url)
      case 'referrers':
        return referrers(asked, url)
      default:
        return htmlPage(url.pathname === '/login' ? 200 : 404, 'No registry here')
    }
  }

  for (const [repository, image] of Object.entries(images)) addImage(repository, image)

  return {
    answer,
    addImage,
    /** Points a tag at another manifest, as a push would; its blobs must be there. */
    moveTag(repository: string, tag: string, target: TagTarget): void {
      open(repository).tags.set(tag, target)
    },
    removeTag(repository: string, tag: string): void {
      repositories.get(repository)?.tags.delete(tag)
    },
    /** Drops one blob or manifest, as a cut-off blob host or a garbage collection would. */
    removeBlob(repository: string, digest: Digest): void {
      repositories.get(repository)?.blobs.delete(digest)
    },
  }
}
