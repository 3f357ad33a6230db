import type { Clock } from '../ports/clock.ts'
import type { NodeId } from '../ports/node-id.ts'
import { pause } from '../ports/pause.ts'
import { type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import type { Timers } from '../ports/timers.ts'
import type { MemberTable } from './member-table.ts'

/** Subject of the peer port that a probe asks. */
export const pingSubject = 'mesh/ping'

/** Asks members that are in doubt. */
export interface Prober {
  close(): void
}

const maxAtOnce = 8
const tries = 3
const tryMs = 1_000
const betweenTriesMs = 500

/** Probes whoever the table doubts: three silent tries in about four seconds are a no. */
export function createProber(parts: {
  readonly table: MemberTable
  readonly peer: Pick<PeerClient, 'call'>
  readonly clock: Clock
  readonly timers: Timers
}): Prober {
  const { table, clock, timers } = parts
  const ending = new AbortController()
  const { signal } = ending
  const waiting = new Set<NodeId>()
  const running = new Set<NodeId>()

  const stopListening = table.onDoubt(id => {
    if (signal.aborted || running.has(id)) return
    waiting.add(id)
    pump()
  })

  function pump(): void {
    for (const id of waiting) {
      if (running.size >= maxAtOnce) return
      waiting.delete(id)
      running.add(id)
      probe(id)
        .finally(() => {
          running.delete(id)
          if (!signal.aborted) pump()
        })
        .catch(() => {})
    }
  }

  async function probe(id: NodeId): Promise<void> {
    const sinceMs = clock.monotonicMs()
    for (let tried = 0; tried < tries; tried++) {
      if (tried > 0) await pause(betweenTriesMs, timers, signal)
      if ((await answers(id)) || signal.aborted) return
      table.doubted(id)
    }
    table.unanswered(id, sinceMs)
  }

  async function answers(id: NodeId): Promise<boolean> {
    const startedMs = clock.monotonicMs()
    try {
      await parts.peer.call(id, pingSubject, new Uint8Array(), {
        signal,
        timeoutMs: tryMs,
        maxBytes: 64,
      })
    } catch (error) {
      if (!(error instanceof PeerFailure) || !isAnswer(error)) return false
    }
    if (!signal.aborted) table.heard(id, clock.monotonicMs() - startedMs)
    return true
  }

  return {
    close() {
      stopListening()
      ending.abort()
      waiting.clear()
    },
  }
}

/** It refused or did not understand, but somebody with its key is there. */
function isAnswer({ code }: PeerFailure): boolean {
  return code === 'absent' || code === 'busy' || code === 'protocol'
}
