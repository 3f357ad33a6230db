import { status } from '@grpc/grpc-js'
import type { NeighbourState } from '../../ports/neighbour-store.ts'

/** Why containerd cannot be used now. */
export class ContainerdFailure extends Error {
  override readonly name = 'ContainerdFailure'
  readonly state: Exclude<NeighbourState, 'connecting' | 'connected'>

  constructor(state: ContainerdFailure['state'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.state = state
  }
}

/** The gRPC status of an error, if it has one. */
export function statusOf(error: unknown): status | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'number' ? code : undefined
}

/** What a failed call says of containerd. */
export function failureOf(error: unknown): ContainerdFailure {
  if (error instanceof ContainerdFailure) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = statusOf(error)
  if (code === status.DEADLINE_EXCEEDED) {
    return new ContainerdFailure('hanging', 'it does not answer', error)
  }
  const isGone = code === status.UNAVAILABLE || code === status.CANCELLED
  return new ContainerdFailure(isGone ? 'lost' : 'failing', message, error)
}
