import type { Digest } from '../../src/oci/digest.ts'
import type { Repository, TagReference } from '../../src/oci/reference.ts'
import type { BlockedAnswer } from '../../src/ports/blocked-answers.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { Mode } from '../../src/ports/mode.ts'
import type { PinState } from '../../src/ports/pin-book.ts'
import type { Target } from '../../src/ports/tag-ledger.ts'
import { createAskUpstream } from '../../src/pull/ask-upstream.ts'
import { createBell } from '../../src/pull/bell.ts'
import type { TagSettings } from '../../src/pull/policy.ts'
import type { ResolveOptions } from '../../src/pull/resolution.ts'
import { createResolveTag } from '../../src/pull/resolve-tag.ts'
import { createTagMemory } from '../../src/pull/tag-memory.ts'
import { createFakeUpstream } from './fake-upstream.ts'
import { makeSingleImage } from './image.ts'
import { createMemoryLedger } from './memory-ledger.ts'
import { createMovableClock } from './movable-clock.ts'

export const key: TagReference = { registry: 'reg.test', repository: 'app', tag: 'latest' }

const defaults: TagSettings = {
  freshForMs: 0,
  policies: { unreachable: 'serve', rateLimited: 'serve', denied: 'deny', notFound: 'deny' },
  newestInRepository: false,
}

/** A ladder over a fake upstream and a ledger in memory, whose content is what the test says. Whoever opens it closes it. */
export function openLadder(
  options: { readonly timeoutMs?: number; readonly patienceMs?: number } = {},
) {
  const { timeoutMs = 60, patienceMs = 1_000 } = options
  const upstreamTimeoutMs = 5_000
  const clock = createMovableClock(Date.parse('2026-06-01T12:00:00Z'))
  const upstream = createFakeUpstream()
  const kept = createMemoryLedger({ clock })
  const blocked = new Set<Digest>()
  const listeners = new Set<() => void>()
  const isSeen = ({ digest }: Target) => !blocked.has(digest)
  /** As a ledger reads that knows what is blocked. */
  const ledger: typeof kept = {
    ...kept,
    live: at => kept.history(at).find(isSeen),
    history: at => kept.history(at).filter(isSeen),
    onExclusions(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  const manifests = new Map<Digest, Target>()
  const complete = new Set<Digest>()
  const elsewhere = new Map<Digest, Promise<boolean>>()
  const suspects = new Set<Digest>()
  const refreshed: (TagReference & { readonly leavesRest?: boolean })[] = []
  const learned = createBell()
  const ending = new AbortController()
  const state = {
    mode: 'auto' as Mode,
    settings: defaults,
    settling: undefined as Promise<void> | undefined,
    blockedAnswer: undefined as BlockedAnswer | undefined,
    pinState: undefined as PinState | undefined,
  }
  const content = {
    isComplete: (digest: Digest) => complete.has(digest),
    isInReach: async (_repository: Repository, digest: Digest) => elsewhere.get(digest) ?? false,
    isSuspect: (digest: Digest) => suspects.has(digest),
    describe: (digest: Digest) => manifests.get(digest),
    missingCount: (digest: Digest) => (manifests.has(digest) ? 1 : undefined),
    settled: () => state.settling,
  }
  const memory = createTagMemory({ ledger, clock }, { timeoutMs, maxTags: 100 })
  const askUpstream = createAskUpstream(
    {
      ledger,
      upstream,
      content,
      clock,
      log: silentLog,
      async fetchManifest(repository, digest, signal) {
        const got = await upstream.getManifest(repository, digest, signal).catch(() => undefined)
        if (got === undefined) return undefined
        const target = { digest, mediaType: got.mediaType, size: got.bytes.length }
        manifests.set(digest, target)
        return target
      },
      async keepManifest(_repository, digest, mediaType, bytes) {
        const target = { digest, mediaType, size: bytes.length }
        manifests.set(digest, target)
        return target
      },
      markSuspect: digest => void suspects.add(digest),
      onAnswer(about, confirmed, tookMs) {
        memory.learn(about, confirmed, tookMs)
        learned.ring()
      },
    },
    {
      timeoutMs,
      upstreamTimeoutMs,
      signal: ending.signal,
      insist: () => state.mode === 'online',
    },
  )
  const resolveTag = createResolveTag(
    {
      ledger,
      upstream,
      content,
      isBlocked: digest => blocked.has(digest),
      blockedAnswer: () => state.blockedAnswer,
      pinState: () => state.pinState,
      clock,
      mode: () => state.mode,
      settingsOf: () => state.settings,
      memoryOf: memory.memoryOf,
      confirmationOf: memory.confirmationOf,
      isSlow: memory.isSlow,
      askUpstream,
      fetchPinned: async (_key, pin) =>
        upstream.getManifest(_key, pin.digest, ending.signal).then(
          () => true,
          () => false,
        ),
      refreshBehind: (asked, { leavesRest }) =>
        void refreshed.push(leavesRest === true ? { ...asked, leavesRest } : asked),
    },
    { timeoutMs, upstreamTimeoutMs, patienceMs },
  )

  return {
    clock,
    upstream,
    ledger,
    suspects,
    /** An operator's block is set or lifted. */
    block(digest: Digest, isBlocked: boolean): void {
      if (isBlocked) blocked.add(digest)
      else blocked.delete(digest)
      for (const listener of listeners) listener()
    },
    /** What operators said of pinning every tag. */
    sayOfPins(pin: PinState): void {
      state.pinState = pin
    },
    /** What blocks took away from every tag. */
    loseToBlock(answer: BlockedAnswer): void {
      state.blockedAnswer = answer
    },
    refreshed,
    /** What `online`, `offline` or a rule would set. */
    set(change: { mode?: Mode; settings?: Partial<TagSettings> }): void {
      state.mode = change.mode ?? state.mode
      state.settings = { ...state.settings, ...change.settings }
    },
    /** Publishes an image upstream under the key and returns its digest. */
    publish(salt: string, at: TagReference = key): Digest {
      const image = makeSingleImage({ salt })
      upstream.add(image.blobs)
      upstream.tag(at, image.digest)
      return image.digest
    },
    /** Something is on its way to the disk until this settles. */
    settling: (until: Promise<void>) => {
      state.settling = until
    },
    /** Everything of the image came. */
    complete(digest: Digest): void {
      complete.add(digest)
      suspects.delete(digest)
    },
    /** Other nodes hold it, or say so later. */
    elsewhere: (digest: Digest, told: Promise<boolean> = Promise.resolve(true)) =>
      void elsewhere.set(digest, told),
    /** Something of it was lost. */
    lose: (digest: Digest) => void complete.delete(digest),
    resolve: (
      asking: ResolveOptions['asking'] = 'HEAD',
      at: TagReference = key,
      more: Pick<ResolveOptions, 'leavesRest' | 'isPatient'> = {},
    ) => resolveTag(at, { asking, ...more, signal: ending.signal }),
    /** Settles when an answer of upstream's has been taken in. */
    learned: learned.next,
    /** As a client that may go. */
    resolveAs: (signal: AbortSignal) => resolveTag(key, { asking: 'HEAD', signal }),
    down(): void {
      upstream.setReach('reg.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
    },
    close(): void {
      ending.abort()
      memory.close()
    },
  }
}
