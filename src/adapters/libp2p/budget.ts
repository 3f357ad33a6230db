import type { Clock } from '../../ports/clock.ts'

/** What all neighbours together may tell: a mesh of any size says less than 50 messages a second. */
const messagesPerSecond = 300
const messagesAtOnce = 2_000
const bytesPerSecond = 4 * 1024 * 1024
const bytesAtOnce = 16 * 1024 * 1024

/** Bounds what gossipsub remembers of messages: their bytes for five seconds, their names for two minutes. */
export interface Budget {
  /** Whether a message of that size may still come in. */
  take(bytes: number): boolean
}

/** Full at first. */
export function createBudget(clock: Clock): Budget {
  let messages = messagesAtOnce
  let bytes = bytesAtOnce
  let atMs = clock.monotonicMs()
  return {
    take(size) {
      const nowMs = clock.monotonicMs()
      const seconds = (nowMs - atMs) / 1_000
      atMs = nowMs
      messages = Math.min(messagesAtOnce, messages + seconds * messagesPerSecond)
      bytes = Math.min(bytesAtOnce, bytes + seconds * bytesPerSecond)
      if (messages < 1 || bytes < size) return false
      messages -= 1
      bytes -= size
      return true
    },
  }
}
