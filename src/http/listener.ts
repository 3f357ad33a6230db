import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Where to listen. Port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** A face that was built and can listen. */
export interface Listener {
  /** Begins to listen and tells where. Rejects when the address is taken or not this machine's. */
  listen(): Promise<ListenAddress>
  /**
   * Stops accepting at once, lets running answers end for at most `graceMs`, then cuts them with a FIN. Idle connections are closed
   * at once. Settles when no connection is left.
   */
  close(): Promise<void>
}

/** Makes a listener of a built app: building is one act, listening another. */
export function createListener(
  app: FastifyInstance,
  { address, graceMs }: { readonly address: ListenAddress; readonly graceMs: number },
): Listener {
  const connections = trackConnections(app.server)
  return {
    listen: async () => {
      await app.listen({ host: address.host, port: address.port, listenTextResolver: () => '' })
      const bound = app.server.address()
      return isAddress(bound) ? { host: bound.address, port: bound.port } : address
    },
    close: () => connections.endWith(graceMs, () => app.close()),
  }
}

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

const isAddress = (bound: AddressInfo | string | null): bound is AddressInfo =>
  typeof bound === 'object' && bound !== null
