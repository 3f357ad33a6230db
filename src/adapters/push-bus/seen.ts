import { createHash } from 'node:crypto'

/** Messages remembered; older ones would be news again, and are told by no one any more. */
const maxSeen = 8_192

/** Tells what is new. */
export interface Seen {
  /** Whether these bytes were never added before. */
  add(message: Uint8Array): boolean
}

/** Remembers the last messages by their hash. */
export function createSeen(): Seen {
  const hashes = new Set<string>()
  return {
    add(message) {
      const hash = createHash('sha256').update(message).digest('base64')
      if (hashes.has(hash)) return false
      hashes.add(hash)
      const [oldest] = hashes
      if (hashes.size > maxSeen && oldest !== undefined) hashes.delete(oldest)
      return true
    },
  }
}
