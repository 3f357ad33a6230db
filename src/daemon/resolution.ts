import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { compileIsPrivate, compileTagSettings } from '../config/rules.ts'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { isAbsent } from '../pull/absent.ts'
import { createAskUpstream } from '../pull/ask-upstream.ts'
import { createCompleteTags } from '../pull/complete-tag.ts'
import type { ContentView } from '../pull/content-view.ts'
import { type Blobs, createBlobs } from '../pull/get-blob.ts'
import { createManifests, type Manifests } from '../pull/get-manifest.ts'
import { createGivenDigests, type GivenDigests } from '../pull/given-digests.ts'
import type { Mode } from '../pull/ladder.ts'
import { createListReferrers, type ListReferrers } from '../pull/list-referrers.ts'
import { createListTags, type ListTags } from '../pull/list-tags.ts'
import { mayServe } from '../pull/policy.ts'
import { createReachOf } from '../pull/reach-of.ts'
import { createRefreshBehind } from '../pull/refresh-behind.ts'
import type { ResolveTag } from '../pull/resolution.ts'
import { createResolveTag } from '../pull/resolve-tag.ts'
import { createTagMemory } from '../pull/tag-memory.ts'
import { createUpstreamBlobs } from '../pull/upstream-blobs.ts'
import type { Content } from './content.ts'
import type { Upstreams } from './upstreams.ts'

/** The journey of a pull, wired. */
export interface Pull {
  readonly resolveTag: ResolveTag
  readonly manifests: Manifests
  readonly blobs: Blobs
  readonly listTags: ListTags
  readonly listReferrers: ListReferrers
  readonly given: GivenDigests
  /** Images whose rest is being fetched, or waits for it. */
  readonly incompleteImages: () => number
}

const maxTagsAtHand = 20_000
/** Manifests and lists: the registry may take this long, the client waits no longer. */
const contentDeadlineMs = 5_000
/** How often what memory answered is asked again behind the clients, in ms. */
const refreshEveryMs = 200
/** How often it is looked which answers were enough by themselves, in ms. */
const settleEveryMs = 5_000
const completing = { concurrency: 2, quietMs: 500, retryMs: 5_000 } as const

/** Wires resolution and content to what they need. */
export function wirePull(
  config: Config,
  parts: {
    readonly database: OpenedLedger
    readonly upstreams: Upstreams
    readonly content: Content
    readonly clock: Clock
    readonly log: Log
    readonly mode: () => Mode
  },
  owned: AsyncDisposableStack,
): Pull {
  const { content, clock, log, mode } = parts
  const { upstream, settings } = parts.upstreams
  const { ledger } = parts.database
  const { graph, completeness, store, lastUse } = content
  const { timeoutMs, upstreamTimeoutMs } = config.resolve
  const reachOf = createReachOf(upstream, mode)
  const isPrivate = compileIsPrivate(config)
  const settingsOf = compileTagSettings({ resolve: config.resolve, upstreams: settings })
  const onUse = lastUse.use

  const manifests = createManifests(
    {
      store,
      graph,
      upstream,
      reachOf,
      isPrivate,
      onUse,
      clock,
      log,
      onFailed: completeness.markContentFailed,
    },
    { deadlineMs: contentDeadlineMs },
  )
  owned.defer(() => manifests.close())
  const stallMs = Math.max(...Object.values(settings).map(u => u.timeouts.stallMs), 1_000)
  const blobs = createBlobs(
    {
      store,
      graph,
      sources: [createUpstreamBlobs(upstream, reachOf)],
      isPrivate,
      onUse,
      clock,
      log,
      onContentFailed: (digest, failure) => {
        if (failure === 'unreachable') completeness.markContentFailed(digest)
      },
    },
    { firstByteMs: contentDeadlineMs, stallMs, holdMs: 60_000, keepFetching: true },
  )
  owned.defer(() => blobs.close())
  const isSeenOn = (failed: Digest, registry: string, repository = '') =>
    graph
      .seenIn(failed)
      .some(at => at.registry === registry && ['', at.repository].includes(repository))
  owned.defer(
    upstream.onRecovered((registry, repository) =>
      completeness.forgive(failed => isSeenOn(failed, registry, repository)),
    ),
  )
  const completeTags = createCompleteTags(
    { completeness, manifests, blobs, reachOf, upstream, clock, log },
    completing,
  )
  owned.defer(() => completeTags.close())

  const memory = createTagMemory({ ledger, clock }, { timeoutMs, maxTags: maxTagsAtHand })
  owned.defer(() => memory.close())
  const ending = new AbortController()
  owned.defer(() => ending.abort())
  const view: ContentView = {
    isComplete: digest => completeness.isComplete(digest),
    isSuspect: completeness.isSuspect,
    describe: graph.describe,
    missingCount: completeness.missingCount,
    settled: content.settled,
  }
  const askUpstream = createAskUpstream(
    {
      ledger,
      upstream,
      content: view,
      clock,
      log,
      keepManifest: manifests.keep,
      markSuspect: digest => completeness.markSuspect(digest),
      fetchManifest: async (repository, digest, signal) => {
        const got = await manifests.get(repository, digest, signal)
        if (isAbsent(got)) return undefined
        return { digest, mediaType: got.mediaType, size: got.bytes.byteLength }
      },
      onAnswer(key, confirmed, tookMs) {
        // What was frozen a moment ago may be fast now: the next question tells.
        if (memory.learn(key, confirmed, tookMs)) refresh.want(key)
        graph.addSighting(confirmed.digest, key)
        content.protect(confirmed.digest)
        if (config.store.completeTags) completeTags.want(key, confirmed.digest)
      },
    },
    { timeoutMs, upstreamTimeoutMs, signal: ending.signal, insist: () => mode() === 'online' },
  )
  const refresh = createRefreshBehind(
    { upstream, askUpstream, mayAsk: () => mode() !== 'offline' },
    { everyMs: refreshEveryMs },
  )
  owned.defer(() => refresh.close())
  const given = createGivenDigests({ ledger, clock })
  const settling = setInterval(() => given.settle(), settleEveryMs).unref()
  owned.defer(() => clearInterval(settling))

  const resolveTag = createResolveTag(
    {
      ledger,
      upstream,
      content: view,
      clock,
      mode,
      settingsOf,
      askUpstream,
      memoryOf: memory.memoryOf,
      confirmationOf: memory.confirmationOf,
      isSlow: memory.isSlow,
      refreshBehind: refresh.want,
      fetchPinned: async (key, pin) =>
        !isAbsent(await manifests.get(key, pin.digest, ending.signal)),
    },
    { timeoutMs },
  )
  const mayServeAny: Parameters<typeof createListTags>[0]['mayServe'] = (repository, failure) =>
    mayServe(failure, settingsOf({ ...repository, tag: 'latest' }).policies)
  const deadline = { deadlineMs: timeoutMs }
  return {
    resolveTag,
    manifests,
    blobs,
    given,
    listTags: createListTags({ upstream, reachOf, ledger, mayServe: mayServeAny }, deadline),
    listReferrers: createListReferrers({ upstream, reachOf, graph, isPrivate }, deadline),
    incompleteImages: completeTags.pending,
  }
}
