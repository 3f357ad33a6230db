import type { Digest } from '../oci/digest.ts'
import { formatTag, type TagReference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { TagLedger, Target } from '../ports/tag-ledger.ts'

/** How long after an answer a client that needs the manifest would have asked for it, in ms. */
const settleMs = 30_000
const maxWaiting = 1_000

/** Remembers which answers were enough by themselves. */
export interface GivenDigests {
  /** A client's HEAD was answered with this. */
  given(key: TagReference, target: Target): void
  /** A client fetched this manifest: it did not hold it. */
  fetched(digest: Digest): void
  /** Writes down what has settled; called every few seconds. */
  settle(): void
}

/**
 * A containerd that already holds an image sends one HEAD for its tag and nothing more. Whoever was given a digest and did not
 * fetch its manifest within 30 s holds it: such a digest can be answered again although this node holds none of its bytes.
 */
export function createGivenDigests(parts: {
  readonly ledger: Pick<TagLedger, 'setHeldByClients' | 'heldByClients'>
  readonly clock: Clock
}): GivenDigests {
  const waiting = new Map<
    string,
    { readonly key: TagReference; readonly target: Target; readonly sinceMs: number }
  >()

  return {
    given(key, target) {
      const name = formatTag(key)
      if (waiting.get(name)?.target.digest === target.digest) return
      if (waiting.size >= maxWaiting) return
      waiting.set(name, { key, target, sinceMs: parts.clock.monotonicMs() })
    },
    fetched(digest) {
      for (const [name, entry] of waiting) {
        if (entry.target.digest === digest) waiting.delete(name)
      }
    },
    settle() {
      const now = parts.clock.monotonicMs()
      for (const [name, { key, target, sinceMs }] of waiting) {
        if (now - sinceMs < settleMs) continue
        waiting.delete(name)
        if (parts.ledger.heldByClients(key)?.digest !== target.digest) {
          parts.ledger.setHeldByClients(key, target)
        }
      }
    },
  }
}
