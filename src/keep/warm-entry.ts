import type { Digest } from '../oci/digest.ts'
import { parseReference, type Reference } from '../oci/reference.ts'
import type { FoundImage } from './warm-image.ts'
import type { WarmJob } from './warm-job.ts'
import { isSettled, type Share, type ShareImage } from './warm-share.ts'

/** One image of a job, as this node is at it. */
export interface WarmEntry {
  readonly reference: Reference
  state: ShareImage['state']
  digest: Digest | undefined
  /** What was begun to be fetched, also while the digest is in doubt. */
  begun: Digest | undefined
  /** Its registry could not be reached: the digest is the last that was known. It is asked again unless all of that comes. */
  isRemembered: boolean
  /** Its registry came back since it was asked. */
  isHoped: boolean
  /** It and what refers to it, once that is known. */
  roots: readonly Digest[]
  /** All its manifests are here, or were tried for. */
  isPlanned: boolean
  /** Why it is not known what refers to it, where that cannot be asked from here. */
  unasked: string | undefined
  reason: string | undefined
  /** Since when nothing of it came, trusted time, ms since the epoch. */
  waitsSinceMs: number | undefined
  /** In a row, for reasons that pass. */
  failures: number
  /** It is not tried again before this, on the monotonic clock, ms. */
  notBeforeMs: number
  /** The most that was here, and the most that it was thought to be; bytes. */
  bytes: number
  totalBytes: number | undefined
}

/**
 * A job's images, as this node said that they were before it was restarted. What came to an end stays so, unless it `isGone`; the rest is
 * looked at anew, with the digest that it had. Where something is gone, no byte that was counted before counts (`isLost`).
 */
export function entriesOf(
  { images }: Pick<WarmJob, 'images'>,
  before: Share | undefined,
  isGone: (image: ShareImage) => boolean,
): { readonly entries: readonly WarmEntry[]; readonly isLost: boolean } {
  const said = before?.images ?? []
  const gone = said.map(isGone)
  const isLost = gone.includes(true)
  const entries = images.map((image, at) => entryOf(image, said[at], gone[at] === true))
  if (isLost) for (const entry of entries) entry.bytes = 0
  return { entries, isLost }
}

function entryOf(image: string, before: ShareImage | undefined, isGone: boolean): WarmEntry {
  const isOver = before !== undefined && isSettled(before) && !isGone
  const isRemembered = isOver && before.isRemembered
  const digest = before?.isRemembered === isRemembered ? before.digest : undefined
  return {
    reference: parseReference(image),
    state: isOver ? before.state : 'pending',
    digest,
    begun: digest,
    isRemembered,
    isHoped: false,
    roots: digest === undefined ? [] : [digest],
    isPlanned: false,
    unasked: undefined,
    reason: isOver ? before.reason : undefined,
    waitsSinceMs: isOver ? undefined : before?.waitsSinceMs,
    failures: 0,
    notBeforeMs: 0,
    bytes: before?.bytes ?? 0,
    totalBytes: before?.totalBytes,
  }
}

/** What it is known to stand for, if it is: what this node began with, or what nodes that began before agreed on. */
export function knownOf(
  { digest, isRemembered }: Pick<WarmEntry, 'digest' | 'isRemembered'>,
  agreed: Digest | undefined,
): FoundImage | undefined {
  if (digest !== undefined) return { digest, isRemembered }
  return agreed && { digest: agreed, isRemembered: false }
}

/** Notes what its tag stands for. What was not known before is something that came. */
export function note(entry: WarmEntry, { digest, isRemembered }: FoundImage): void {
  if (entry.digest !== digest && !isRemembered) entry.waitsSinceMs = undefined
  entry.digest = digest
  entry.isRemembered = isRemembered
  if (!isRemembered) entry.isHoped = false
}

/** Which are begun first: until all manifests are known nobody can tell how much there is, and what came to an end can wait. */
export function rankOf(entry: WarmEntry): number {
  if (isSettled(entry)) return 2
  return entry.isPlanned ? 1 : 0
}

/** Its registry may say by now what was only remembered. */
export const isHoped = ({ isRemembered, isHoped: is }: WarmEntry): boolean => isRemembered && is

/** What was remembered could not be had after all: by now its registry may be there to ask, or somebody who has another one. */
export function doubt(entry: WarmEntry): void {
  if (!entry.isRemembered) return
  const unknown = { digest: undefined, isRemembered: false, isHoped: false }
  Object.assign(entry, { ...unknown, roots: [], isPlanned: false })
}

/** What failed for a reason that passes is tried again after this, then after twice as long, and so on; ms. */
const againMs = { first: 2_000, most: 60_000 } as const

/** It failed for a reason that passes. @param nowMs on the monotonic clock */
export function postpone(entry: WarmEntry, nowMs: number): void {
  const pauseMs = Math.min(againMs.first * 2 ** entry.failures, againMs.most)
  entry.failures += 1
  entry.notBeforeMs = nowMs + pauseMs
}

/** How a share with these images is. What came to an end and is asked again keeps it from its end. */
export function shareStateOf(
  { cancelledAtMs }: Pick<WarmJob, 'cancelledAtMs'>,
  entries: readonly WarmEntry[],
  isRunning: (entry: WarmEntry) => boolean,
): Share['state'] {
  if (cancelledAtMs !== undefined) return 'cancelled'
  const open = entries.filter(entry => !isSettled(entry))
  if (open.length > 0) return open.every(isWaiting) ? 'waiting' : 'running'
  return entries.some(entry => isHoped(entry) || isRunning(entry)) ? 'running' : 'ended'
}

const isWaiting = ({ state }: WarmEntry): boolean => state === 'waiting'

/** What is fetched or was; not what failed, nor what is left to other nodes. */
export const wantedOf = (entries: readonly WarmEntry[]): readonly Digest[] =>
  entries.flatMap(({ state, begun }) =>
    begun === undefined || state === 'failed' || state === 'elsewhere' ? [] : [begun],
  )

/** Whether it comes from a registry. */
export const isOf = (registry: string, { reference }: WarmEntry): boolean =>
  reference.registry === registry

/** What a node tells others of an image. */
export const tellEntry = ({
  state,
  digest,
  isRemembered,
  bytes,
  totalBytes,
  reason,
  waitsSinceMs,
}: WarmEntry): ShareImage => ({
  state,
  digest,
  isRemembered,
  bytes,
  totalBytes,
  reason,
  waitsSinceMs: state === 'waiting' ? waitsSinceMs : undefined,
})
