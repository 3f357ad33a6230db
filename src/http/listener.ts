import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { trackConnections } from '../wire/connections.ts'

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

const isAddress = (bound: AddressInfo | string | null): bound is AddressInfo =>
  typeof bound === 'object' && bound !== null
