import type { TLSSocket } from 'node:tls'
import type { ClusterKeys } from '../../ports/cluster-keys.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { nodeIdOf } from './certificate.ts'
import type { IntruderReason } from './observer.ts'
import { encodePreface, isSameProof, type Preface, proofOf, readPreface } from './preface.ts'

/** Who is at the other end of a connection that was let in. */
export interface Admitted {
  readonly id: NodeId
  /** Of the cluster key it was made with. */
  readonly keyId: string
}

/** Somebody who is not let in; `id` where a certificate told it. */
export interface Intruder {
  readonly reason: IntruderReason
  readonly id?: NodeId
}

/** Lets members in. */
export interface Gate {
  /**
   * Settles with who it is once both sides have proven a cluster key. Whoever is not let in was told so where it makes sense, and the
   * socket ends.
   */
  admit(socket: TLSSocket): Promise<Admitted | Intruder>
}

/** Makes the gate of a server. `prefaceMs` bounds the wait for the proof. */
export function createGate(
  needs: {
    readonly self: NodeId
    readonly keys: ClusterKeys
    readonly isBanned: (id: NodeId) => boolean
    /** Whether one more connection of this node is too much. */
    readonly isFull: (id: NodeId) => boolean
  },
  { prefaceMs }: { readonly prefaceMs: number },
): Gate {
  const { self, keys, isBanned, isFull } = needs

  function judge(id: NodeId, preface: Preface, socket: TLSSocket): Admitted | Intruder {
    const ends = { client: id, server: self }
    const key = keys.current().find(({ id }) => id === preface.keyId)
    if (key === undefined) return { reason: 'unknown-key', id }
    const isProven = isSameProof(preface.proof, proofOf(key, 'client', ends, socket))
    if (!isProven) return { reason: 'wrong-proof', id }
    // Only who has a key is told more than that it has none.
    if (isBanned(id)) return { reason: 'banned', id }
    if (isFull(id)) return { reason: 'full', id }
    socket.write(
      encodePreface('accepted', {
        keyId: key.id,
        proof: proofOf(key, 'server', ends, socket),
      }),
    )
    return { id, keyId: key.id }
  }

  async function hear(id: NodeId, socket: TLSSocket): Promise<Admitted | Intruder> {
    const preface = await readPreface(socket, AbortSignal.timeout(prefaceMs)).catch(() => undefined)
    if (preface === undefined || socket.destroyed) return { reason: 'no-preface', id }
    const verdict = judge(id, preface, socket)
    if ('reason' in verdict && isTold(verdict.reason)) socket.write(encodePreface(verdict.reason))
    return verdict
  }

  return {
    async admit(socket) {
      const id = nodeIdOf(socket.getPeerX509Certificate())
      const verdict =
        id === undefined ? ({ reason: 'no-certificate' } as const) : await hear(id, socket)
      if ('reason' in verdict) socket.destroySoon()
      return verdict
    },
  }
}

type Told = Extract<IntruderReason, Preface['verdict']>

const told: ReadonlySet<string> = new Set<Told>(['unknown-key', 'wrong-proof', 'banned', 'full'])

const isTold = (reason: IntruderReason): reason is Told => told.has(reason)
