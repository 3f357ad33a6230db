import type { Digest } from '../oci/digest.ts'
import type { NodeId } from '../ports/node-id.ts'

/** Asks who holds digests, and settles when all are known, or everybody has answered. `saidBy`: who is asked together with the owners. */
export type LookUp = (digests: readonly Digest[], saidBy: NodeId | undefined) => Promise<unknown>

interface Running {
  readonly ended: Promise<unknown>
  readonly saidBy: NodeId | undefined
}

/** Many who ask at once ask once; whoever spoke of a digest is asked all the same. */
export function joinLookUps(ask: LookUp): LookUp {
  const running = new Map<Digest, Running>()

  function isAsked(digest: Digest, saidBy: NodeId | undefined): boolean {
    const one = running.get(digest)
    return one !== undefined && (saidBy === undefined || saidBy === one.saidBy)
  }

  function start(digests: readonly Digest[], saidBy: NodeId | undefined): void {
    const ended = ask(digests, saidBy).finally(() => {
      for (const digest of digests) {
        if (running.get(digest) === one) running.delete(digest)
      }
    })
    const one: Running = { ended, saidBy }
    for (const digest of digests) running.set(digest, one)
  }

  return (digests, saidBy) => {
    const fresh = digests.filter(digest => !isAsked(digest, saidBy))
    if (fresh.length > 0) start(fresh, saidBy)
    return Promise.all(digests.map(digest => running.get(digest)?.ended))
  }
}
