import type { Bus } from '../ports/bus.ts'
import type { Log } from '../ports/log.ts'
import type { Member, Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Timers } from '../ports/timers.ts'
import type { Round } from './catch-up.ts'

/** One random member is asked so often, ± 50 %, ms. */
const everyMs = 30_000

/** In clusters above so many members it is three times as long. */
const largeCluster = 1_000

/** How soon after a connection, at most, ms: whoever comes back is met by many. */
const soonMs = 300

/** A root that differs may only be ahead of what gossip is about to bring. ms. */
const settleMs = 2_000

/** After a failure, doubled for each one in a row, ms. */
const retryMs = 1_000

/** Decides whom to compare with, and when. */
export interface Schedule {
  /** With this node next. */
  soon(id: NodeId): void
  close(): void
}

/** One catch-up at a time; it never gives up. */
export function startSchedule(parts: {
  readonly members: Members
  readonly bus: Pick<Bus, 'onNeighbour'>
  readonly timers: Timers
  readonly random: () => number
  readonly log: Log
  readonly ownRoot: () => string
  readonly run: (id: NodeId) => Promise<Round['result']>
}): Schedule {
  const { members, timers, random } = parts
  /** Asked before any other, oldest first. */
  const wanted = new Set<NodeId>()
  const known = new Map<NodeId, Pick<Member, 'ledgerRoot' | 'state'>>()
  let cancel = (): void => {}
  let cancelSettling: (() => void) | undefined
  let failures = 0
  let isRunning = false
  let isClosed = false

  function wait(ms: number): void {
    cancel()
    if (!isClosed && !isRunning) cancel = timers.after(ms, run)
  }

  const periodMs = (): number =>
    everyMs * (members.alive().length > largeCluster ? 3 : 1) * (0.5 + random())

  function soon(id: NodeId): void {
    wanted.add(id)
    if (failures === 0) wait(soonMs * random())
  }

  function pick(): NodeId | undefined {
    for (const id of wanted) {
      wanted.delete(id)
      if (members.get(id)?.state !== 'gone') return id
    }
    const alive = members.alive()
    const root = parts.ownRoot()
    const others = alive.filter(({ ledgerRoot }) => ledgerRoot !== '' && ledgerRoot !== root)
    const among = others.length > 0 ? others : alive
    return among[Math.floor(random() * among.length)]?.id
  }

  async function runWith(id: NodeId): Promise<Round['result']> {
    try {
      return await parts.run(id)
    } catch (err) {
      if (!isClosed) parts.log.warn({ peer: id, err }, 'catching up with a node failed')
      return 'failed'
    }
  }

  function run(): void {
    const id = pick()
    if (id === undefined) {
      wait(periodMs())
      return
    }
    isRunning = true
    void runWith(id).then(result => {
      isRunning = false
      ended(id, result)
    })
  }

  function ended(id: NodeId, result: Round['result']): void {
    const hasFailed = result === 'failed' || result === 'busy'
    failures = hasFailed ? failures + 1 : 0
    if (result === 'more') wanted.add(id)
    if (hasFailed) {
      wait(Math.min(everyMs, retryMs * 2 ** Math.min(failures - 1, 10)) * (0.5 + random()))
    } else wait(wanted.size > 0 ? soonMs * random() : periodMs())
  }

  function look(): void {
    const now = members.all()
    const differing = now.filter(hasMoved)
    if (known.size > 2 * now.length + 100) known.clear()
    if (differing.length === 0) return
    cancelSettling ??= timers.after(settleMs * (1 + random()), settled)
  }

  /** Whether a member says another root than before, which is not ours. One that came back is asked at once. */
  function hasMoved({ id, ledgerRoot, state }: Member): boolean {
    const before = known.get(id)
    known.set(id, { ledgerRoot, state })
    if (state !== 'alive') return false
    if (before !== undefined && before.state !== 'alive') soon(id)
    return before?.ledgerRoot !== ledgerRoot && ledgerRoot !== parts.ownRoot()
  }

  /** Gossip had its time: whoever still differs is asked, one of them. */
  function settled(): void {
    cancelSettling = undefined
    const root = parts.ownRoot()
    const differing = members.alive().filter(m => m.ledgerRoot !== '' && m.ledgerRoot !== root)
    const chosen = differing[Math.floor(random() * differing.length)]
    if (chosen !== undefined) soon(chosen.id)
  }

  const stopMembers = members.onChange(look)
  const stopNeighbours = parts.bus.onNeighbour(({ kind, id }) => {
    if (kind === 'joined') soon(id)
  })
  look()
  wait(soonMs * random())

  return {
    soon,
    close() {
      isClosed = true
      cancel()
      cancelSettling?.()
      stopMembers()
      stopNeighbours()
    },
  }
}
