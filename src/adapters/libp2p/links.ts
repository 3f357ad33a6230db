import type { Connection, Stream } from '@libp2p/interface'
import { keyIdOf } from './keyed-encrypters.ts'

/** Whether a connection can still be used. */
export const isOpen = (connection: Connection): boolean => connection.status === 'open'

/** The streams of a connection that carry gossip. */
export function gossipStreams(connection: Connection): readonly Stream[] {
  return connection.streams.filter(({ protocol }) => protocol.startsWith('/meshsub/'))
}

/** Whether we can tell the other side something. */
export function canGossip(connection: Connection): boolean {
  return gossipStreams(connection).some(
    ({ direction, status, writeStatus }) =>
      direction === 'outbound' && status === 'open' && writeStatus === 'writable',
  )
}

/** Ends a connection; what was sent is delivered when the other side takes it within a second. */
export async function closeConnection(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(1_000) })
  } catch (error) {
    connection.abort(error instanceof Error ? error : new Error(String(error)))
  }
}

/**
 * Which of several connections with one node are to be closed by us. Both sides close only what they dialled, so that they never close
 * both ends of a choice: what the node with the smaller id dialled stays, and of several the newest, with the first key before others.
 */
export function superfluous(
  connections: readonly Connection[],
  isOursToKeep: boolean,
  firstKeyId: string,
): readonly Connection[] {
  const ours = connections.filter(({ direction }) => direction === 'outbound')
  const isDialledByThem = ours.length < connections.length
  if (!isOursToKeep && isDialledByThem) return ours
  const rank = (one: Connection): number => (keyIdOf(one.encryption) === firstKeyId ? 1 : 0)
  const [, ...rest] = ours.toSorted(
    (a, b) => rank(b) - rank(a) || b.timeline.open - a.timeline.open,
  )
  return rest
}
