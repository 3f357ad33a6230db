import { createHash } from 'node:crypto'
import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { isRecurrenceFault, parseRecurrence } from '../config/recurrence.ts'
import { type Dealt, type ScheduleMemory, startSchedules } from '../keep/run-schedules.ts'
import { takesPart, type WarmJob } from '../keep/warm-job.ts'
import { decodeSchedule, jobOf, readRunId, type WarmSchedule } from '../keep/warm-schedule.ts'
import { readShareKey } from '../keep/warm-share.ts'
import { parseReference } from '../oci/reference.ts'
import { derived } from '../ports/derived.ts'
import type { Log } from '../ports/log.ts'
import { type Member, type Members, mayReach } from '../ports/members.ts'
import type { Mode } from '../ports/mode.ts'
import type { NodeId } from '../ports/node-id.ts'
import { stopAll } from '../ports/stop-all.ts'
import { systemTimers } from '../ports/timers.ts'
import type { Upstreams } from './upstreams.ts'

/** What recurs on this node, and the jobs that come of it. */
export interface Schedules {
  list(): readonly WarmSchedule[]
  /** When one is next due on this node, ms since the epoch; `undefined`: never, or it is for other nodes. */
  nextMs(name: string): number | undefined
  /** The newest run of each that this node began. */
  ownRuns(): readonly WarmJob[]
  /** Those that other nodes began and this one did not. */
  othersRuns(): readonly WarmJob[]
  /** Whether it is a run of a schedule that stands, or of another node's configuration: whatever is said of it, nodes work it out. */
  isRun(id: string): boolean
  /** Whether it may be the last run that a node has of its schedule. What another node's configuration says is not known here. */
  isNewest(id: string): boolean
  /** Calls back after {@link Schedules.ownRuns} changed. */
  onRuns(listener: () => void): () => void
}

/** Begins what recurs. */
export function openSchedules(
  config: Config,
  parts: {
    readonly self: NodeId
    readonly database: Pick<OpenedLedger, 'warmWords' | 'shareWords' | 'settings' | 'ledger'>
    readonly upstreams: Pick<Upstreams, 'upstream'>
    readonly members: Pick<Members, 'alive' | 'onChange'>
    readonly mode: () => Mode
    /** Whether this node fetches something for a job at this moment. */
    readonly isAtWork: (job: string) => boolean
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Schedules {
  const { database, upstreams, members, log } = parts
  const { warmWords, shareWords, ledger } = database
  const list = listSchedules(config, parts)
  const listeners = new Set<() => void>()
  const named = (name: string): WarmSchedule | undefined => list().find(one => one.name === name)

  function jobAt(name: string, dueMs: number): WarmJob | undefined {
    const schedule = named(name)
    return schedule && jobOf(schedule, dueMs)
  }

  const runner = startSchedules({
    schedules: list,
    onChange: warmWords.onChange,
    isOnline: name => (named(name)?.images ?? []).some(image => mayBeHad(image, parts)),
    onHope: listener =>
      stopAll(
        upstreams.upstream.onRecovered(() => listener()),
        members.onChange(listener),
      ),
    isAtWork({ name, dueMs }) {
      const job = jobAt(name, dueMs)
      return job !== undefined && parts.isAtWork(job.id)
    },
    onRuns() {
      for (const listener of listeners) listener()
    },
    memory: memoryOf(database.settings),
    self: parts.self,
    nowMs: ledger.trustedNowMs,
    timers: systemTimers,
    log,
  })
  owned.defer(() => runner.close())

  const ownRuns = (): readonly WarmJob[] =>
    [...runner.runs()].flatMap(([name, dueMs]) => jobAt(name, dueMs) ?? [])

  function othersRuns(): readonly WarmJob[] {
    const own = new Set(ownRuns().map(({ id }) => id))
    const ids = new Set(shareWords.list().map(({ key }) => readShareKey(key).job))
    const others = [...ids].filter(id => !own.has(id)).flatMap(id => readRunId(id) ?? [])
    return others.flatMap(({ name, dueMs }) => jobAt(name, dueMs) ?? [])
  }

  const isOfAnother = (name: string): boolean => isOwnName(name) && named(name) === undefined

  return {
    list,
    nextMs(name) {
      const schedule = named(name)
      return schedule && takesPart(schedule, parts.self) ? runner.nextMs(name) : undefined
    },
    ownRuns,
    othersRuns,
    isRun(id) {
      const run = readRunId(id)
      if (run === undefined) return false
      return isOfAnother(run.name) || jobAt(run.name, run.dueMs) !== undefined
    },
    isNewest(id) {
      const { name = '', dueMs = 0 } = readRunId(id) ?? {}
      const newestMs = named(name)?.times.until(ledger.trustedNowMs()) ?? Number.POSITIVE_INFINITY
      if (isOfAnother(name) || newestMs <= dueMs) return true
      return [...ownRuns(), ...othersRuns()].some(run => run.id === id)
    },
    onRuns(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Schedules that were said on any node and are understood here, behind this node's own; the same list until one of them changes. */
function listSchedules(
  config: Config,
  { self, database: { warmWords } }: Pick<Parameters<typeof openSchedules>[1], 'self' | 'database'>,
): () => readonly WarmSchedule[] {
  const own = ownSchedule(config, self)
  return derived(warmWords.list, said => {
    const read = said.flatMap(word => decodeSchedule(word, parseRecurrence) ?? [])
    return own === undefined ? read : [own, ...read]
  })
}

const isOwnName = (name: string): boolean => /^own-[0-9a-f]{12}$/.test(name)

/**
 * `warm` of the configuration. Its name tells nodes apart, for each has its own, and changes with what it says: then it begins at once, as it
 * does when the node is new.
 */
function ownSchedule({ warm, node }: Config, self: NodeId): WarmSchedule | undefined {
  const { images, schedule: every, timeZone, jitter: jitterMs } = warm
  const times = parseRecurrence(every, timeZone)
  if (images.length === 0 || isRecurrenceFault(times)) return undefined
  const said = JSON.stringify([self, images, every, timeZone])
  return {
    name: `own-${createHash('sha256').update(said).digest('hex').slice(0, 12)}`,
    images: [...new Set(images)],
    platforms: undefined,
    scope: { type: 'nodes', nodes: [{ id: self, name: node.name }] },
    concurrency: 3,
    referrers: false,
    every,
    timeZone,
    jitterMs,
    times,
    sinceMs: 0,
    note: `warm.images of ${node.name}`,
    author: undefined,
    isConfigured: true,
  }
}

/** Whether somebody may reach the registry of an image. Of a registry that is not configured nobody waits for news: the job tells what is wrong. */
function mayBeHad(
  image: string,
  {
    upstreams,
    members,
    mode,
  }: Pick<Parameters<typeof openSchedules>[1], 'upstreams' | 'members' | 'mode'>,
): boolean {
  if (mode() === 'offline') return false
  const { registry } = parseReference(image)
  const endpoints = upstreams.upstream.endpoints().filter(one => one.registry === registry)
  if (endpoints.length === 0 || endpoints.some(({ state }) => state === 'closed')) return true
  return members.alive().some((member: Member) => mayReach(member, registry))
}

const settingName = 'warm.schedules'

/** What cannot be read is as if nothing had been dealt with. */
function memoryOf(settings: OpenedLedger['settings']): ScheduleMemory {
  return {
    read: () => readDealt(settings.get(settingName) ?? '{}'),
    write: dealt => settings.set(settingName, JSON.stringify(Object.fromEntries(dealt))),
  }
}

function readDealt(text: string): ReadonlyMap<string, Dealt> {
  try {
    const read = Object.entries(JSON.parse(text) as Record<string, Partial<Dealt>>)
    const isWhole = ({ untilMs, runMs = 0 }: Partial<Dealt>): boolean =>
      Number.isFinite(untilMs) && Number.isFinite(runMs)
    return new Map(read.filter((entry): entry is [string, Dealt] => isWhole(entry[1])))
  } catch {
    return new Map()
  }
}
