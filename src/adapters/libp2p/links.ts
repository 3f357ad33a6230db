import type { Connection, Stream } from '@libp2p/interface'
import { startGrace } from './grace.ts'

/** So long the other side has to take what was sent before an end. */
const maxClosingMs = 1_000

/** Whether a connection can still be used. */
export const isOpen = (connection: Connection): boolean => connection.status === 'open'

/** The streams of a connection that carry gossip. */
export function gossipStreams(connection: Connection): readonly Stream[] {
  return connection.streams.filter(({ protocol }) => protocol.startsWith('/meshsub/'))
}

/** The streams on which we can tell the other side something. */
export function tellingStreams(connection: Connection): readonly Stream[] {
  return gossipStreams(connection).filter(
    ({ direction, status, writeStatus }) =>
      direction === 'outbound' && status === 'open' && writeStatus === 'writable',
  )
}

/** Whether we can tell the other side something. */
export const canGossip = (connection: Connection): boolean => tellingStreams(connection).length > 0

/** Ends a connection; what was sent is delivered when the other side takes it in time. */
export async function closeConnection(connection: Connection): Promise<void> {
  const grace = startGrace(maxClosingMs)
  try {
    await connection.close({ signal: grace.signal })
  } catch (error) {
    connection.abort(asError(error))
  } finally {
    grace.end()
  }
}

/** Ends a stream in both directions; what was sent is delivered when the other side takes it in time. */
export async function closeStream(stream: Stream): Promise<void> {
  if (stream.status !== 'open') return
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.addEventListener('close', () => resolve(), { once: true })
  const grace = startGrace(maxClosingMs)
  grace.signal.addEventListener('abort', () => stream.abort(asError(grace.signal.reason)))
  try {
    await stream.close({ signal: grace.signal })
  } catch (error) {
    stream.abort(asError(error))
  }
  await promise
  grace.end()
}

/** What was thrown, as an error. */
export const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error))

/**
 * Which of several connections with one node is to stay; both sides come to the same: of those that the node with the smaller id
 * dialled, or else of all, the newest.
 */
export function keptOf(
  connections: readonly Connection[],
  isSelfSmaller: boolean,
): Connection | undefined {
  const wanted = isSelfSmaller ? 'outbound' : 'inbound'
  const ofSmaller = connections.filter(({ direction }) => direction === wanted)
  const candidates = ofSmaller.length > 0 ? ofSmaller : connections
  return candidates.toSorted((a, b) => b.timeline.open - a.timeline.open)[0]
}
