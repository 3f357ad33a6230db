import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { Pool } from 'undici'
import { type Answer, type Asked, exchange, isClosedConnection } from './exchange.ts'
import { createSlots } from './slots.ts'

/** Connections to one node that only one kind of question uses: a transfer must not keep small questions waiting. */
export interface Lane {
  /** Waits for room; gives how to leave it, once. Rejects with `PeerFailure` `busy`, or the signal's reason. */
  enter(signal: AbortSignal): Promise<() => void>
  /** Sends a request; settles with its head. Rejects with `PeerFailure`, or the signal's reason. */
  send(asked: Asked): Promise<Answer>
  /** New requests get new connections; those under way go on. */
  renew(): void
  /** Those under way go on, and nothing follows. */
  retire(): void
  /** Cuts everything. */
  close(): Promise<void>
}

const idleKeepMs = 60_000
const longestIdleKeepMs = 70_000
const maxHeaderBytes = 8 * 1024

/** Makes a lane on which `running` questions are under way at a time and `waiting` may wait. */
export function createLane(
  connect: () => Promise<TLSSocket>,
  bounds: { readonly running: number; readonly waiting: number },
): Lane {
  const slots = createSlots(bounds)
  const open = new Set<Pool>()
  let dialled = 0
  let pool: Pool | undefined

  function makePool(): Pool {
    // The origin names nobody: who is there is known by the key.
    const made = new Pool('http://peer', {
      allowH2: false,
      // More than are asked: undici frees a connection a turn after its answer.
      connections: bounds.running + 2,
      pipelining: 1,
      keepAliveTimeout: idleKeepMs,
      keepAliveMaxTimeout: longestIdleKeepMs,
      maxHeaderSize: maxHeaderBytes,
      connect: (_, callback) => {
        dialled += 1
        connect().then(
          socket => callback(null, socket),
          error => callback(error, null),
        )
      },
    })
    open.add(made)
    return made
  }

  async function endGracefully(old: Pool): Promise<void> {
    // A request that has just taken this pool gets its turn first.
    await nextTurn()
    await old.close().catch(() => undefined)
    open.delete(old)
  }

  function retire(): void {
    if (pool !== undefined) void endGracefully(pool)
    pool = undefined
  }

  /** The pool for a request that begins now. */
  async function current(): Promise<Pool> {
    const { connected = 0, free = 0 } = pool?.stats ?? {}
    if (connected > 0 && free === 0) await nextTurn()
    pool ??= makePool()
    return pool
  }

  async function send(asked: Asked): Promise<Answer> {
    const used = await current()
    const before = dialled
    try {
      return await exchange(used, asked)
    } catch (error) {
      const wasKept = dialled === before
      if (!isClosedConnection(error) || !wasKept || asked.signal.aborted) throw error
      // A kept connection that was closed meanwhile is no answer: asked again, once, on a new one.
      if (pool === used) retire()
      return exchange(await current(), asked)
    }
  }

  return {
    enter: signal => slots.take(signal),
    send,
    renew: retire,
    retire,
    async close() {
      const closed = new Error('the client was closed')
      await Promise.allSettled([...open].map(one => one.destroy(closed)))
      open.clear()
    },
  }
}
