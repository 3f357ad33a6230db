import type { Verdict } from './bus.ts'
import type { NodeId } from './node-id.ts'

/** Says what is to become of a message of the bus. */
type Judge = (message: Uint8Array, from: NodeId) => Verdict | Promise<Verdict>

/** A judge that is slower than this has not spoken, ms. */
const patienceMs = 100

/** Messages that may wait for their verdict at a time; more are dropped: a flood must not fill the memory. */
const maxWaiting = 256

/** Asks the judge of a bus in bounded time and number, as every bus does. */
export interface Judging {
  set(judge: Judge): void
  /** Never rejects. */
  ask(message: Uint8Array, from: NodeId): Promise<Verdict>
}

/** Until a judge is set, everything is ignored. */
export function createJudging(): Judging {
  let judge: Judge = () => 'ignore'
  let waiting = 0

  async function ask(message: Uint8Array, from: NodeId): Promise<Verdict> {
    if (waiting >= maxWaiting) return 'ignore'
    waiting += 1
    const { promise: late, resolve: tooLate } = Promise.withResolvers<Verdict>()
    const timer = setTimeout(() => tooLate('ignore'), patienceMs)
    try {
      return await Promise.race([judge(message, from), late])
    } catch {
      return 'ignore'
    } finally {
      clearTimeout(timer)
      waiting -= 1
    }
  }

  return {
    set(next) {
      judge = next
    },
    ask,
  }
}
