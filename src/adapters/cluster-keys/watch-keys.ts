import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterKey, ClusterKeys } from '../../ports/cluster-keys.ts'
import type { Log } from '../../ports/log.ts'
import { type KeyFileContent, readKeys, tellOpenMode } from './read-keys.ts'

/** Keys from a file that is looked at again and again. */
export interface WatchedKeys extends ClusterKeys {
  /** Why the file as it is now is not taken, and the keys of before stay; `undefined`: it is. */
  failure(): string | undefined
  /** Looks now; never rejects. */
  refresh(): Promise<void>
  close(): void
}

/** How often the file is looked at, and how long a change has to stand before it counts. */
export interface WatchOptions {
  readonly everyMs?: number
  readonly settleMs?: number
}

/**
 * The cluster keys of `mesh.secretFile`: one a line, blank lines and those that begin with # aside; the first is dialled with, all are
 * accepted. Rejects with `HoldfastError` `config-invalid` when there are none to begin with. Afterwards a file that is gone, unreadable or
 * wrong changes nothing and is told once: a node must not fall out of its mesh while somebody saves a file.
 *
 * The file is read rather than watched: so a swapped link of a Kubernetes secret, a replaced file and one that comes back are all the same.
 */
export async function watchKeys(
  path: string,
  { log }: { readonly log: Log },
  { everyMs = 2_000, settleMs = 100 }: WatchOptions = {},
): Promise<WatchedKeys> {
  const first = await readKeys(path)
  let { text, keys } = first
  /** Why the file as it is now is not taken. */
  let failure: string | undefined
  let looking: Promise<void> | undefined
  const listeners = new Set<() => void>()
  const ended = new AbortController()

  tellMode(first)

  async function look(): Promise<void> {
    const seen = await readKeys(path)
    if (seen.text === text) {
      recover()
      return
    }
    // An editor may be half way through: what stands a moment later was meant.
    await delay(settleMs, undefined, { signal: ended.signal })
    if ((await readKeys(path)).text !== seen.text) return
    text = seen.text
    recover()
    tellMode(seen)
    change(seen.keys)
  }

  function recover(): void {
    if (failure !== undefined) log.info({ file: path }, 'cluster keys are read again')
    failure = undefined
  }

  function tellMode(content: KeyFileContent): void {
    const warning = tellOpenMode(path, content)
    if (warning !== undefined) log.warn({ file: path }, warning)
  }

  function tell(err: unknown): void {
    if (ended.signal.aborted) return
    const message = err instanceof Error ? err.message : String(err)
    if (message !== failure) {
      log.warn({ file: path, reason: message }, 'cluster keys not read: the last ones stay')
    }
    failure = message
  }

  function change(next: readonly ClusterKey[]): void {
    const before = idsOf(keys)
    keys = next
    const after = idsOf(keys)
    if (before.join() === after.join()) return
    log.info({ file: path, first: after[0], accepted: after }, 'cluster keys changed')
    for (const listener of [...listeners]) listener()
  }

  function refresh(): Promise<void> {
    looking ??= look()
      .catch(tell)
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  const timer = setInterval(() => void refresh(), everyMs)
  timer.unref()
  return {
    current: () => keys,
    failure: () => failure,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    refresh,
    close() {
      clearInterval(timer)
      ended.abort()
      listeners.clear()
    },
  }
}

const idsOf = (keys: readonly ClusterKey[]): readonly string[] => keys.map(({ id }) => id)
