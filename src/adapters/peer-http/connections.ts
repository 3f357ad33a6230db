import type { TLSSocket } from 'node:tls'
import type { ClusterKeys } from '../../ports/cluster-keys.ts'
import type { NodeId } from '../../ports/node-id.ts'
import type { Admitted } from './gate.ts'

/** A connection that both sides let in. */
export interface PeerConnection extends Admitted {
  /** `host:port` of the other end. */
  readonly address: string
}

/** The connections of one side, each with who is there and the key it was made with. */
export interface MemberConnections {
  add(socket: TLSSocket, member: PeerConnection): void
  of(socket: object): PeerConnection | undefined
  count(id: NodeId): number
  list(): readonly PeerConnection[]
  /** Ends all connections with a node. */
  end(id: NodeId): void
  /** Stops looking after them. */
  stop(): void
}

/** Who takes nothing of what was written for so long is cut, ms. A buffer at a time is written: this is 4 kB/s. */
const takeMs = 60_000

/**
 * Makes an empty table. A connection ends when its key is dropped, and when the other side does not take what is written to it: what
 * waits there is memory, and a place that somebody else could have.
 */
export function createMemberConnections(
  { keys }: { readonly keys: ClusterKeys },
  { takeWithinMs = takeMs }: { readonly takeWithinMs?: number } = {},
): MemberConnections {
  const members = new Map<TLSSocket, PeerConnection>()
  const counts = new Map<NodeId, number>()
  /** Bytes written when it was last seen to wait, and how often it was seen so. */
  const stuck = new Map<TLSSocket, number>()
  const timer = setInterval(cutStuck, takeWithinMs).unref()
  const forget = keys.onChange(endDropped)

  function endDropped(): void {
    const accepted = new Set(keys.current().map(({ id }) => id))
    for (const [socket, { keyId }] of members) if (!accepted.has(keyId)) socket.destroy()
  }

  function cutStuck(): void {
    for (const socket of members.keys()) {
      const { writableLength, bytesWritten } = socket
      if (writableLength === 0) stuck.delete(socket)
      else if (stuck.get(socket) === bytesWritten) socket.destroy()
      else stuck.set(socket, bytesWritten)
    }
  }

  function remove(socket: TLSSocket): void {
    const member = members.get(socket)
    if (member === undefined) return
    members.delete(socket)
    stuck.delete(socket)
    const left = (counts.get(member.id) ?? 1) - 1
    if (left === 0) counts.delete(member.id)
    else counts.set(member.id, left)
  }

  return {
    add(socket, member) {
      members.set(socket, member)
      counts.set(member.id, (counts.get(member.id) ?? 0) + 1)
      if (socket.destroyed) remove(socket)
      else socket.once('close', () => remove(socket))
      // Its key may have been dropped since it was proven.
      endDropped()
    },
    of: socket => members.get(socket as TLSSocket),
    count: id => counts.get(id) ?? 0,
    list: () => [...members.values()],
    end(id) {
      for (const [socket, member] of members) if (member.id === id) socket.destroy()
    },
    stop() {
      clearInterval(timer)
      forget()
    },
  }
}
