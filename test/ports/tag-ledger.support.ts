import type { Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import type { QuestionMark, TagLedger, Target } from '../../src/ports/tag-ledger.ts'
import { createMovableClock, type MovableClock } from '../support/movable-clock.ts'

/** What one subtest gets: an empty ledger on a clock that stands still, closed with the test. */
export interface OpenedForTest {
  readonly ledger: TagLedger
  readonly clock: MovableClock
}

/** Opens an empty ledger. */
export type OpenTagLedger = (t: Test, clock: MovableClock) => Promise<TagLedger>

/** A day that every clock of these tests is at, ms since the epoch. */
export const today = Date.UTC(2026, 5, 1)

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

/** The key every test writes to unless it needs more. */
export const nginx: TagReference = keyOf('docker.io', 'library/nginx', 'latest')

/** A key of its parts. */
export function keyOf(registry: string, repository: string, tag: string): TagReference {
  return { registry, repository, tag }
}

/** A made-up image: the same name has the same digest. */
export function image(name: string): Target {
  return {
    digest: digestOf(Buffer.from(name)),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 1000 + name.length,
  }
}

/** Opens a ledger on a clock of its own. */
export async function openFor(
  t: Test,
  open: OpenTagLedger,
  wallMs = today,
): Promise<OpenedForTest> {
  const clock = createMovableClock(wallMs)
  return { ledger: await open(t, clock), clock }
}

/** The registry answers at `dateMs`, over TLS, the question that was asked last or that is given. */
export function answer(
  ledger: TagLedger,
  name: string,
  details: {
    readonly dateMs?: number | undefined
    readonly asked?: QuestionMark
    readonly key?: TagReference
    readonly overTls?: boolean
  } = {},
): Promise<void> {
  const key = details.key ?? nginx
  return ledger.observeUpstream({
    ...image(name),
    key,
    asked: details.asked ?? ledger.askedNow(key),
    dateMs: details.dateMs,
    overTls: details.overTls ?? true,
  })
}
