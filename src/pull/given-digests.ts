import type { Digest } from '../oci/digest.ts'
import { formatTag, type TagReference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { TagLedger, Target } from '../ports/tag-ledger.ts'
import type { ContentGraph } from './content-graph.ts'

/** How long after an answer a client that needs the manifest would have asked for it, in ms. */
const settleMs = 30_000
/** How long after the last byte a client that needs another blob would have asked for it, in ms: it asks for several at once. */
const pulledMs = 5_000
const maxWaiting = 1_000

/** Remembers which answers were enough by themselves, or with some of the image. */
export interface GivenDigests {
  /** A client's HEAD was answered with this. */
  given(key: TagReference, target: Target): void
  /** A client fetched this manifest: it did not hold it. */
  fetched(digest: Digest): void
  /** A client asked for this blob. @returns to be called when that is over, with whether all was sent that was asked for */
  asked(digest: Digest): (isSent: boolean) => void
  /** Writes down what has settled; called every few seconds. */
  settle(): void
}

interface Waiting {
  readonly key: TagReference
  readonly target: Target
  readonly sinceMs: number
  /** Once something of the image was asked for. */
  pull: Pull | undefined
}

interface Pull {
  /** Blobs that are being sent. */
  underway: number
  /** Layers, or ranges of them: who is sent no more than the configuration may only have looked at it. */
  sent: number
  quietSinceMs: number
}

/**
 * A containerd that already holds an image sends one HEAD for its tag and nothing more, and one that holds some layers of it asks only
 * for the others. Whoever was given a digest and did not fetch its manifest within 30 s holds it, and so does who fetched the manifest,
 * was sent all blobs that he asked for, a layer among them, and then asked for no other: such a digest can be answered again although
 * this node does not hold all of it.
 */
export function createGivenDigests(parts: {
  readonly ledger: Pick<TagLedger, 'setHeldByClients' | 'heldByClients'>
  readonly graph: Pick<ContentGraph, 'ancestors' | 'parents' | 'manifest'>
  readonly clock: Clock
}): GivenDigests {
  const { ledger, graph, clock } = parts
  const waiting = new Map<string, Waiting>()

  function isSettled({ sinceMs, pull }: Waiting, nowMs: number): boolean {
    if (pull === undefined) return nowMs - sinceMs >= settleMs
    return pull.underway === 0 && pull.sent > 0 && nowMs - pull.quietSinceMs >= pulledMs
  }

  function isLayer(digest: Digest): boolean {
    for (const parent of graph.parents(digest)) {
      const content = graph.manifest(parent)?.content
      if (content?.kind === 'image' && content.config.digest !== digest) return true
    }
    return false
  }

  function pullOf(entry: Waiting): Pull {
    entry.pull ??= { underway: 0, sent: 0, quietSinceMs: clock.monotonicMs() }
    return entry.pull
  }

  return {
    given(key, target) {
      const name = formatTag(key)
      if (waiting.get(name)?.target.digest === target.digest) return
      if (waiting.size >= maxWaiting) return
      waiting.set(name, { key, target, sinceMs: clock.monotonicMs(), pull: undefined })
    },
    fetched(digest) {
      for (const entry of waiting.values()) if (entry.target.digest === digest) pullOf(entry)
    },
    asked(digest) {
      if (waiting.size === 0) return () => undefined
      const above = graph.ancestors(digest)
      const pulled = [...waiting].filter(([, { target }]) => above.has(target.digest))
      const counts = isLayer(digest) ? 1 : 0
      for (const [, entry] of pulled) pullOf(entry).underway += 1
      return isSent => {
        for (const [name, entry] of pulled) {
          const pull = pullOf(entry)
          pull.underway -= 1
          pull.sent += counts
          pull.quietSinceMs = clock.monotonicMs()
          if (!isSent && waiting.get(name) === entry) waiting.delete(name)
        }
      }
    },
    settle() {
      const nowMs = clock.monotonicMs()
      for (const [name, entry] of waiting) {
        if (!isSettled(entry, nowMs)) {
          if (isAbandoned(entry, nowMs)) waiting.delete(name)
          continue
        }
        waiting.delete(name)
        const { key, target } = entry
        if (ledger.heldByClients(key)?.digest === target.digest) continue
        ledger.setHeldByClients(key, target)
      }
    },
  }
}

/** Its manifest was fetched and then nothing of it: that may have been a look at it alone. */
function isAbandoned({ pull }: Waiting, nowMs: number): boolean {
  return pull?.sent === 0 && pull.underway === 0 && nowMs - pull.quietSinceMs >= settleMs
}
