import { isDeepStrictEqual } from 'node:util'
import type { ClusterMode } from '../../keep/cluster-mode.ts'
import type { Exclusions } from '../../keep/exclusions.ts'
import type { KeptPattern } from '../../keep/keep-set.ts'
import type { Keeps } from '../../keep/keeps.ts'
import type { ClusterModeState } from '../../keep/mode-switch.ts'
import { blockedRefusal } from '../../keep/operator-word.ts'
import type { Pins, PinWish } from '../../keep/pins.ts'
import type { WarmSchedule } from '../../keep/warm-schedule.ts'
import type { WarmSchedules } from '../../keep/warm-schedules.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { parseTag } from '../../oci/reference.ts'
import type { Exclusion } from '../../ports/exclusion-book.ts'
import type { PinBook, PinState } from '../../ports/pin-book.ts'
import type { RestoreBody, RestoreItem } from './backup-contract.ts'
import { exclusionEntry, keepEntry, modeEntry, pinEntry, scheduleEntry } from './backup-entries.ts'
import { modeSubject } from './cluster-mode.ts'
import { readExclusionKey } from './exclusions.ts'
import { readDescribed } from './pins.ts'
import { QueryFault, readTime } from './read-query.ts'
import type { ReadTask } from './read-task.ts'
import { wordTerms } from './word-terms.ts'

/** What stands in the place of an entry. */
export interface Standing {
  /** As a backup would have it; absent: nothing. */
  readonly now?: object | undefined
  readonly isSame?: boolean
  /** What stands there instead, in words, and stays unless it is to be replaced. */
  readonly instead?: string | undefined
  /** The entry has ended by now. */
  readonly isOver?: boolean
}

/** An entry of a backup, and how it is said anew. */
export interface RestoreStep {
  readonly kind: RestoreItem['kind']
  readonly what: string
  /** As the audit log has it of one that was said by itself. */
  readonly subject: string
  /** Throws what no entry can be, as an operation does. */
  look(): Standing
  /** For a dry run: rejects as `say` would, after the steps that were tried out before. */
  tryOut(): Promise<void>
  /**
   * Settles when it is durable here. Rejects as an operation does, and with what `check` throws.
   *
   * @param check told right before of what stands there then, as a backup would have it
   */
  say(check: (now: object | undefined) => void): Promise<void>
  /** What stands there since. */
  readonly entry: object
}

/** Where operators' words are kept. */
export interface RestoreParts {
  readonly exclusions: Pick<Exclusions, 'find' | 'set' | 'tryOut'>
  readonly keeps: Pick<Keeps, 'find' | 'set' | 'tryOut'>
  readonly pins: Pick<Pins, 'set' | 'tryOut'>
  readonly pinBook: Pick<PinBook, 'get' | 'isBlocked'>
  readonly warmSchedules: Pick<WarmSchedules, 'find' | 'put' | 'tryOut'>
  readonly clusterMode: Pick<ClusterMode, 'standing' | 'set'>
  readonly readTask: ReadTask
  /** Trusted time, ms since the epoch. */
  readonly nowMs: () => number
}

type EntriesOf<K extends 'pins' | 'keeps' | 'blocks' | 'bans'> = RestoreBody[K]

/** The longest that a pin is looked for, ms. */
const pinWithinMs = 30_000

/** What ends within this had ended already, or ends at the same time, ms: a mode is set for whole seconds. */
const graceMs = 2_000

/** Reads a backup as the steps that restore it, in the order in which they are taken. @param caller author of what names none */
export function createRestoreSteps(
  parts: RestoreParts,
): (body: RestoreBody, caller: string) => readonly RestoreStep[] {
  const { exclusions, keeps, pins, pinBook, warmSchedules, clusterMode, nowMs } = parts
  const isPast = (time: string | undefined, withinMs = 0): boolean =>
    time !== undefined && Date.parse(time) <= nowMs() + withinMs

  const excluded = (standing: Exclusion | undefined) => standing && exclusionEntry(standing)

  const exclude = (kind: 'ban' | 'block', entries: EntriesOf<'bans'>, caller: string) =>
    entries.map((entry): RestoreStep => {
      const { key: what, note, author = caller } = entry
      return {
        ...{ kind, what, subject: what, entry },
        look() {
          const now = excluded(exclusions.find(kind, readExclusionKey(kind, what)))
          return { now, isSame: now !== undefined }
        },
        async tryOut() {
          exclusions.tryOut(kind, readExclusionKey(kind, what))
        },
        async say(check) {
          const terms = wordTerms<Exclusion>(1, standing => check(excluded(standing)))
          await exclusions.set(kind, readExclusionKey(kind, what), { note, author }, terms)
        },
      }
    })

  /** What the configuration of this node keeps is not said to the others by it. */
  const kept = (standing: KeptPattern | undefined) => standing?.said && keepEntry(standing.said)

  function keep(entries: EntriesOf<'keeps'>, caller: string): readonly RestoreStep[] {
    const triedOut = new Set<string>()
    return entries.map((entry): RestoreStep => {
      const { pattern: what, note, author = caller } = entry
      return {
        ...{ kind: 'keep', what, subject: what, entry },
        look() {
          const now = kept(keeps.find(what))
          return { now, isSame: now !== undefined }
        },
        async tryOut() {
          const more = keeps.tryOut(what, triedOut)
          if (more !== undefined) triedOut.add(more)
        },
        async say(check) {
          const terms = wordTerms<KeptPattern>(1, standing => check(kept(standing)))
          await keeps.set(what, { note, author }, terms)
        },
      }
    })
  }

  function mustBeServed(digest: Digest): void {
    if (pinBook.isBlocked(digest)) throw blockedRefusal(digest)
  }

  function lookAtPin(entry: EntriesOf<'pins'>[number], allowBlocked: boolean): Standing {
    const { reference, digest, expiresAt } = entry
    const to = readPinTarget(digest)
    const now = pinEntry(pinBook.get(parseTag(reference)))
    if (now?.digest === to && isSameTime(now.expiresAt, expiresAt)) return { now, isSame: true }
    if (isPast(expiresAt)) return { now, isOver: true }
    if (!allowBlocked) mustBeServed(to)
    return { now, instead: now && `it is pinned to ${now.digest === to ? endOf(now) : now.digest}` }
  }

  /** @param blocked digests that the backup itself blocks: a pin on one was there beside the block, and is in force once that is lifted */
  const pin = (entries: EntriesOf<'pins'>, blocked: ReadonlySet<string>, caller: string) =>
    entries.map((entry): RestoreStep => {
      const { reference, digest } = entry
      const allowBlocked = blocked.has(digest)
      return {
        ...{ kind: 'pin', what: `${reference}@${digest}`, subject: reference, entry },
        look: () => lookAtPin(entry, allowBlocked),
        async tryOut() {
          const wish = { ...readWish(entry, caller), allowBlocked }
          await pins.tryOut(parseTag(reference), wish, AbortSignal.timeout(pinWithinMs))
        },
        async say(check) {
          const wish = { ...readWish(entry, caller), allowBlocked }
          const signal = AbortSignal.timeout(pinWithinMs)
          const terms = { copies: 1, check: checkPin(check), signal }
          await pins.set(parseTag(reference), wish, terms)
        },
      }
    })

  const scheduled = (standing: WarmSchedule | undefined) =>
    standing?.isConfigured === false ? scheduleEntry(standing) : undefined

  function schedule(
    entries: NonNullable<RestoreBody['schedules']>,
    caller: string,
  ): readonly RestoreStep[] {
    let more = 0
    return entries.map((entry): RestoreStep => {
      const { name: what, every, timeZone, jitterSeconds, note, author = caller, ...task } = entry
      const read = async () => {
        const recurring = { every, timeZone, jitterMs: jitterSeconds * 1_000 }
        return { ...(await parts.readTask(task)), ...recurring }
      }
      return {
        ...{ kind: 'schedule', what, subject: what, entry },
        look() {
          const now = scheduled(warmSchedules.find(what))
          if (now === undefined) return {}
          if (isSameButFor(['note', 'author'], now, entry)) return { now, isSame: true }
          return { now, instead: 'another one is called so' }
        },
        async tryOut() {
          warmSchedules.tryOut(what, await read(), more)
          if (warmSchedules.find(what) === undefined) more += 1
        },
        async say(check) {
          const wanted = await read()
          const terms = wordTerms<WarmSchedule>(1, standing => check(scheduled(standing)))
          await warmSchedules.put(what, wanted, { note, author }, terms)
        },
      }
    })
  }

  const mode = (entry: NonNullable<RestoreBody['mode']>, caller: string): RestoreStep => {
    const { mode: what, until, note, author: by = caller } = entry
    return {
      ...{ kind: 'mode', what, subject: modeSubject, entry },
      look() {
        const standing = clusterMode.standing()
        const now = standing && modeEntry(standing)
        if (now?.mode === what && isSameEnd(now.until, until)) return { now, isSame: true }
        if (isPast(until, graceMs)) return { isOver: true }
        return { now, instead: now && `the mode is ${now.mode}` }
      },
      async tryOut() {
        readTime(until) // any node may say any mode
      },
      async say(check) {
        const untilMs = readTime(until)
        const forMs = untilMs === undefined ? undefined : untilMs - nowMs()
        const terms = { ...wordTerms(1), check: checkMode(check) }
        await clusterMode.set({ mode: what, by, note, forMs }, terms)
      },
    }
  }

  // What bans and blocks are against is not believed and not pinned.
  return (body, caller) => [
    ...exclude('ban', body.bans, caller),
    ...exclude('block', body.blocks, caller),
    ...keep(body.keeps, caller),
    ...pin(body.pins, new Set(body.blocks.map(({ key }) => key)), caller),
    ...schedule(body.schedules ?? [], caller),
    ...(body.mode === undefined ? [] : [mode(body.mode, caller)]),
  ]
}

/** Throws `QueryFault`. */
function readWish(
  { digest, mediaType, size, expiresAt, note, author }: EntriesOf<'pins'>[number],
  caller: string,
): PinWish {
  const isDescribed = mediaType !== undefined && size !== undefined
  return {
    to: readPinTarget(digest),
    // After a loss nobody may hold it any more, nor be there to be asked: it is fetched as soon as it can be.
    allowIncomplete: true,
    allowElsewhere: true,
    described: readDescribed(isDescribed ? { mediaType, size } : undefined),
    expiresAtMs: readTime(expiresAt),
    note,
    author: author ?? caller,
  }
}

/** Throws `QueryFault`. */
export function readPinTarget(text: string): Digest {
  const digest = parseDigest(text)
  if (digest !== undefined) return digest
  throw new QueryFault(`${JSON.stringify(text)} is no digest`)
}

function isSameButFor(names: readonly string[], a: object, b: object): boolean {
  const rest = (entry: object) =>
    Object.fromEntries(Object.entries(entry).filter(([name]) => !names.includes(name)))
  return isDeepStrictEqual(rest(a), rest(b))
}

const checkPin =
  (check: (now: object | undefined) => void) =>
  (standing: PinState | undefined): void =>
    check(pinEntry(standing))

const checkMode =
  (check: (now: object | undefined) => void) =>
  (standing: ClusterModeState | undefined): void =>
    check(standing && modeEntry(standing))

const isSameTime = (a: string | undefined, b: string | undefined): boolean =>
  readTime(a) === readTime(b)

/** The end of a pin on the digest that is wanted. */
const endOf = ({ expiresAt }: { readonly expiresAt?: string }): string =>
  expiresAt === undefined ? 'this digest without an end' : `this digest until ${expiresAt}`

/** What was restored ends a part of a second beside what it was. */
const isSameEnd = (a: string | undefined, b: string | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Math.abs(Date.parse(a) - Date.parse(b)) < graceMs
