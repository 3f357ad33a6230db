import { UpstreamFailure } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import type { EndpointState, Reach } from '../../ports/upstream.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { describeUrl } from './origin.ts'
import type { Ping } from './ping.ts'
import type { Again, Timing } from './probe.ts'
import { createRateLimits } from './rate-limits.ts'
import type { EndpointSettings } from './settings.ts'

/**
 * What a question is about. Tags and manifests are the registry's own word; blobs often come from another host, and lists many
 * registries do not know at all. Neither must keep tags from being asked: they have breakers of their own.
 */
export interface Subject {
  readonly repository: string
  readonly kind: 'manifest' | 'blob' | 'list'
}

/** What one endpoint's answers and silences say about it. */
export interface Health {
  readonly endpoint: EndpointSettings
  /** Aborts when the upstream client is closed: ends every question. */
  readonly closing: AbortSignal
  /** Why this should not be asked now, told from memory. A 429 holds even for those who `insist` on asking what is down. */
  refusal(subject: Subject, insist: boolean): UpstreamFailure | undefined
  /** What a question about a repository's tags can expect. */
  reach(repository: string): Exclude<Reach, { readonly state: 'unconfigured' }>
  /** The endpoint spoke as a registry does, whoever asked: if it was down it is no longer. */
  heard(): void
  /** The whole endpoint is known to be down. */
  isDown(): boolean
  /** Calls back when the whole endpoint was known to be down and answers again; returns what ends that. */
  onReturn(listener: () => void): () => void
  /** Grows with every {@link Health.heard}. */
  heardCount(): number
  /** When the last of them was, on the monotonic clock. */
  heardAtMs(): number | undefined
  /** Asks `GET /v2/` on a new connection, one at a time, and tells whether a registry answered; it counts whenever it comes. */
  ping(): Promise<boolean>
  /** A question about this was answered. */
  succeed(subject: Subject): void
  /**
   * A question failed. `again` asks it in the background if that makes something known to be down; `wasWaitedFor`: it failed between two
   * hosts, and only after a good part of the deadline.
   */
  blame(
    subject: Subject,
    who: 'endpoint' | 'repository',
    failure: UpstreamFailure,
    again: Again,
    wasWaitedFor?: boolean,
  ): void
  /** The registry asked not to be asked. */
  pause(subject: Subject, forMs: number): void
  state(): EndpointState
  /** Ends what happens in the background. Questions under way go on. */
  stop(): void
}

/** What keeping the books of endpoints needs. */
export interface HealthParts extends Timing {
  readonly closing: AbortSignal
  readonly ping: Ping
  readonly log: Log
  /** Something that was down answers again; a whole endpoint when no repository is named. */
  readonly onRecovered: (registry: string, repository: string | undefined) => void
  /** Whether what is down may be asked in the background now; looked at before each question. */
  readonly mayProbe: () => boolean
}

/** Makes the books of one endpoint. */
export function createHealth(parts: HealthParts, endpoint: EndpointSettings): Health {
  const { log, onRecovered, closing } = parts
  const { registry } = endpoint
  const url = describeUrl(endpoint.url)
  let heardCount = 0
  let heardAtMs: number | undefined
  let pinging: Promise<boolean> | undefined
  const returning = new Set<() => void>()

  const whole = createBreaker(parts, {
    onOpened: err => log.warn({ registry, url, err }, 'upstream endpoint is down'),
    onClosed() {
      log.info({ registry, url }, 'upstream endpoint answers again')
      for (const kind of Object.values(lanes)) kind.hurry()
      for (const listener of [...returning]) listener()
      onRecovered(registry, undefined)
    },
    mayProbe: parts.mayProbe,
  })
  const lanes = { manifest: lanesOf('manifest'), blob: lanesOf('blob'), list: lanesOf('list') }
  const limits = createRateLimits(parts, repository => onRecovered(registry, repository))

  function lanesOf(kind: Subject['kind']): Lanes {
    return createLanes(parts, {
      onOpened(repository, err) {
        log.warn({ registry, url, repository, kind, err }, 'upstream repository is down')
      },
      onClosed(repository) {
        log.info({ registry, url, repository, kind }, 'upstream repository answers again')
        onRecovered(registry, repository)
      },
      mayProbe: () => parts.mayProbe() && !whole.isOpen(),
    })
  }

  function heard(): void {
    heardCount += 1
    heardAtMs = parts.clock.monotonicMs()
    whole.succeed()
  }

  /** Who looks wants to ask, and learns soon whether that makes sense again. */
  function openBreaker({ kind, repository }: Subject): Breaker | undefined {
    const lane = whole.isOpen() ? whole : lanes[kind].find(repository)
    if (!lane?.isOpen()) return undefined
    lane.want()
    return lane
  }

  return {
    endpoint,
    closing,
    heard,
    isDown: () => whole.isOpen(),
    onReturn(listener) {
      returning.add(listener)
      return () => returning.delete(listener)
    },
    heardCount: () => heardCount,
    heardAtMs: () => heardAtMs,
    refusal(subject, insist) {
      const limit = limits.find(subject.repository)
      if (limit !== undefined) return pausedFailure(url, limit.leftMs)
      const breaker = insist ? undefined : openBreaker(subject)
      return breaker && knownDown(url, breaker.lastFailure())
    },
    reach(repository) {
      const breaker = openBreaker({ repository, kind: 'manifest' })
      if (breaker !== undefined) {
        const failure = breaker.lastFailure()?.code === 'clock' ? 'clock' : 'unreachable'
        return { state: 'down', sinceMs: breaker.sinceMs(), failure }
      }
      const limit = limits.find(repository)
      if (limit === undefined) return { state: 'reachable' }
      return { state: 'down', sinceMs: limit.sinceMs, failure: 'rate-limited' }
    },
    ping() {
      pinging ??= parts
        .ping(endpoint, closing)
        .then(
          () => {
            heard()
            return true
          },
          // Its silence says nothing that the silence which caused it did not.
          () => false,
        )
        .finally(() => {
          pinging = undefined
        })
      return pinging
    },
    succeed: ({ kind, repository }) => lanes[kind].succeed(repository),
    blame({ kind, repository }, who, failure, again, wasWaitedFor = false) {
      if (closing.aborted) return
      const breaker = who === 'endpoint' ? whole : lanes[kind].open(repository)
      // Who waited need not do so twice. Only blobs may be late: a registry may have to fetch them itself.
      const tookLong = failure.reason === 'timeout' || wasWaitedFor
      const isSettled = tookLong && (who === 'endpoint' || kind === 'manifest')
      if (isSettled) breaker.open(failure, again)
      else breaker.fail(failure, again)
    },
    pause({ repository }, forMs) {
      if (closing.aborted) return
      log.warn({ registry, url, repository, forMs }, 'upstream asks for a pause')
      limits.pause(repository, forMs)
    },
    state: () => ({
      registry,
      url,
      state: whole.state(),
      hasAnswered: heardCount > 0,
      openRepositories: lanes.manifest.openCount(),
      lastFailure: whole.lastFailure()?.message,
      lastFailureAtMs: whole.lastFailureAtMs(),
      downSinceMs: whole.isOpen() ? whole.sinceMs() : undefined,
    }),
    stop() {
      whole.stop()
      for (const kind of Object.values(lanes)) kind.stop()
      limits.stop()
    },
  }
}

function knownDown(url: string, failure: UpstreamFailure | undefined): UpstreamFailure {
  const code = failure?.code === 'clock' ? 'clock' : 'unreachable'
  const message = `${url} is known to be down: ${failure?.message ?? 'it did not answer'}`
  return new UpstreamFailure(code, 'known-down', message, { cause: failure })
}

function pausedFailure(url: string, leftMs: number): UpstreamFailure {
  const message = `${url} asked not to be asked for another ${Math.ceil(leftMs / 1000)} s`
  return new UpstreamFailure('rate-limited', 'known-down', message, { retryAfterMs: leftMs })
}
