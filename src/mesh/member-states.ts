import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Member } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { isExpired, type MemberEntry } from './member-entry.ts'

/** How members pass between alive, suspect and gone. */
export interface MemberStates {
  set(entry: MemberEntry, state: Member['state'], why: string): void
  /** In doubt from now on, and to be probed. */
  suspect(entry: MemberEntry, why: string): void
  /** To be asked whether it is there; until it did not answer that is not in doubt. */
  lookFor(entry: MemberEntry): void
  /** A word of it that was said at `seenMs`. One that does not answer us stays in doubt, whatever others say. */
  revive(entry: MemberEntry, seenMs: number): void
  /** None of the probes that began at `sinceMs` was answered. */
  unanswered(entry: MemberEntry, sinceMs: number): void
  /** Lets time have its effect. Whether it is to be forgotten. */
  sweep(entry: MemberEntry): boolean
  /** Someone is to be probed now. */
  onDoubt(listener: (id: NodeId) => void): () => void
}

/** Uptime without a word after which a member is no longer dialled, ms. */
const forgetAfterMs = 7 * 86_400_000
const firstReprobeMs = 5_000
const longestReprobeMs = 60_000

/** Changes entries; `changed` is called after each change of a state. */
export function createMemberStates(parts: {
  readonly clock: Clock
  readonly log: Log
  readonly changed: () => void
}): MemberStates {
  const { clock, log } = parts
  const doubters = new Set<(id: NodeId) => void>()

  function set(entry: MemberEntry, state: Member['state'], why: string): void {
    if (entry.state === state) return
    const { id, name } = entry.hello
    const level = state === 'suspect' || entry.state === 'suspect' ? 'debug' : 'info'
    const from = entry.wasTold ? entry.state : 'unknown'
    entry.wasTold = true
    log[level]({ member: name, id, from, to: state, why }, 'member changed')
    entry.state = state
    parts.changed()
  }

  function doubt(entry: MemberEntry): void {
    for (const listener of doubters) callListener(log, () => listener(entry.hello.id))
  }

  function suspect(entry: MemberEntry, why: string): void {
    set(entry, 'suspect', why)
    doubt(entry)
  }

  function revive(entry: MemberEntry, seenMs: number): void {
    const { downSinceMs } = entry
    entry.lastSeenMs = Math.max(entry.lastSeenMs, seenMs)
    entry.unheardMs = 0
    if (entry.saidBye || isExpired(entry, clock.monotonicMs())) return
    if (downSinceMs === undefined) set(entry, 'alive', 'heard')
    else if (seenMs > downSinceMs && entry.state === 'gone') suspect(entry, 'others hear it')
  }

  function sweep(entry: MemberEntry): boolean {
    const nowMs = clock.monotonicMs()
    if (entry.state === 'gone') return isOver(entry, nowMs)
    if (isExpired(entry, nowMs)) sweepSilent(entry, nowMs)
    else if (entry.state === 'suspect' && nowMs >= entry.nextProbeMs) doubt(entry)
    return false
  }

  function isOver(entry: MemberEntry, nowMs: number): boolean {
    const silentMs = entry.unheardMs + nowMs - entry.lastSeenMs
    return silentMs > forgetAfterMs && !entry.isNeighbour
  }

  function sweepSilent(entry: MemberEntry, nowMs: number): void {
    if (!entry.isNeighbour) set(entry, 'gone', 'silent for long')
    // Its word may have got lost, or it hangs.
    else if (nowMs >= entry.nextProbeMs) suspect(entry, 'connected, and silent for long')
  }

  function unanswered(entry: MemberEntry, sinceMs: number): void {
    if (entry.state === 'gone') return
    const nowMs = clock.monotonicMs()
    const downForMs = nowMs - (entry.downSinceMs ?? nowMs)
    // Others hear it: there is no way from here to it, for now.
    const isHeard = entry.isNeighbour || entry.lastSeenMs > (entry.downSinceMs ?? sinceMs)
    entry.downSinceMs ??= nowMs
    entry.nextProbeMs = nowMs + Math.min(Math.max(downForMs, firstReprobeMs), longestReprobeMs)
    set(entry, isHeard ? 'suspect' : 'gone', 'does not answer')
  }

  return {
    set,
    suspect,
    lookFor(entry) {
      entry.nextProbeMs = clock.monotonicMs() + longestReprobeMs
      doubt(entry)
    },
    revive,
    unanswered,
    sweep,
    onDoubt(listener) {
      doubters.add(listener)
      return () => void doubters.delete(listener)
    },
  }
}

/** A listener that fails must not undo what it was told of. */
export function callListener(log: Log, call: () => void): void {
  try {
    call()
  } catch (err) {
    log.error({ err }, 'a listener of the member table failed')
  }
}
