import { randomInt } from 'node:crypto'
import { BusFailure, maxBusBytes, type Verdict } from '../../ports/bus.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { PeerFailure } from '../../ports/peer-port.ts'

/** Says what is to become of a message. */
export type Judge = (message: Uint8Array, from: NodeId) => Verdict | Promise<Verdict>

/** A judge that is slower than this has not spoken, ms. */
const patienceMs = 100

/** What the judge says; `ignore` when he throws or is late. */
export async function judgeInTime(
  judge: Judge,
  message: Uint8Array,
  from: NodeId,
): Promise<Verdict> {
  const { promise: late, resolve: tooLate } = Promise.withResolvers<Verdict>()
  const timer = setTimeout(() => tooLate('ignore'), patienceMs)
  try {
    return await Promise.race([judge(message, from), late])
  } catch {
    return 'ignore'
  } finally {
    clearTimeout(timer)
  }
}

/** Some of them at random. */
export function choose<T>(from: readonly T[], count: number): readonly T[] {
  const left = [...from]
  const chosen: T[] = []
  while (chosen.length < count && left.length > 0) {
    chosen.push(...left.splice(randomInt(left.length), 1))
  }
  return chosen
}

/** The same bytes. Throws `RangeError` when they are more than a bus carries. */
export function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength <= maxBusBytes) return bytes
  throw new RangeError(`${bytes.byteLength} bytes: ${maxBusBytes} is the most`)
}

/** What the peer port's failures mean on a bus. */
export function toBusFailure(error: unknown, who: string): BusFailure {
  if (error instanceof BusFailure) return error
  const isRefusal = error instanceof PeerFailure && error.code === 'refused'
  const code = isRefusal ? 'refused' : 'unreachable'
  return new BusFailure(code, `${who} ${isRefusal ? 'refuses us' : 'does not answer'}`, error)
}
