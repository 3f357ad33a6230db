import { formatTag, type TagReference } from '../oci/reference.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { AskUpstream } from './ask-upstream.ts'
import type { ResolveOptions } from './resolution.ts'

/** Tags remembered for a later question at the most; the oldest is forgotten first. */
const maxWanted = 1_000

/** Asks upstream again, behind the clients' backs, for what memory had to answer. */
export interface RefreshBehind {
  /** The rest of the image is left to those who asked if all of them leave it. */
  want(key: TagReference, options?: Pick<ResolveOptions, 'leavesRest'>): void
  close(): void
}

/**
 * Tags that memory answered are asked again as soon as their upstream can be asked: at once where it is only slow, when it comes
 * back where it is down; never faster than one question per `everyMs`.
 */
export function createRefreshBehind(
  parts: {
    readonly upstream: Pick<Upstream, 'reach' | 'onRecovered'>
    readonly askUpstream: AskUpstream
    /** `false` while the mode forbids asking. */
    readonly mayAsk: () => boolean
  },
  settings: { readonly everyMs: number },
): RefreshBehind {
  const wanted = new Map<string, { readonly key: TagReference; leavesRest: boolean }>()
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
    for (const [name, { key, leavesRest }] of wanted) {
      if (parts.upstream.reach(key).state !== 'reachable') continue // stays until it recovers
      wanted.delete(name)
      parts.askUpstream(key, { leavesRest }).catch(() => {}) // its failure is the breaker's business
      schedule()
      return
    }
  }

  return {
    want(key, { leavesRest = false } = {}) {
      const name = formatTag(key)
      const known = wanted.get(name)
      if (known !== undefined) {
        known.leavesRest &&= leavesRest
        return schedule()
      }
      if (wanted.size >= maxWanted) wanted.delete(wanted.keys().next().value ?? name)
      wanted.set(name, { key, leavesRest })
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
