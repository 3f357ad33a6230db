import type { Digest } from '../oci/digest.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import type { Reference, Repository, TagReference } from '../oci/reference.ts'

/** Why something was not to be had. */
export interface Hindrance {
  readonly reason: string
  /** Trying again will not help. */
  readonly isFinal: boolean
}

/** A manifest or blob of an image. */
export interface WarmPart {
  readonly digest: Digest
  readonly kind: 'manifest' | 'blob'
  /** Bytes, when a manifest says it. */
  readonly size: number | undefined
}

/** What a tag stands for. */
export interface FoundImage {
  readonly digest: Digest
  /** Its registry could not be reached: it is the last that is known, and nodes that are there hold all of it. */
  readonly isRemembered: boolean
  /** Why its registry said nothing, where that may pass in a moment. */
  readonly silence?: string | undefined
}

/** What refers to an image. */
interface Referrers {
  readonly digests: readonly Digest[]
  /** Why there may be more of them: other nodes reach the registry, and this one does not. */
  readonly unasked: string | undefined
}

/** Where images come from, and what is here of them. */
export interface WarmSource {
  /**
   * What the tag's owner says now, or a pin; where the owner cannot be reached what it said last, if clients of these platforms can have all
   * of it without him. Rejects only when `signal` aborts.
   */
  resolve(
    key: TagReference,
    platforms: readonly Platform[],
    signal: AbortSignal,
  ): Promise<FoundImage | Hindrance>
  /** All that clients of these platforms need of an image, here or not, as far as its manifests are known. */
  parts(image: Digest, platforms: readonly Platform[]): readonly WarmPart[]
  /** Those of them that are to be fetched next: what a manifest refers to is not known before it is here. */
  missing(image: Digest, platforms: readonly Platform[]): readonly WarmPart[]
  /** Whether it has something for each of the platforms, and that is here. */
  isComplete(image: Digest, platforms: readonly Platform[]): boolean
  /** Platforms that it has something for, as in `linux/amd64`, as far as that is known. */
  platformsOf(image: Digest): readonly string[]
  /** Fetches into the store, behind all clients; `undefined` once it is there. Rejects only when `signal` aborts. */
  fetch(repository: Repository, part: WarmPart, signal: AbortSignal): Promise<Hindrance | undefined>
  /** What its registry says now refers to an image; what was known from before is no answer. Rejects only when `signal` aborts. */
  referrers(
    repository: Repository,
    image: Digest,
    signal: AbortSignal,
  ): Promise<Referrers | Hindrance>
  /** Bytes here of something, be it of a download that is under way or was interrupted. */
  bytesHere(digest: Digest): number
  /** The store takes nothing more, or nothing of so many bytes. */
  isFull(bytes?: number): boolean
}

/** How far a fetch is to go: to know all that belongs to an image, or to have it. */
export type Depth = 'manifests' | 'all'

/** Tells what was found from what stood in the way. */
export const isHindrance = (found: unknown): found is Hindrance =>
  typeof found === 'object' && found !== null && 'isFinal' in found

/** An attempt at one image. */
interface Attempt {
  /** So many failed before, in a row. */
  readonly failures: number
  readonly signal: AbortSignal
}

/** So often in a row a registry is not reached before that is believed to stay so. */
const silentTries = 3

const mayPass = ({ failures }: Attempt): boolean => failures + 1 < silentTries

/** What an image's reference stands for now; what is remembered counts only once its registry is believed to stay silent. */
export async function findImage(
  source: Pick<WarmSource, 'resolve'>,
  { tag, digest, registry, repository }: Reference,
  platforms: readonly Platform[],
  attempt: Attempt,
): Promise<FoundImage | Hindrance> {
  if (digest !== undefined) return { digest, isRemembered: false }
  const key = { registry, repository, tag: tag ?? 'latest' }
  const found = await source.resolve(key, platforms, attempt.signal)
  if (isHindrance(found) || found.silence === undefined || !mayPass(attempt)) return found
  return { reason: found.silence, isFinal: false }
}

/**
 * What refers to an image. That it cannot be asked from here may pass in a moment: {@link Referrers.unasked} is told only after some
 * `failures` in a row.
 */
export async function findReferrers(
  source: Pick<WarmSource, 'referrers'>,
  repository: Repository,
  image: Digest,
  attempt: Attempt,
): Promise<Referrers | Hindrance> {
  const found = await source.referrers(repository, image, attempt.signal)
  if (isHindrance(found) || found.unasked === undefined) return found
  return mayPass(attempt) ? { reason: found.unasked, isFinal: false } : found
}

/** For which platforms an image has nothing, and for which it has something. */
export function tellLacking(
  source: Pick<WarmSource, 'isComplete' | 'platformsOf'>,
  image: Digest,
  platforms: readonly Platform[],
): string {
  const lacking = platforms.filter(platform => !source.isComplete(image, [platform]))
  const whom = lacking.map(formatPlatform).join(', ')
  const has = source.platformsOf(image).join(', ')
  return `nothing in it is for ${whom}${has && `, only for ${has}`}`
}

/**
 * Fetches what is missing of a tree of manifests and blobs, one after another; `undefined` once nothing is. Rejects only when `signal`
 * aborts.
 */
export async function fetchTree(
  source: Pick<WarmSource, 'missing' | 'fetch' | 'isFull'>,
  root: {
    readonly repository: Repository
    readonly digest: Digest
    readonly platforms: readonly Platform[]
  },
  depth: Depth,
  signal: AbortSignal,
): Promise<Hindrance | undefined> {
  const tried = new Set<Digest>()
  for (;;) {
    const missing = source.missing(root.digest, root.platforms)
    const next = missing.find(({ kind }) => kind === 'manifest') ?? missing[0]
    if (next === undefined || (next.kind === 'blob' && depth === 'manifests')) return undefined
    if (tried.has(next.digest)) return cannotBeStored(source, next)
    tried.add(next.digest)
    const hindrance = await source.fetch(root.repository, next, signal)
    signal.throwIfAborted()
    if (hindrance === undefined) continue
    return source.isFull(next.size) ? cannotBeStored(source, next) : hindrance
  }
}

function cannotBeStored(
  { isFull }: Pick<WarmSource, 'isFull'>,
  { digest, kind, size }: WarmPart,
): Hindrance {
  const what = `${kind} ${digest.slice(0, 19)}…${size === undefined ? '' : ` of ${size} bytes`}`
  const reason = isFull(size)
    ? `the store is full of what has to stay: ${what} does not fit; raise store.quotaBytes, or keep less`
    : `${what} cannot be stored`
  return { reason, isFinal: true }
}
