import type { Socket } from 'node:net'

/** Connections that have not proven anything yet. */
export interface PendingSockets {
  /** Adds one as it was accepted. When there are too many the oldest goes: who means well is through in no time. */
  add(socket: Socket): void
  /** This one (or TLS on it) has proven what it is. */
  settle(socket: Socket): void
  destroy(): void
}

/** Makes an empty set for at most so many. */
export function createPendingSockets(most: number): PendingSockets {
  // TLS does not tell which socket it was given; both have the same ends.
  const pending = new Map<string, Socket>()
  return {
    add(socket) {
      const ends = endsOf(socket)
      pending.set(ends, socket)
      socket.once('close', () => {
        if (pending.get(ends) === socket) pending.delete(ends)
      })
      const [oldest] = pending.values()
      if (pending.size > most) oldest?.destroy()
    },
    settle: socket => void pending.delete(endsOf(socket)),
    destroy() {
      for (const socket of pending.values()) socket.destroy()
    },
  }
}

const endsOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
