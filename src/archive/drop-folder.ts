import type { Reference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { DropMemory, SeenFile } from '../ports/drop-memory.ts'
import type { DroppedFile, DroppedFiles } from '../ports/dropped-files.ts'
import type { Log } from '../ports/log.ts'
import type { Timers } from '../ports/timers.ts'
import { createDealWithFile, isList } from './deal-with-file.ts'
import type { ImportArchive } from './import-archive.ts'

/** What became of a file; a closed set. `failed`: this node could not take it now, and tries again. */
export const dropOutcomes = ['imported', 'refused', 'failed'] as const
export type DropOutcome = (typeof dropOutcomes)[number]

/** Imports what is put into a folder. */
export interface DropFolder {
  /** Settles when the archives that are there now and have settled were dealt with; lists are pulled beside them. For tests. */
  pass(): Promise<void>
  /** Ends what is under way; it is done again at the next start. */
  close(): Promise<void>
}

export interface DropFolderParts {
  readonly files: DroppedFiles
  readonly memory: DropMemory
  readonly importArchive: ImportArchive
  /** Pulls an image as a client would, all of it; tells why where it cannot. */
  readonly pullImage: (reference: Reference, signal: AbortSignal) => Promise<string | undefined>
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  /** Told of every file that was dealt with. */
  readonly onDone: (outcome: DropOutcome) => void
}

export interface DropFolderSettings {
  /** A file whose size and time have not changed for so long, and that nobody is seen writing, is complete, ms. */
  readonly settleMs: number
  /** How often the folder is looked at when nothing is heard of it, ms. */
  readonly lookMs: number
  /** After so long what this node could not take is tried again, ms. */
  readonly retryMs: number
}

/** When to try again. */
interface Retry {
  /** Of the file that was tried. */
  readonly state: string
  readonly atMs: number
  readonly lacksBase: boolean
}

const suffixes = /\.(?:tar|tar\.gz|tgz|tar\.zst|tzst|tar\.bz2|tbz|tbz2|tar\.lz4|txt)$/i
/** What copying programs call a file that is not complete. */
const isUnfinished = (path: string): boolean => /(?:^|\/)\.[^/]*$/.test(path)
const isOurs = ({ path }: DroppedFile): boolean => suffixes.test(path) && !isUnfinished(path)

/**
 * Watches a folder: every archive and list in it is imported once, the oldest first, when its size and time have settled and it is closed;
 * again when it changes. What is refused is told beside it, and holds up nothing.
 */
export function watchDropFolder(
  parts: DropFolderParts,
  { settleMs, lookMs, retryMs }: DropFolderSettings,
): DropFolder {
  const { files, memory, clock, timers, log } = parts
  const seen = new Map(memory.load().map(file => [file.path, file]))
  const growing = new Map<string, { readonly state: string; readonly sinceMs: number }>()
  const retries = new Map<string, Retry>()
  const ending = new AbortController()
  const deal = createDealWithFile(parts, ending.signal)
  let running: Promise<void> | undefined
  /** Lists that are pulled, or wait for it, one after another: a slow uplink holds up no archive. */
  const pulling = new Set<string>()
  let pulled: Promise<void> = Promise.resolve()
  /** Something happened since the folder was last listed. */
  let isStale = false
  let stopTimer = () => {}

  /** Whether a file is complete and has to be looked at now. */
  function isDue(file: DroppedFile, nowMs: number): boolean {
    if (pulling.has(file.path)) return false
    const state = stateOf(file)
    const known = seen.get(file.path)
    if (known !== undefined && isUnchanged(known, file)) return false
    const retry = retries.get(file.path)
    if (retry?.state === state && nowMs < retry.atMs) return false
    const before = growing.get(file.path)
    if (before?.state === state) return nowMs - before.sinceMs >= settleMs
    growing.set(file.path, { state, sinceMs: nowMs })
    return false
  }

  async function remember(file: SeenFile): Promise<void> {
    seen.set(file.path, file)
    growing.delete(file.path)
    retries.delete(file.path)
    await memory.remember(file)
  }

  /** The same bytes under another name or with another time: nobody brought anything. */
  async function isKnownContent(file: DroppedFile, listed: ReadonlySet<string>): Promise<boolean> {
    const before =
      seen.get(file.path) ?? [...seen.values()].find(other => isMoved(other, file, listed))
    if (before?.hash === undefined || before.size !== file.size) return false
    if ((await deal.hash(file)) !== before.hash) return false
    if (before.path !== file.path) {
      seen.delete(before.path)
      await memory.forget(before.path)
    }
    await remember({ ...file, hash: before.hash, outcome: before.outcome })
    return true
  }

  async function take(file: DroppedFile, listed: ReadonlySet<string>): Promise<void> {
    if (await isKnownContent(file, listed)) return
    const { outcome, hash, lacksBase } = await deal.take(file)
    parts.onDone(outcome)
    if (outcome === 'failed') {
      const atMs = clock.monotonicMs() + retryMs
      retries.set(file.path, { state: stateOf(file), atMs, lacksBase })
      return
    }
    await remember({ ...file, hash, outcome })
    if (outcome === 'imported') retryWhatLacked()
  }

  /** A bundle whose base may have come: looked at again soon, for its base is what people copy with it. */
  function retryWhatLacked(): void {
    for (const [path, { lacksBase }] of retries) {
      if (!lacksBase) continue
      retries.delete(path)
      isStale = true
    }
  }

  async function lookThrough(): Promise<void> {
    isStale = false
    const nowMs = clock.monotonicMs()
    const listed = (await files.list()).filter(isOurs)
    const paths = new Set(listed.map(({ path }) => path))
    await forgetGone(paths)
    const settled = listed.filter(file => isDue(file, nowMs))
    const written = await files.beingWritten(settled.map(({ path }) => path))
    const due = settled.filter(({ path }) => !written.has(path))
    due.sort((a, b) => a.mtimeMs - b.mtimeMs || (a.path < b.path ? -1 : 1))
    for (const file of due) {
      if (ending.signal.aborted) return
      if (isList(file.path)) pull(file, paths)
      else await take(file, paths)
    }
  }

  /** What was wrong with a file that is not there any more interests nobody. What was imported is remembered: the file may come back. */
  async function forgetGone(listed: ReadonlySet<string>): Promise<void> {
    const isGone = (path: string) => !listed.has(path) && !pulling.has(path)
    for (const path of [...growing.keys()].filter(isGone)) growing.delete(path)
    for (const path of [...retries.keys()].filter(isGone)) {
      retries.delete(path)
      await files.tell(path, undefined)
    }
    for (const { path, outcome } of [...seen.values()]) {
      if (outcome !== 'refused' || !isGone(path)) continue
      seen.delete(path)
      await memory.forget(path)
      await files.tell(path, undefined)
    }
  }

  function pull(file: DroppedFile, listed: ReadonlySet<string>): void {
    pulling.add(file.path)
    pulled = pulled
      .then(() => (ending.signal.aborted ? undefined : take(file, listed)))
      .catch(tell)
      .finally(() => pulling.delete(file.path))
  }

  function tell(err: unknown): void {
    if (!ending.signal.aborted) log.error({ err }, 'the drop folder was not looked through')
  }

  function pass(): Promise<void> {
    running ??= lookThrough()
      .catch(tell)
      .finally(() => {
        running = undefined
        lookAgain(isStale || growing.size > 0 ? settleMs : lookMs)
      })
    return running
  }

  function lookAgain(afterMs: number): void {
    stopTimer()
    if (!ending.signal.aborted) stopTimer = timers.after(afterMs, () => void pass())
  }

  const stopListening = files.onChange(() => {
    isStale = true
    void pass()
  })
  lookAgain(0)

  return {
    pass,
    async close() {
      ending.abort()
      stopTimer()
      stopListening()
      await running
      await pulled
      await files.close()
    },
  }
}

const stateOf = ({ size, mtimeMs }: Pick<DroppedFile, 'size' | 'mtimeMs'>): string =>
  `${size} ${mtimeMs}`

const isUnchanged = (known: SeenFile, file: DroppedFile): boolean =>
  stateOf(known) === stateOf(file) && known.ctimeMs === file.ctimeMs

const isMoved = (other: SeenFile, file: DroppedFile, listed: ReadonlySet<string>): boolean =>
  stateOf(other) === stateOf(file) && !listed.has(other.path)
