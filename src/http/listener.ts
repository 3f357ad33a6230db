import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
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

/** How often connections that became idle during a stop are swept, in ms; node leaves them to their keep-alive time. */
const sweepMs = 20

/** Makes a listener of a built app: building is one act, listening another. */
export function createListener(
  app: FastifyInstance,
  { address, graceMs }: { readonly address: ListenAddress; readonly graceMs: number },
): Listener {
  return {
    listen: async () => {
      await app.listen({ host: address.host, port: address.port, listenTextResolver: () => '' })
      const bound = app.server.address()
      return isAddress(bound) ? { host: bound.address, port: bound.port } : address
    },
    close: () => stop(app.server, graceMs, () => app.close()),
  }
}

/** Ends a server: `close` stops it accepting and settles when its last connection is gone, which this brings about in time. */
export async function stop(
  server: Pick<Server, 'closeIdleConnections' | 'closeAllConnections'>,
  graceMs: number,
  close: () => Promise<unknown>,
): Promise<void> {
  const sweep = setInterval(() => server.closeIdleConnections(), sweepMs)
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  try {
    await close()
  } finally {
    clearInterval(sweep)
    clearTimeout(cut)
  }
}

/** `127.0.0.1:5050`, `[::1]:5050`; throws a `TypeError` that names the text when it is neither. */
export function parseListenAddress(text: string): ListenAddress {
  const parts = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const host = parts?.[1] ?? parts?.[2]
  const port = Number(parts?.[3])
  if (host === undefined || !(port <= 65_535)) {
    throw new TypeError(`${text} is no listen address: write host:port or [ipv6]:port`)
  }
  return { host, port }
}

/** `127.0.0.1:5050`, `[::1]:5050` */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

const isAddress = (bound: AddressInfo | string | null): bound is AddressInfo =>
  typeof bound === 'object' && bound !== null
