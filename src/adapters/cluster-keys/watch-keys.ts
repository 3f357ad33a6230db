import { open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterKey, ClusterKeys } from '../../ports/cluster-keys.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import { parseKeys } from './key-lines.ts'

/** Keys from a file that is looked at again and again. */
export interface WatchedKeys extends ClusterKeys {
  /** Looks now; never rejects. */
  refresh(): Promise<void>
  close(): void
}

/** How often the file is looked at, and how long a change has to stand before it counts. */
export interface WatchOptions {
  readonly everyMs?: number
  readonly settleMs?: number
}

/** A file of keys is some hundred bytes; what is longer is another file. */
const maxFileBytes = 64 * 1024

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
  let text = await read(path)
  let keys = parseKeys(text, path)
  let told = ''
  let looking: Promise<void> | undefined
  const listeners = new Set<() => void>()
  const ended = new AbortController()

  async function look(): Promise<void> {
    const seen = await read(path)
    told = seen === text ? '' : told
    if (seen === text) return
    const next = parseKeys(seen, path)
    // An editor may be half way through: what stands a moment later was meant.
    await delay(settleMs, undefined, { signal: ended.signal })
    if ((await read(path)) !== seen) return
    text = seen
    told = ''
    change(next)
  }

  function tell(err: unknown): void {
    if (ended.signal.aborted) return
    const message = err instanceof Error ? err.message : String(err)
    if (message !== told) log.warn({ file: path, err }, 'cluster keys not read: the last ones stay')
    told = message
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

/** Throws `HoldfastError` with `config-invalid`, which says what to do. */
async function read(path: string): Promise<string> {
  const refuse = (what: string, cause?: unknown): HoldfastError =>
    new HoldfastError('config-invalid', `mesh.secretFile ${path} ${what}`, cause)
  try {
    await using file = await open(path)
    const bytes = Buffer.alloc(maxFileBytes + 1)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    if (bytesRead > maxFileBytes) throw refuse('is too long for a file of keys')
    return bytes.toString('utf8', 0, bytesRead)
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    const code = (error as NodeJS.ErrnoException).code
    const isAbsent = code === 'ENOENT' || code === 'ENOTDIR'
    const cure = `is not there; \`holdfast mesh secret --file ${path}\` makes one`
    throw refuse(isAbsent ? cure : `cannot be read (${code ?? error})`, error)
  }
}
