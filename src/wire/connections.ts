import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Ends a server in bounded time. */
export interface Connections {
  /** `close` stops the server accepting, and settles when the last connection is gone; this sees to it that they go. */
  endWith(graceMs: number, close: () => Promise<unknown>): Promise<void>
}

/**
 * Knows which connections of a server owe an answer, and ends them in place of node's own `closeIdleConnections`: that leaves those that
 * never asked anything, and destroys those whose answer is written but not yet sent.
 */
export function trackConnections(server: Server): Connections {
  /** The last answer begun on each connection; answers leave a connection in the order of their requests. */
  const lastOn = new Map<Socket, ServerResponse | undefined>()
  const open = new Set<Socket>()
  let isEnding = false

  // `close` calls this before anything else.
  server.closeIdleConnections = () => {}
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  // With TLS requests come on another socket than the one that was accepted, and what is no handshake yet is no connection of HTTP's.
  server.on(isTls(server) ? 'secureConnection' : 'connection', (socket: Socket) => {
    lastOn.set(socket, undefined)
    socket.once('close', () => lastOn.delete(socket))
  })
  server.on('request', (request, response) => {
    lastOn.set(request.socket, response)
    if (isEnding) endAfter(request.socket, response)
  })

  function endAfter(socket: Socket, last: ServerResponse | undefined): void {
    if (last === undefined || last.writableFinished || last.destroyed) socket.end()
    else last.once('close', () => socket.end())
  }

  return {
    async endWith(graceMs, close) {
      isEnding = true
      const closed = close()
      for (const [socket, last] of lastOn) endAfter(socket, last)
      const cut = setTimeout(() => {
        for (const socket of open) socket.destroy()
      }, graceMs)
      try {
        await closed
      } finally {
        clearTimeout(cut)
      }
    },
  }
}

const isTls = (server: Server): boolean => 'setSecureContext' in server
