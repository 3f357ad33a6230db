import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import { type FailureClass, UpstreamFailure } from '../ports/errors.ts'
import type { Mode } from '../ports/mode.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { UpstreamFlight } from './ask-upstream.ts'
import { inTime } from './owner-rung.ts'
import { tellUnconfigured } from './resolve-tag.ts'

/** What came of asking a tag's owner because a person wants to know. */
export interface Refreshed {
  /**
   * `new`: nothing was known before; `late`: no answer within the deadline, and one that comes later is written down; `not-asked`: this
   * node may not ask.
   */
  readonly outcome: 'new' | 'moved' | 'unchanged' | 'late' | 'failed' | 'not-asked'
  /** The last known digest before the question. */
  readonly before: Digest | undefined
  /** And now. */
  readonly after: Digest | undefined
  /** In words. */
  readonly reason: string
  readonly failure: FailureClass | undefined
  /** Endpoint URL that answered. */
  readonly saidBy: string | undefined
  /** How long it took, ms. */
  readonly tookMs: number
}

/** Asks the owner now, also where it is known to be down. Settles within the deadline; rejects only when `signal` aborts. */
export type RefreshTag = (key: TagReference, signal: AbortSignal) => Promise<Refreshed>

const tellOffline =
  'mode is offline, `holdfast mode` tells who set it; `holdfast mode auto` has this node ask again'

type Told = Pick<Refreshed, 'outcome' | 'reason'> &
  Partial<Pick<Refreshed, 'failure' | 'saidBy' | 'after'>>

/** Refreshes by the flights that clients' questions take, so that an answer is verified, written and told on as any other. */
export function createRefreshTag(
  parts: {
    readonly ledger: Pick<TagLedger, 'live'>
    readonly upstream: Pick<Upstream, 'isConfigured'>
    readonly mode: () => Mode
    readonly askUpstream: (key: TagReference) => Promise<UpstreamFlight>
    readonly clock: Pick<Clock, 'monotonicMs'>
  },
  { timeoutMs }: { readonly timeoutMs: number },
): RefreshTag {
  const lastKnown = (key: TagReference): Digest | undefined => parts.ledger.live(key)?.digest

  async function ask(
    key: TagReference,
    before: Digest | undefined,
    signal: AbortSignal,
  ): Promise<Told> {
    if (!parts.upstream.isConfigured(key.registry)) {
      return { outcome: 'not-asked', reason: tellUnconfigured(key.registry) }
    }
    if (parts.mode() === 'offline') return { outcome: 'not-asked', reason: tellOffline }
    const asking = parts.askUpstream(key).then(({ answer }) => answer)
    const confirmed = await inTime(asking, timeoutMs, signal)
    if (confirmed === undefined) {
      const reason = `no answer within ${timeoutMs} ms; one that comes later is written down`
      return { outcome: 'late', reason }
    }
    const { digest: after, endpoint: saidBy } = confirmed
    const reason = 'the registry said so just now'
    if (before === undefined) return { outcome: 'new', reason, saidBy, after }
    return { outcome: before === after ? 'unchanged' : 'moved', reason, saidBy, after }
  }

  return async (key, signal) => {
    const before = lastKnown(key)
    const startedMs = parts.clock.monotonicMs()
    const told = await ask(key, before, signal).catch(tellFailed)
    const tookMs = Math.round(parts.clock.monotonicMs() - startedMs)
    return { before, after: lastKnown(key), failure: undefined, saidBy: undefined, ...told, tookMs }
  }
}

function tellFailed(error: unknown): Told {
  if (!(error instanceof UpstreamFailure)) throw error
  return { outcome: 'failed', reason: error.message, failure: error.code }
}
