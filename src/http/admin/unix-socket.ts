import { once } from 'node:events'
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { HoldfastError } from '../../ports/errors.ts'
import { trackConnections } from '../../wire/connections.ts'

/** A server on a unix socket. */
export interface SocketListener {
  /**
   * Begins to listen. A socket that a dead process left is replaced; rejects with `config-invalid` when a living one answers there, or
   * when something else lies there.
   */
  listen(): Promise<void>
  close(): Promise<void>
}

/** The owner and his group may ask. */
const socketMode = 0o660

/**
 * Lets a server listen on a unix socket whose file mode is the permission to ask. A question may take as long as its sender needs, as an
 * archive does; a connection on which nothing happens for `silentMs` is closed.
 */
export function listenOnSocket(
  server: Server,
  {
    path,
    graceMs,
    silentMs,
  }: { readonly path: string; readonly graceMs: number; readonly silentMs: number },
): SocketListener {
  const connections = trackConnections(server)
  server.requestTimeout = 0 // node's own is five minutes
  server.setTimeout(silentMs)
  return {
    async listen() {
      await mkdir(dirname(path), { recursive: true })
      await removeDead(path)
      // The mask holds while node binds, which it does within the call: there is no moment in which anybody may connect.
      const mask = process.umask(0o117)
      try {
        server.listen({ path })
      } finally {
        process.umask(mask)
      }
      if (!server.listening) await once(server, 'listening')
      await chmod(path, socketMode)
    },
    close: () =>
      server.listening
        ? connections.endWith(
            graceMs,
            () => new Promise(resolve => void server.close(() => resolve(undefined))),
          )
        : Promise.resolve(),
  }
}

async function removeDead(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  // Nobody answers there either, and it may be anything: a slip in the configuration is to cost nobody a file.
  if (found !== undefined && !found.isSocket()) {
    const cure = 'name another path, or remove it'
    throw new HoldfastError('config-invalid', `admin.socket: ${path} is no socket; ${cure}`)
  }
  const socket = connect({ path })
  try {
    await once(socket, 'connect')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return
    if (code !== 'ECONNREFUSED') throw error
    await unlink(path)
    return
  } finally {
    socket.destroy()
  }
  throw new HoldfastError('config-invalid', `admin.socket: another process answers on ${path}`)
}
