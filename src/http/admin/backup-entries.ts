import type { ClusterModeState } from '../../keep/mode-switch.ts'
import type { WarmSchedule } from '../../keep/warm-schedule.ts'
import { formatTag } from '../../oci/reference.ts'
import type { PinState } from '../../ports/pin-book.ts'
import type { Backup } from './backup-contract.ts'
import { defined, isoOf } from './describe.ts'
import { describeShares } from './describe-job.ts'

/** What operators said, as a backup has it: without stamps, signatures and what only this node knows of it. */

/** A pin that is in force or blocked; `undefined` of one that is over. */
export function pinEntry(state: PinState | undefined): Backup['pins'][number] | undefined {
  if (state?.target === undefined || state.standing === 'expired') return undefined
  const { key, target, note, author, expiresAtMs } = state
  const { digest, mediaType, size } = target
  const told = { expiresAt: isoOf(expiresAtMs), note, author }
  return { reference: formatTag(key), digest, mediaType, size, ...defined(told) }
}

/** A ban or a block. */
export const exclusionEntry = ({
  key,
  note,
  author,
}: {
  readonly key: string
  readonly note: string | undefined
  readonly author: string | undefined
}): Backup['bans'][number] => ({ key, ...defined({ note, author }) })

/** A keep that an operator said. */
export const keepEntry = ({
  pattern,
  note,
  author,
}: {
  readonly pattern: string
  readonly note: string | undefined
  readonly author: string | undefined
}): Backup['keeps'][number] => ({ pattern, ...defined({ note, author }) })

/** A schedule that an operator said. */
export function scheduleEntry(schedule: WarmSchedule): Backup['schedules'][number] {
  const { name, images, every, timeZone, jitterMs, note, author } = schedule
  const { scope: _, scopeNodes: nodes, scopeCopies: copies, ...shares } = describeShares(schedule)
  return {
    name,
    images: [...images],
    every,
    timeZone,
    jitterSeconds: Math.round(jitterMs / 1_000),
    ...defined({ nodes, copies }),
    ...shares,
    ...defined({ note, author }),
  }
}

/** The mode of all nodes. */
export const modeEntry = ({
  mode,
  untilMs,
  note,
  by,
}: ClusterModeState): NonNullable<Backup['mode']> => ({
  mode,
  ...defined({ until: isoOf(untilMs), note }),
  author: by,
})
