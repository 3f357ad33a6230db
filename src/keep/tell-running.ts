import { compareTexts } from '../ledger/record.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Timers } from '../ports/timers.ts'
import type { WordBook } from '../ports/word-book.ts'
import { encodeNames, sortNames } from './running-names.ts'
import type { Pods } from './watch-pods.ts'

/** A change is told after this, with what else changes meanwhile, ms. */
const soonMs = 1_000
/** At most one word in this time, ms; it is looked so often whether there is one to say. */
const everyMs = 60_000
/** What did not change is said anew after this at the latest, ms. */
export const anewMs = 24 * 3_600_000

/**
 * Tells other nodes what the pods of this one run until it is closed: its own word, in the register of its id. It is said when it changed,
 * and anew each day. A node that does not look takes back what it said before.
 */
export function tellRunning(parts: {
  readonly words: Pick<WordBook, 'list' | 'set' | 'lift'>
  readonly self: NodeId
  readonly pods: Pick<Pods, 'containers' | 'state' | 'onChange'>
  /** Trusted time, ms since the epoch. */
  readonly nowMs: () => number
  readonly timers: Timers
  readonly log: Log
}): { close(): Promise<void> } {
  const { words, self, pods, nowMs, timers, log } = parts
  /** What was said since the start: of a node that is banned the book tells nothing. */
  let said: { readonly value: string; readonly atMs: number } | undefined
  let hasJustSaid = false
  let isCutTold = false
  let isClosed = false
  let telling: Promise<void> | undefined
  let cancel = timers.after(soonMs, tell)

  function tell(): void {
    const { state } = pods.state()
    telling = (state === 'looking' ? Promise.resolve(false) : tellNews())
      .catch(err => {
        log.warn({ err }, 'what the pods of this node run was not told to other nodes')
        return false
      })
      .then(isSaid => {
        telling = undefined
        hasJustSaid = isSaid
        if (!isClosed) cancel = timers.after(state === 'looking' ? soonMs : everyMs, tell)
      })
  }

  /** Whether there was something to say. */
  async function tellNews(): Promise<boolean> {
    const value = textNow()
    const before = words.list().find(({ key }) => key === self) ?? said
    if (value === '') {
      // Of a node that cannot look, and remembers nothing, nobody knows that nothing runs.
      if (before === undefined || pods.state().state === 'unseen') return false
      await words.lift(self, undefined)
      said = undefined
      return true
    }
    const now = nowMs()
    const isDue = now - (before?.atMs ?? 0) >= anewMs
    if (before?.value === value && !isDue) return false
    await words.set(self, { value })
    said = { value, atMs: now }
    return true
  }

  /** What runs goes before what ended: that is left out first. */
  function textNow(): string {
    const containers = pods.containers()
    const running = containers.filter(({ unseenMs }) => unseenMs === 0)
    const names = [running, containers].flatMap(some => {
      const { tags, byDigest } = sortNames(some.flatMap(({ images }) => images))
      return [...tags, ...byDigest.keys()].toSorted(compareTexts)
    })
    const { text, left } = encodeNames([...new Set(names)])
    if (left > 0 && !isCutTold) {
      isCutTold = true
      log.warn(
        { images: left },
        'pods of this node run more images than other nodes can be told of: what is left out is kept here alone',
      )
    }
    return text
  }

  const stopListening = pods.onChange(() => {
    if (hasJustSaid || telling !== undefined) return
    cancel()
    cancel = timers.after(soonMs, tell)
  })
  return {
    async close() {
      isClosed = true
      stopListening()
      cancel()
      await telling
    },
  }
}
