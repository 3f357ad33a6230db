import type { NodeId } from '../../ports/node-id.ts'

/** Bounds what is held of questions at a time: nobody fills the memory by asking much, and slowly. */
export interface QuestionBudget {
  /** For one question. Whoever begins it ends it, once. */
  begin(from: NodeId): QuestionShare
}

/** What one question takes. */
export interface QuestionShare {
  /** Whether so many bytes more may be taken in. */
  take(bytes: number): boolean
  end(): void
}

/** Questions this small are always taken in: their number is bounded. */
const smallBytes = 64 * 1024

/** All is free at first. */
export function createQuestionBudget(most: {
  readonly totalBytes: number
  readonly bytesPerPeer: number
}): QuestionBudget {
  const held = new Map<NodeId, number>()
  let total = 0

  function add(id: NodeId, bytes: number): void {
    total += bytes
    const now = (held.get(id) ?? 0) + bytes
    if (now === 0) held.delete(id)
    else held.set(id, now)
  }

  return {
    begin(id) {
      let came = 0
      let counted = 0
      return {
        take(bytes) {
          came += bytes
          if (came <= smallBytes) return true
          const more = came - counted
          const own = held.get(id) ?? 0
          if (total + more > most.totalBytes || own + more > most.bytesPerPeer) return false
          add(id, more)
          counted = came
          return true
        },
        end() {
          if (counted > 0) add(id, -counted)
          counted = 0
        },
      }
    },
  }
}
