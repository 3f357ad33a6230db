import { isCount, readList } from '../ledger/cbor.ts'
import { maxValueBytes } from '../ledger/record.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import type { NodeId } from '../ports/node-id.ts'

/**
 * How one image is on one node: not begun; being fetched; waits for something that passes (a registry that is away); all of it is here; it
 * cannot be had; left to other nodes; nothing in it is for this node.
 */
export type ImageState =
  | 'pending'
  | 'fetching'
  | 'waiting'
  | 'done'
  | 'failed'
  | 'elsewhere'
  | 'unfit'

/** One image of a job on one node. */
export interface ShareImage {
  readonly state: ImageState
  /** What its tag stood for when this node began with it; it stays that until the job ends. */
  readonly digest: Digest | undefined
  /** Its registry could not be reached: the digest is the last that was known of the tag. Other nodes ask for themselves. */
  readonly isRemembered: boolean
  /** Here of it, and altogether as far as its manifests are known. Layers that images share are counted in each. */
  readonly bytes: number
  readonly totalBytes: number | undefined
  /** What it waits for, or why it failed. */
  readonly reason: string | undefined
  /** Since when it waits, trusted time, ms since the epoch. */
  readonly waitsSinceMs: number | undefined
}

/** How one node's share of a job is: at it; has nothing to do but wait; every image came to an end; the job was called off before. */
export type ShareState = 'running' | 'waiting' | 'ended' | 'cancelled'

/** What a node says of its share of a job. */
export interface Share {
  /** `createdAtMs` of the job that it is of. */
  readonly jobAtMs: number
  readonly state: ShareState
  /**
   * When the node began to count, ms since the epoch; later than it said before where it found gone what it had. 0: an earlier version said
   * it.
   */
  readonly countedSinceMs: number
  /** Of all its images, each blob counted once. */
  readonly bytes: number
  readonly totalBytes: number
  /** In the order of the job's images. */
  readonly images: readonly ShareImage[]
}

const letters = {
  pending: 'p',
  fetching: 'f',
  waiting: 'w',
  done: 'd',
  failed: 'x',
  elsewhere: 'e',
  unfit: 'u',
} as const satisfies Record<ImageState, string>
const statesOf: ReadonlyMap<unknown, ImageState> = new Map(
  Object.entries(letters).map(([state, letter]) => [letter, state as ImageState]),
)
const shareStates: ReadonlySet<unknown> = new Set<ShareState>([
  'running',
  'waiting',
  'ended',
  'cancelled',
])
const maxReason = 300

/** Images in these states change only when other nodes come or go. */
export const isSettled = ({ state }: Pick<ShareImage, 'state'>): boolean =>
  state === 'done' || state === 'failed' || state === 'elsewhere' || state === 'unfit'

/** A share of a job that was called off: what it left undone waits for nothing. */
export const calledOff = (share: Share): Share => ({
  ...share,
  state: share.state === 'ended' ? 'ended' : 'cancelled',
  images: share.images.map(image =>
    isSettled(image)
      ? image
      : { ...image, state: 'pending', reason: undefined, waitsSinceMs: undefined },
  ),
})

/** What there is to say of an image, for people. */
export function reasonOf({ state, reason, isRemembered }: ShareImage): string | undefined {
  if (!isRemembered || state === 'elsewhere') return reason
  return ['from the ledger; registry not reached', ...(reason === undefined ? [] : [reason])].join(
    '; ',
  )
}

/** The key of a node's share in a job. */
export const shareKey = (job: string, node: NodeId): string => `${job}/${node}`

/** Which job and node a key is of. */
export function readShareKey(key: string): { readonly job: string; readonly node: NodeId } {
  const slash = key.lastIndexOf('/')
  return { job: key.slice(0, slash), node: key.slice(slash + 1) }
}

/** As text, short enough for a register: where it is too long, reasons are left out, and then digests. */
export function encodeShare(share: Share): string {
  const attempts = [
    { withReasons: true, withDigests: true },
    { withReasons: false, withDigests: true },
    { withReasons: false, withDigests: false },
  ]
  const texts = attempts.map(options => write(share, options))
  return texts.find(text => Buffer.byteLength(text) <= maxValueBytes) ?? texts.at(-1) ?? ''
}

function write(
  { jobAtMs, state, countedSinceMs, bytes, totalBytes, images }: Share,
  { withReasons, withDigests }: { readonly withReasons: boolean; readonly withDigests: boolean },
): string {
  const rows = images.map(image => {
    const digest = withDigests && image.digest !== undefined ? shorten(image.digest) : 0
    const row = [letters[image.state], digest, image.bytes, image.totalBytes ?? -1]
    const reason = (withReasons && image.reason?.slice(0, maxReason)) || 0
    return withoutEnd([...row, reason, image.isRemembered ? 1 : 0, image.waitsSinceMs ?? 0])
  })
  return JSON.stringify([jobAtMs, state, bytes, totalBytes, rows, countedSinceMs])
}

/** What ends in nothing to say is shorter; a row has four fields at least. */
function withoutEnd(row: readonly unknown[]): readonly unknown[] {
  const end = row.findLastIndex(field => field !== 0)
  return row.slice(0, Math.max(end + 1, 4))
}

const usual = 'sha256:'

/** Most digests are SHA-256, and there are hundreds in a word. */
const shorten = (digest: Digest): string =>
  digest.startsWith(usual)
    ? Buffer.from(digest.slice(usual.length), 'hex').toString('base64url')
    : digest

const lengthen = (text: string): Digest | undefined =>
  parseDigest(text.includes(':') ? text : usual + Buffer.from(text, 'base64url').toString('hex'))

/** Reads what a node said, of a job with so many images; `undefined` when it is none. Never throws. */
export function decodeShare(text: string, images: number): Share | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(value)) return undefined
  const [jobAtMs, state, bytes, totalBytes, rows, countedSinceMs = 0]: readonly unknown[] = value
  if (!isCount(jobAtMs) || !shareStates.has(state)) return undefined
  if (!isCount(bytes) || !isCount(totalBytes) || !isCount(countedSinceMs)) return undefined
  const read = readList(rows, images, readRow)
  if (read === undefined || read.length !== images) return undefined
  const share = { jobAtMs, state: state as ShareState, countedSinceMs, bytes, totalBytes }
  return { ...share, images: read }
}

function readRow(row: unknown): ShareImage | undefined {
  if (!Array.isArray(row)) return undefined
  const [letter, name, bytes, total, reason, remembered, waitsSinceMs]: readonly unknown[] = row
  const state = statesOf.get(letter)
  const digest = typeof name === 'string' ? lengthen(name) : undefined
  if (state === undefined || (name !== 0 && digest === undefined)) return undefined
  if (!isCount(bytes) || !(total === -1 || isCount(total))) return undefined
  return {
    state,
    digest,
    isRemembered: remembered === 1,
    bytes,
    totalBytes: total === -1 ? undefined : total,
    reason: typeof reason === 'string' ? reason.slice(0, maxReason) : undefined,
    waitsSinceMs: isCount(waitsSinceMs) && waitsSinceMs > 0 ? waitsSinceMs : undefined,
  }
}

/**
 * What was heard, never behind what was known: a node that restarted has not counted everything again yet. Of one that found gone what it
 * had, only what it said since counts.
 */
export function foldShare(known: Share | undefined, heard: Share): Share {
  if (known?.jobAtMs !== heard.jobAtMs) return heard
  if (known.countedSinceMs !== heard.countedSinceMs) {
    return known.countedSinceMs > heard.countedSinceMs ? known : heard
  }
  return {
    ...heard,
    bytes: Math.max(known.bytes, heard.bytes),
    totalBytes: Math.max(known.totalBytes, heard.totalBytes),
    images: heard.images.map((image, i) => foldImage(known.images[i], image)),
  }
}

function foldImage(known: ShareImage | undefined, heard: ShareImage): ShareImage {
  if (known === undefined) return heard
  const isOther = heard.digest !== undefined && heard.digest !== known.digest
  if (isOther && known.digest !== undefined) return heard
  if (known.state === 'done') return known
  return {
    ...heard,
    ...(heard.digest === undefined && { digest: known.digest, isRemembered: known.isRemembered }),
    bytes: Math.max(known.bytes, heard.bytes),
    totalBytes: heard.totalBytes ?? known.totalBytes,
  }
}
