import { formatTag } from '../oci/reference.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Timers } from '../ports/timers.ts'
import type { SaidWord, WordBook } from '../ports/word-book.ts'
import type { Running } from './running.ts'
import { decodeNames, type RunningDigest, type RunningNames } from './running-names.ts'
import { anewMs } from './tell-running.ts'

/** What pods of other nodes run, as each of them says of itself. */
export interface RunningElsewhere
  extends Pick<Running, 'isRunning' | 'tags' | 'byDigest' | 'onChange'> {
  close(): void
}

/** What was read of the words, and until when it holds. */
interface Read {
  readonly words: readonly SaidWord[]
  /** Trusted time at which the next word no longer counts, ms since the epoch. */
  readonly untilMs: number
  readonly names: RunningNames
}

/** It is looked so often whether a word is too old by now, ms. */
const everyMs = 60_000
/** A word counts for so long in any case, ms: nodes say theirs anew before that, whatever they are configured to. */
const leastMs = 2 * anewMs

/** Reads the words of other nodes until it is closed. A word counts for `runningForMs` of trusted time after it was said, two days at the least. */
export function watchRunningElsewhere(
  parts: {
    readonly words: Pick<WordBook, 'list' | 'onChange'>
    readonly self: NodeId
    /** Trusted time, ms since the epoch. */
    readonly nowMs: () => number
    readonly timers: Timers
  },
  { runningForMs }: { readonly runningForMs: number },
): RunningElsewhere {
  const { words, self, nowMs, timers } = parts
  const countsMs = Math.max(runningForMs, leastMs)
  const listeners = new Set<() => void>()
  /** By the text of a word: most are the same as before. */
  let parsed: ReadonlyMap<string, RunningNames> = new Map()
  let read = readWords()
  let announced = read.names
  let cancel = timers.after(everyMs, tick)

  function readWords(): Read {
    const now = nowMs()
    const all = words.list()
    const counting = all.filter(({ key, atMs }) => key !== self && now - atMs < countsMs)
    const texts = new Set(counting.map(({ value }) => value ?? ''))
    parsed = new Map([...texts].map(text => [text, parsed.get(text) ?? decodeNames(text)]))
    const ends = counting.map(({ atMs }) => atMs + countsMs)
    return {
      words: all,
      untilMs: ends.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
      names: unite([...parsed.values()]),
    }
  }

  /** The book is asked each time: it says by another array that it changed. */
  function current(): RunningNames {
    if (words.list() !== read.words || nowMs() >= read.untilMs) read = readWords()
    return read.names
  }

  /** What is said anew without a change is no news. */
  function announce(): void {
    const now = current()
    if (isSame(now, announced)) return
    announced = now
    for (const listener of listeners) listener()
  }

  function tick(): void {
    announce()
    cancel = timers.after(everyMs, tick)
  }

  const stopListening = words.onChange(announce)
  return {
    isRunning: key => current().tags.has(formatTag(key)),
    tags: () => current().tags,
    byDigest: () => [...current().byDigest.values()],
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      stopListening()
      cancel()
    },
  }
}

function unite(all: readonly RunningNames[]): RunningNames {
  const tags = new Set<string>()
  const byDigest = new Map<string, RunningDigest>()
  for (const names of all) {
    for (const tag of names.tags) tags.add(tag)
    for (const [name, image] of names.byDigest) byDigest.set(name, image)
  }
  return { tags, byDigest }
}

const isSame = (a: RunningNames, b: RunningNames): boolean =>
  a.tags.size === b.tags.size &&
  a.byDigest.size === b.byDigest.size &&
  [...a.tags].every(tag => b.tags.has(tag)) &&
  [...a.byDigest.keys()].every(name => b.byDigest.has(name))
