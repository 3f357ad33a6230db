import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { realpath } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { HoldfastError } from '../../ports/errors.ts'
import { codeOf, ifThere } from './whole-file.ts'

/** Who is at it takes a moment, ms. */
const longestMs = 10_000
const tryEveryMs = 50

/**
 * Changes the files under a directory while no other process of ours on this machine does: two would each write down in the journal what
 * they did, and the later one forget the other's, backups included. The lock is a name among the sockets of the kernel: it leaves no file,
 * and ends with the process, however that ends. Throws `HoldfastError` `directory-in-use`.
 */
export async function inTurn<T>(
  directory: string,
  work: () => Promise<T>,
  waitMs = longestMs,
): Promise<T> {
  const real = (await ifThere(realpath(directory))) ?? directory
  const lock = await takeLock(real, performance.now() + waitMs)
  try {
    return await work()
  } finally {
    lock.close()
  }
}

async function takeLock(directory: string, untilMs: number): Promise<Server> {
  const name = createHash('sha256').update(directory).digest('hex')
  for (;;) {
    const server = createServer(socket => socket.destroy())
    try {
      await once(server.listen({ path: `\0holdfast-containerd-${name}` }), 'listening')
      return server
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') throw error
      if (performance.now() > untilMs) {
        const what = `another holdfast is changing the files in ${directory}: try again when it is done`
        throw new HoldfastError('directory-in-use', what, error)
      }
    }
    await wait(tryEveryMs)
  }
}
