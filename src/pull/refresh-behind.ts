import { formatTag, type TagReference } from '../oci/reference.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { UpstreamFlight } from './ask-upstream.ts'

/** Tags remembered for a later question at the most; the oldest is forgotten first. */
const maxWanted = 1_000

/** Asks upstream again, behind the clients' backs, for what memory had to answer. */
export interface RefreshBehind {
  want(key: TagReference): void
  close(): void
}

/**
 * Tags that memory answered are asked again as soon as their upstream can be asked: at once where it is only slow, when it comes
 * back where it is down; never faster than one question per `everyMs`.
 */
export function createRefreshBehind(
  parts: {
    readonly upstream: Pick<Upstream, 'reach' | 'onRecovered'>
    readonly askUpstream: (key: TagReference) => Promise<UpstreamFlight>
    /** `false` while the mode forbids asking. */
    readonly mayAsk: () => boolean
  },
  settings: { readonly everyMs: number },
): RefreshBehind {
  const wanted = new Map<string, TagReference>()
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const stopListening = parts.upstream.onRecovered(() => schedule())

  function schedule(): void {
    if (closed || timer !== undefined || wanted.size === 0) return
    timer = setTimeout(tick, settings.everyMs).unref()
  }

  function tick(): void {
    timer = undefined
    if (!parts.mayAsk()) wanted.clear()
    for (const [name, key] of wanted) {
      if (parts.upstream.reach(key).state !== 'reachable') continue // stays until it recovers
      wanted.delete(name)
      parts.askUpstream(key).catch(() => {}) // its failure is the breaker's business
      schedule()
      return
    }
  }

  return {
    want(key) {
      const name = formatTag(key)
      if (wanted.has(name)) return schedule()
      if (wanted.size >= maxWanted) wanted.delete(wanted.keys().next().value ?? name)
      wanted.set(name, key)
      schedule()
    },
    close() {
      closed = true
      clearTimeout(timer)
      stopListening()
      wanted.clear()
    },
  }
}
