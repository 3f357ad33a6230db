import { isDeepStrictEqual } from 'node:util'
import type { KeepSet } from '../../keep/keep-set.ts'
import { mustBeOperator, Refusal } from '../../keep/operator-word.ts'
import type { WarmSchedules } from '../../keep/warm-schedules.ts'
import { formatTag, parseTag } from '../../oci/reference.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ExclusionBook } from '../../ports/exclusion-book.ts'
import type { Log } from '../../ports/log.ts'
import type { PinBook } from '../../ports/pin-book.ts'
import { createTurns } from '../../ports/turns.ts'
import {
  type Backup,
  maxBackupBytes,
  type RestoreAnswer,
  type RestoreItem,
} from './backup-contract.ts'
import { exclusionEntry, keepEntry, modeEntry, pinEntry, scheduleEntry } from './backup-entries.ts'
import { backupOperations } from './backup-operations.ts'
import { checkBackup } from './check-backup.ts'
import { defined } from './describe.ts'
import type { AddOperation } from './operation.ts'
import { ProblemError } from './problem.ts'
import { createReadTask } from './read-task.ts'
import {
  createRestoreSteps,
  type RestoreParts,
  type RestoreStep,
  type Standing,
} from './restore-steps.ts'
import { type NoteEntry, noted, problemOf } from './run-operation.ts'

/** After so long no entry is begun in the same answer, ms: whoever waits, and proxies on the way, give up on silence. */
const restoreWithinMs = 15_000

/** Entries that are said at once: those that come together are made durable together. */
const maxAtOnce = 16

/** What the operations on backups ask. */
export interface BackupParts
  extends Omit<RestoreParts, 'pinBook' | 'readTask' | 'nowMs' | 'warmSchedules'> {
  readonly pinBook: Pick<PinBook, 'get' | 'isBlocked' | 'each'>
  readonly keepSet: Pick<KeepSet, 'patterns'>
  readonly exclusionBook: Pick<ExclusionBook, 'list'>
  readonly warmSchedules: Pick<WarmSchedules, 'list' | 'find' | 'put' | 'tryOut'>
  /** Whether other nodes believe what an operator says here. */
  readonly isOperator: () => boolean
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
}

/** Adds what carries over what operators said. */
export function addBackup(
  add: AddOperation,
  {
    asOf,
    note,
    nowMs,
    ...parts
  }: BackupParts &
    Parameters<typeof createReadTask>[0] & {
      readonly asOf: () => { readonly node: string; readonly asOf: string }
      readonly note: NoteEntry
      /** Trusted time, ms since the epoch. */
      readonly nowMs: () => number
    },
): void {
  /** Two at once would be told of each other's halves, and would keep others waiting. */
  let isRestoring = false
  const stepsOf = createRestoreSteps({ ...parts, nowMs, readTask: createReadTask(parts) })

  // Of pins there may be thousands: others have their turn between them, and all the rest is of one moment.
  add(backupOperations.backup, async ({ reply }) => {
    const now = asOf()
    const mode = parts.clusterMode.standing()
    const rest = {
      keeps: parts.keepSet.patterns().flatMap(({ said }) => (said ? [keepEntry(said)] : [])),
      blocks: parts.exclusionBook.list('block').map(exclusionEntry),
      bans: parts.exclusionBook.list('ban').map(exclusionEntry),
      schedules: parts.warmSchedules
        .list()
        .filter(({ isConfigured }) => !isConfigured)
        .map(scheduleEntry),
      ...defined({ mode: mode && modeEntry(mode) }),
    }
    const about = { ...now, holdfastBackup: 1 as const, at: now.asOf }
    const pins = await writePins()
    const written = Buffer.concat([
      Buffer.from(`${JSON.stringify(about satisfies Partial<Backup>).slice(0, -1)},"pins":[`),
      ...pins,
      Buffer.from(`],${JSON.stringify(rest satisfies Partial<Backup>).slice(1)}`),
    ])
    mustFit(written.length)
    return reply.type('application/json; charset=utf-8').send(written)
  })

  /** Entries with commas between them. */
  async function writePins(): Promise<readonly Buffer[]> {
    const turns = createTurns()
    const written: Buffer[] = []
    let bytes = 0
    for (const state of parts.pinBook.each()) {
      const entry: Backup['pins'][number] | undefined = pinEntry(state)
      if (entry === undefined) continue
      const text = Buffer.from(`${bytes > 0 ? ',' : ''}${JSON.stringify(entry)}`)
      bytes += text.length
      mustFit(bytes)
      written.push(text)
      await turns.take()
    }
    return written
  }

  add(backupOperations.restore, async ({ query, body, caller, audit }) => {
    const { from, dryRun, replace } = query
    const subject = `backup of ${body.node}, ${body.at}`
    audit({ subject })
    mustBeOperator(parts.isOperator)
    await checkBackup(body)
    if (isRestoring) throw new ProblemError(409, 'this node restores another backup: wait for it')
    isRestoring = true
    const steps = stepsOf(body, caller)
    const how = { dryRun, replace, caller }
    const items = await takeAll(steps, from, how).finally(() => {
      isRestoring = false
    })
    audit({ subject, after: { dryRun, from, ...count(items) } })
    const end = from + items.length
    return {
      ...asOf(),
      dryRun,
      items,
      ...(end < steps.length && { next: end }),
    } satisfies RestoreAnswer
  })

  async function takeAll(
    steps: readonly RestoreStep[],
    from: number,
    how: How,
  ): Promise<RestoreItem[]> {
    const untilMs = parts.clock.monotonicMs() + restoreWithinMs
    const doubles = await findDoubles(steps)
    const turns = createTurns()
    const items: RestoreItem[] = []
    /** As many of them as there is time for, and one of all at least. */
    async function takeSome(some: readonly RestoreStep[]): Promise<readonly RestoreItem[]> {
      const taken: (RestoreItem | Promise<RestoreItem>)[] = []
      for (const step of some) {
        const isFirst = items.length + taken.length === 0
        if (!isFirst && parts.clock.monotonicMs() >= untilMs) break
        taken.push(doubles.has(step) ? refuseDouble(step) : take(step, how))
        await turns.take()
      }
      return Promise.all(taken)
    }
    if (how.dryRun) await takeSome(steps.slice(0, from).filter(isOneOfFew))
    for (const some of inBatches(steps.slice(from))) items.push(...(await takeSome(some)))
    return items
  }

  async function take(step: RestoreStep, how: How): Promise<RestoreItem> {
    const { kind, what } = step
    try {
      const standing = step.look()
      const settled = settle(standing, how)
      if (settled !== undefined) return { kind, what, ...settled }
      if (how.dryRun) await step.tryOut()
      else await say(step, standing, how)
      return { kind, what, outcome: how.dryRun ? 'would-change' : 'changed' }
    } catch (error) {
      // One that fails says nothing of the others, and what was done before it has to be told.
      const problem = problemOf(error)
      if (error instanceof Refusal && error.code === 'changed') {
        return { kind, what, outcome: 'left', reason: error.message }
      }
      if (problem !== undefined) return { kind, what, outcome: 'refused', reason: problem.detail }
      parts.log.error(
        { err: error, kind, what },
        'an entry of a backup was not restored for a fault of ours',
      )
      const reason = 'an internal failure; the log of the node tells more'
      return { kind, what, outcome: 'failed', reason }
    }
  }

  /** Each entry is noted by itself, so that the log can be asked for what it is of. */
  const say = (
    { subject, entry, ...step }: RestoreStep,
    { now }: Standing,
    { caller, replace }: How,
  ) =>
    noted(note, { caller, operation: backupOperations.restore.id, subject }, async audit => {
      let before = now
      audit({ before })
      await step.say(standing => {
        before = standing
        if (replace || isDeepStrictEqual(standing, now)) return
        throw new Refusal('changed', 'somebody said something else of it meanwhile')
      })
      audit({ before, after: entry })
    })
}

/** What is given must be taken again. */
function mustFit(bytes: number): void {
  if (bytes <= maxBackupBytes) return
  const most = maxBackupBytes / 1024 / 1024
  throw new ProblemError(
    409,
    `what operators said is more than the ${most} MiB that can be restored: remove pins that are no longer wanted, or shorten notes (\`holdfast pins\` lists them)`,
  )
}

/** Entries of what an earlier one is of, too: nobody can tell which is meant. No backup has any, but what people make of two of them. */
async function findDoubles(steps: readonly RestoreStep[]): Promise<ReadonlySet<RestoreStep>> {
  const turns = createTurns()
  const seen = new Set<string>()
  const doubles = new Set<RestoreStep>()
  for (const step of steps) {
    const place = `${step.kind} ${placeOf(step)}`
    if (seen.has(place)) doubles.add(step)
    seen.add(place)
    await turns.take()
  }
  return doubles
}

/** Of what may be only so many: of those before it depends what a dry run says of one. */
const isOneOfFew = ({ kind }: RestoreStep): boolean => kind === 'keep' || kind === 'schedule'

/** Steps of one kind, which may be taken at once. */
function* inBatches(steps: readonly RestoreStep[]): Generator<readonly RestoreStep[]> {
  let some: RestoreStep[] = []
  for (const step of steps) {
    const isOther = some.length > 0 && some[0]?.kind !== step.kind
    if (isOther || some.length >= maxAtOnce) {
      yield some
      some = []
    }
    some.push(step)
  }
  if (some.length > 0) yield some
}

/** What an entry is of, however it is written. */
const placeOf = ({ kind, subject }: RestoreStep): string =>
  kind === 'pin' ? formatTag(parseTag(subject)) : subject

const refuseDouble = ({ kind, what, subject }: RestoreStep): RestoreItem => ({
  ...{ kind, what, outcome: 'refused' },
  reason: `an entry before it is of ${subject}, too: keep one of them`,
})

/** How a backup is restored. */
interface How {
  readonly dryRun: boolean
  readonly replace: boolean
  readonly caller: string
}

/** What comes of an entry that is not to be said; `undefined`: it is. */
function settle(
  { isSame = false, isOver = false, instead }: Standing,
  { replace }: How,
): Pick<RestoreItem, 'outcome' | 'reason'> | undefined {
  if (isSame) return { outcome: 'unchanged' }
  if (isOver) return { outcome: 'over' }
  if (instead !== undefined && !replace) return { outcome: 'left', reason: instead }
  return undefined
}

/** How many entries came to what. */
function count(items: readonly RestoreItem[]): Readonly<Record<string, number>> {
  const byOutcome = Map.groupBy(items, ({ outcome }) => outcome)
  return Object.fromEntries([...byOutcome].map(([outcome, { length }]) => [outcome, length]))
}
