import { BusFailure, maxBusBytes } from '../../ports/bus.ts'
import { PeerFailure } from '../../ports/peer-port.ts'

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
