import { createHash } from 'node:crypto'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerChunkHashes, peerChunkBytes } from '../ports/peer-port.ts'

/** Who sent which chunk of a blob, and its hash: what is needed to tell who lied. */
export interface ChunkNotes {
  /** Takes note of what one node sends in a row from `start` on. */
  from(id: NodeId, start: number): (chunk: Uint8Array) => void
  /** Whether a node sent a chunk that its own list does not have. */
  contradicts(id: NodeId, list: PeerChunkHashes): boolean
}

const hashBytes = 32

/** @param size of the whole blob, bytes */
export function createChunkNotes(size: number): ChunkNotes {
  const sent = new Map<number, { readonly id: NodeId; readonly hash: Buffer }>()

  return {
    from(id, start) {
      let at = start
      // What begins within a chunk cannot be compared before the next.
      let hash = start % peerChunkBytes === 0 ? createHash('sha256') : undefined

      function take(part: Uint8Array): void {
        hash?.update(part)
        at += part.byteLength
        if (at % peerChunkBytes !== 0 && at !== size) return
        const number = Math.ceil(at / peerChunkBytes) - 1
        if (hash !== undefined) sent.set(number, { id, hash: hash.digest() })
        hash = createHash('sha256')
      }
      return chunk => {
        for (let rest = chunk; rest.byteLength > 0 && at < size; ) {
          const part = rest.subarray(0, peerChunkBytes - (at % peerChunkBytes))
          rest = rest.subarray(part.byteLength)
          take(part)
        }
      }
    },
    contradicts(id, { first, hashes }) {
      for (const [number, chunk] of sent) {
        const at = (number - first) * hashBytes
        const told = hashes.subarray(Math.max(at, 0), Math.max(at + hashBytes, 0))
        if (chunk.id === id && !chunk.hash.equals(told)) return true
      }
      return false
    },
  }
}
