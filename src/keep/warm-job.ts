import { maxValueBytes } from '../ledger/record.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import { formatReference, parseReference } from '../oci/reference.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { SaidWord } from '../ports/word-book.ts'

/** Who is to fetch a job's images: every node, some of them, or for each image so many nodes, its owners as those of what is kept. */
export type WarmScope =
  | { readonly type: 'all' }
  | {
      readonly type: 'nodes'
      readonly nodes: readonly { readonly id: NodeId; readonly name: string }[]
    }
  | { readonly type: 'copies'; readonly copies: number }

/** What is to be fetched, for whom, and how. */
export interface WarmTask {
  /** References in their canonical form, each once. */
  readonly images: readonly string[]
  /** As in `linux/amd64`; absent: each node's own. */
  readonly platforms: readonly string[] | undefined
  readonly scope: WarmScope
  /** Images that a node fetches at the same time. */
  readonly concurrency: number
  /** What refers to the images (signatures, SBOMs) comes with them. */
  readonly referrers: boolean
}

/**
 * A warm job. Each node works out its own part in it from this alone; nobody coordinates. What is derived on every node by itself, a run
 * of a schedule, is one too: its id and `createdAtMs` have to be the same everywhere.
 */
export interface WarmJob extends WarmTask {
  readonly id: string
  /** ms since the epoch. Tells a job from an earlier one with the same id. */
  readonly createdAtMs: number
  readonly note: string | undefined
  readonly author: string | undefined
  /** When it was called off, ms since the epoch. */
  readonly cancelledAtMs: number | undefined
}

/** Whether a node is among those that are to fetch it. Which images are left to others where copies are counted is another question. */
export const takesPart = ({ scope }: Pick<WarmTask, 'scope'>, node: NodeId): boolean =>
  scope.type !== 'nodes' || scope.nodes.some(({ id }) => id === node)

/** Images of one job. */
export const maxWarmImages = 300
/** Images that a node may fetch at the same time. */
export const maxConcurrency = 16
const maxNodes = 100
const maxCopies = 100
const maxPlatforms = 16
const idGrammar = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/

/** Whether it can name a job: it is a part of a key and of a path. */
export const isJobId = (text: string): boolean => idGrammar.test(text)

/** A job as its register carries it. `undefined`: too long for one. */
export function encodeJob(job: WarmJob): string | undefined {
  const { images, platforms, scope, concurrency, referrers, createdAtMs, cancelledAtMs } = job
  const fields = { images, platforms, scope, concurrency, referrers, createdAtMs, cancelledAtMs }
  const text = JSON.stringify(fields)
  return Buffer.byteLength(text) > maxValueBytes ? undefined : text
}

/** Reads what any node said; `undefined` when it is no job. Never throws. */
export function decodeJob({ key: id, note, author, value }: SaidWord): WarmJob | undefined {
  const fields = readObject(value ?? '')
  if (fields === undefined || !isJobId(id)) return undefined
  const { createdAtMs, cancelledAtMs } = fields
  const task = readTask(fields)
  if (task === undefined || !isTime(createdAtMs)) return undefined
  if (!(cancelledAtMs === undefined || isTime(cancelledAtMs))) return undefined
  return { id, ...task, createdAtMs, note, author, cancelledAtMs }
}

/** Reads what any node said is to be fetched; `undefined` when it is no task. */
export function readTask(fields: Readonly<Record<string, unknown>>): WarmTask | undefined {
  const { concurrency, referrers } = fields
  const images = readImages(fields['images'])
  const platforms = readPlatforms(fields['platforms'])
  const scope = readScope(fields['scope'])
  if (images === undefined || platforms === undefined || scope === undefined) return undefined
  if (!isWithin(concurrency, 1, maxConcurrency) || typeof referrers !== 'boolean') return undefined
  return { images, platforms: platforms.list, scope, concurrency, referrers }
}

/** Whether two tasks ask for the same. */
export const isSameTask = (a: WarmTask, b: WarmTask): boolean => textOf(a) === textOf(b)

const textOf = ({ images, platforms, scope, concurrency, referrers }: WarmTask): string =>
  JSON.stringify([images, platforms ?? null, scope, concurrency, referrers])

/** Reads an object; `undefined` when the text is none. */
export function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

function readImages(value: unknown): readonly string[] | undefined {
  if (!isList(value, maxWarmImages) || value.length === 0) return undefined
  return value.every(isCanonical) ? value : undefined
}

function isCanonical(text: unknown): text is string {
  try {
    return typeof text === 'string' && formatReference(parseReference(text)) === text
  } catch {
    return false
  }
}

/** Wrapped, since none is a list, too. */
function readPlatforms(
  value: unknown,
): { readonly list: readonly string[] | undefined } | undefined {
  if (value === undefined) return { list: undefined }
  const isRead = isList(value, maxPlatforms) && value.length > 0 && value.every(isPlatform)
  return isRead ? { list: value as readonly string[] } : undefined
}

function isPlatform(text: unknown): boolean {
  const platform = typeof text === 'string' ? parsePlatform(text) : undefined
  return platform !== undefined && formatPlatform(platform) === text
}

function readScope(value: unknown): WarmScope | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { type, nodes, copies } = value as Readonly<Record<string, unknown>>
  switch (type) {
    case 'all':
      return { type }
    case 'copies':
      return isWithin(copies, 1, maxCopies) ? { type, copies } : undefined
    case 'nodes':
      return isList(nodes, maxNodes) && nodes.length > 0 && nodes.every(isNode)
        ? { type, nodes: nodes.map(({ id, name }) => ({ id, name })) }
        : undefined
    default:
      return undefined
  }
}

function isNode(value: unknown): value is { readonly id: NodeId; readonly name: string } {
  if (typeof value !== 'object' || value === null) return false
  const { id, name } = value as Readonly<Record<string, unknown>>
  return typeof id === 'string' && /^[0-9a-f]{64}$/.test(id) && typeof name === 'string'
}

const isList = (value: unknown, most: number): value is readonly unknown[] =>
  Array.isArray(value) && value.length <= most

const isWithin = (value: unknown, least: number, most: number): value is number =>
  Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most

/** Whether it is a time, ms since the epoch. */
export const isTime = (value: unknown): value is number =>
  isWithin(value, 0, Number.MAX_SAFE_INTEGER)
