import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Mode } from '../ports/mode.ts'
import { createOneByOne } from '../ports/one-by-one.ts'
import type { SaidWord, WordBook } from '../ports/word-book.ts'
import { type ClusterModeState, isMode } from './mode-switch.ts'
import { mustBeOperator, type Stored } from './operator-word.ts'

/** What an operator wants. */
export interface ClusterModeWish {
  readonly mode: Mode
  readonly by: string
  readonly note: string | undefined
  /** `undefined`: until it is set anew. */
  readonly forMs: number | undefined
}

/** How a change is made. */
export interface ClusterModeTerms {
  /** Nodes that are to have stored it before it is acknowledged, this one among them. */
  readonly copies: number
  readonly signal: AbortSignal
  /** Looks at what stands, and throws where that is not what the operator had seen. */
  readonly check: (standing: ClusterModeState | undefined) => void
}

/** What a change did. */
export interface ClusterModeChange {
  readonly before: ClusterModeState | undefined
  readonly after: ClusterModeState | undefined
  readonly stored: Stored
}

/** Sets the mode of all nodes, under the one that an operator set for a single node. */
export interface ClusterMode {
  standing(): ClusterModeState | undefined
  /** Says the same again, without an end, without a change. Throws `Refusal`; rejects with `ledger-unusable`. */
  set(wish: ClusterModeWish, terms: ClusterModeTerms): Promise<ClusterModeChange>
  /** As {@link ClusterMode.set}. Writes nothing where nothing stands. */
  lift(by: string, terms: ClusterModeTerms): Promise<ClusterModeChange>
}

/** Name of the register. */
const clusterModeKey = 'mode'

interface SeenMode {
  readonly state: ClusterModeState
  readonly forMs: number | undefined
  /** Since when it is known here, on the monotonic clock. */
  readonly seenAtMs: number
}

/**
 * Reads what stands. It ends in trusted time, as a pin does; and on a node that does not know the time, when it has been seen here for as
 * long as it was to be.
 */
export function readClusterMode(
  book: Pick<WordBook, 'list'>,
  { clock, nowMs }: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly nowMs: () => number },
): () => ClusterModeState | undefined {
  let read:
    | { readonly words: readonly SaidWord[]; readonly found: SeenMode | undefined }
    | undefined

  /** Read once for as long as it stands: whoever answers a client asks for the mode. */
  function find(words: readonly SaidWord[]): SeenMode | undefined {
    const word = words.find(({ key }) => key === clusterModeKey)
    const value = readValue(word?.value)
    if (word === undefined || value === undefined) return undefined
    const { mode, forMs, untilMs } = value
    const { author: by = 'somebody', atMs, origin, note } = word
    const before = read?.found
    const isSame = before?.state.atMs === atMs && before.state.origin === origin
    const seenAtMs = isSame ? before.seenAtMs : clock.monotonicMs()
    return { state: { mode, by, atMs, untilMs, origin, note }, forMs, seenAtMs }
  }

  return () => {
    const words = book.list()
    if (read?.words !== words) read = { words, found: find(words) }
    if (read.found === undefined) return undefined
    const { state, forMs = Number.POSITIVE_INFINITY, seenAtMs } = read.found
    const { untilMs = Number.POSITIVE_INFINITY } = state
    const isOver = nowMs() >= untilMs || clock.monotonicMs() - seenAtMs >= forMs
    return isOver ? undefined : state
  }
}

/** Tells the log what was set for all nodes, and when that changes. Returns what ends it. */
export function watchClusterMode(
  book: Pick<WordBook, 'onChange'>,
  { standing, log }: { readonly standing: () => ClusterModeState | undefined; readonly log: Log },
): () => void {
  let told: ClusterModeState | undefined
  function tell(): void {
    const now = standing()
    if (now === told) return
    if (now === undefined) log.info({ was: told?.mode }, 'no mode is set for all nodes any more')
    else log.warn({ ...now }, 'an operator has set the mode of all nodes')
    told = now
  }
  tell()
  return book.onChange(tell)
}

/** Changes are made one after another: each sees what the one before left. */
export function createClusterMode(parts: {
  readonly book: Pick<WordBook, 'set' | 'lift'>
  readonly standing: () => ClusterModeState | undefined
  /** Trusted time, ms since the epoch. */
  readonly nowMs: () => number
  /** Whether other nodes believe what an operator says here. */
  readonly isOperator: () => boolean
  /** Has other nodes store what this one says of it. */
  readonly storeOnOthers: (key: string, copies: number, signal: AbortSignal) => Promise<Stored>
}): ClusterMode {
  const { book, standing } = parts
  const inTurn = createOneByOne()

  async function write(
    { check }: ClusterModeTerms,
    say: (before: ClusterModeState | undefined) => Promise<void>,
  ): Promise<Omit<ClusterModeChange, 'stored'>> {
    mustBeOperator(parts.isOperator)
    const before = standing()
    check(before)
    await say(before)
    return { before, after: standing() }
  }

  async function change(
    terms: ClusterModeTerms,
    say: (before: ClusterModeState | undefined) => Promise<void>,
  ): Promise<ClusterModeChange> {
    const did = await inTurn(() => write(terms, say))
    const stored = await parts.storeOnOthers(clusterModeKey, terms.copies, terms.signal)
    return { ...did, stored }
  }

  return {
    standing,
    set: ({ mode, by, note, forMs }, terms) =>
      change(terms, async before => {
        const isEndless = forMs === undefined && before?.untilMs === undefined
        if (isEndless && isDeepStrictEqual({ mode, by, note }, saidIn(before))) return
        const untilMs = forMs === undefined ? undefined : Math.round(parts.nowMs() + forMs)
        await book.set(clusterModeKey, {
          author: by,
          note,
          value: JSON.stringify({ mode, forMs, untilMs }),
        })
      }),
    lift: (by, terms) =>
      change(terms, async before => {
        if (before !== undefined) await book.lift(clusterModeKey, by)
      }),
  }
}

const saidIn = (standing: ClusterModeState | undefined) =>
  standing && { mode: standing.mode, by: standing.by, note: standing.note }

/** What another version wrote, and this one does not know, counts as nothing. */
function readValue(text: string | undefined):
  | {
      readonly mode: Mode
      readonly forMs: number | undefined
      readonly untilMs: number | undefined
    }
  | undefined {
  try {
    const { mode, forMs, untilMs } = JSON.parse(text ?? '') as Record<string, unknown>
    if (isMode(mode)) return { mode, forMs: finite(forMs), untilMs: finite(untilMs) }
  } catch {
    // Not ours.
  }
  return undefined
}

const finite = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined
