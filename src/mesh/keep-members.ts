import type { Clock } from '../ports/clock.ts'
import type { ClusterTime } from '../ports/cluster-time.ts'
import type { Log } from '../ports/log.ts'
import type { MemberStore, StoredMember } from '../ports/member-store.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Timers } from '../ports/timers.ts'
import type { Hello } from './hello.ts'
import type { MemberEntry } from './member-entry.ts'
import type { MemberTable } from './member-table.ts'

/** Keeps the member table across restarts. */
export interface MemberKeeper {
  /** Writes what is new. */
  close(): Promise<void>
}

/** News is written together, but soon: a power cut must not part those who have just met. */
const settleMs = 250
/** Everything is written again this often: when it was heard, and for how long not. */
const refreshMs = 86_400_000

/** What a hello must say anew to be worth a write: each would wear a memory card. */
function gist({ name, incarnation, meshAddresses, peerAddresses, ...hello }: Hello): string {
  const { keyId, acceptedKeyIds } = hello
  return JSON.stringify([name, incarnation, meshAddresses, peerAddresses, keyId, acceptedKeyIds])
}

/** Loads what was kept into the table, and keeps it from then on. */
export function keepMembers(parts: {
  readonly table: MemberTable
  readonly store: Pick<MemberStore, 'load' | 'save'>
  readonly clock: Clock
  readonly time: Pick<ClusterTime, 'nowMs'>
  readonly timers: Timers
  readonly log: Log
}): MemberKeeper {
  const { table, store, clock, time, timers, log } = parts
  /** Forgotten and not yet written. */
  let forgotten: readonly NodeId[] = []
  const written = new Map<NodeId, { readonly gist: string; readonly atMs: number }>()
  let cancel: (() => void) | undefined
  let isClosing = false

  function restore(): void {
    const nowMs = clock.monotonicMs()
    for (const { id, body, signature, ...known } of store.load().members) {
      const agoMs = Math.max(0, time.nowMs() - known.lastSeenMs)
      table.restore({ body, signature }, { ...known, lastSeenMs: nowMs - agoMs })
      const entry = table.entry(id)
      if (entry !== undefined) written.set(id, { gist: gist(entry.hello), atMs: nowMs })
    }
  }

  function isDue({ hello }: MemberEntry): boolean {
    const before = written.get(hello.id)
    if (before === undefined || before.gist !== gist(hello)) return true
    return clock.monotonicMs() - before.atMs > refreshMs
  }

  async function save(isDueNow: (entry: MemberEntry) => boolean): Promise<void> {
    const due = [...table.entries()].filter(isDueNow)
    // Who came back meanwhile is not forgotten.
    const gone = [...forgotten, ...table.takeForgotten()].filter(
      id => table.entry(id) === undefined,
    )
    forgotten = []
    if (due.length === 0 && gone.length === 0) return
    const atMs = clock.monotonicMs()
    for (const { hello } of due) written.set(hello.id, { gist: gist(hello), atMs })
    for (const id of gone) written.delete(id)
    try {
      await store.save({ members: due.map(stored), forgotten: gone, names: new Map() })
    } catch (err) {
      for (const { hello } of due) written.delete(hello.id)
      forgotten = [...gone, ...forgotten]
      log.debug({ err, members: due.length }, 'members not written')
    }
  }

  function stored(entry: MemberEntry): StoredMember {
    const { hello, signed, lastSeenMs, unheardMs, state, wasMet } = entry
    const silentMs = clock.monotonicMs() - lastSeenMs
    return {
      id: hello.id,
      body: signed.body,
      signature: signed.signature,
      lastSeenMs: Math.max(0, Math.round(time.nowMs() - silentMs)),
      unheardMs: state === 'gone' ? Math.round(unheardMs + silentMs) : 0,
      wasMet,
    }
  }

  restore()
  const stopListening = table.onChange(() => {
    if (isClosing) return
    cancel ??= timers.after(settleMs, () => {
      cancel = undefined
      // It settles what it rejects with.
      void save(isDue)
    })
  })

  return {
    async close() {
      isClosing = true
      stopListening()
      cancel?.()
      await save(() => true)
    },
  }
}
