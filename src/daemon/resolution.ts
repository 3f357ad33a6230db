import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { compileIsPrivate, compileTagSettings } from '../config/rules.ts'
import type { SignedRecord } from '../ledger/record.ts'
import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Mode } from '../ports/mode.ts'
import type { PeerService } from '../ports/peer-port.ts'
import { isAbsent } from '../pull/absent.ts'
import { createTagAnswer } from '../pull/answer-members.ts'
import { createAskMembers, type TakeRecord } from '../pull/ask-members.ts'
import { createAskUpstream } from '../pull/ask-upstream.ts'
import { createBackgroundPace } from '../pull/background-pace.ts'
import { onlyUpstream } from '../pull/blob-sources.ts'
import type { ContentView } from '../pull/content-view.ts'
import { type Blobs, createBlobs } from '../pull/get-blob.ts'
import { createManifests, type Manifests } from '../pull/get-manifest.ts'
import { createGivenDigests, type GivenDigests } from '../pull/given-digests.ts'
import { createInReach, type InReach, nothingInReach } from '../pull/in-reach.ts'
import { createListReferrers, type ListReferrers } from '../pull/list-referrers.ts'
import { createListTags, type ListTags } from '../pull/list-tags.ts'
import { createPeerAccess, type Mesh } from '../pull/peer-access.ts'
import { resolveSubject } from '../pull/peer-word.ts'
import { mayServe, type SettingsOf } from '../pull/policy.ts'
import { createPullImage, type PullImage } from '../pull/pull-image.ts'
import { createReachOf, type ReachOf } from '../pull/reach-of.ts'
import { createRefreshBehind } from '../pull/refresh-behind.ts'
import { createRefreshTag, type RefreshTag } from '../pull/refresh-tag.ts'
import { createManifestRelay, relaySubject } from '../pull/relay-manifest.ts'
import type { ResolveTag } from '../pull/resolution.ts'
import { createResolveTag } from '../pull/resolve-tag.ts'
import { createPeerContent } from '../pull/serve-peers.ts'
import { createTagMemory } from '../pull/tag-memory.ts'
import { createUpstreamBlobs } from '../pull/upstream-blobs.ts'
import { type Completing, wireCompleting } from './completing.ts'
import type { Content } from './content.ts'
import type { Upstreams } from './upstreams.ts'

/** What a pull needs of the mesh. */
export interface PullMesh extends Mesh {
  readonly takeRecord: TakeRecord
  /** Asks others what they know of a tag, while this node has not compared its ledger with theirs; `undefined` afterwards. */
  readonly catchUp: (key: TagReference, signal: AbortSignal) => Promise<unknown> | undefined
  /** The signed record that the ledger answers a tag with. */
  readonly signedObservation: (key: TagReference) => SignedRecord | undefined
}

/** The journey of a pull, wired. */
export interface Pull {
  readonly resolveTag: ResolveTag
  readonly refreshTag: RefreshTag
  readonly manifests: Manifests
  readonly blobs: Blobs
  readonly listTags: ListTags
  readonly listReferrers: ListReferrers
  readonly given: GivenDigests
  readonly pullImage: PullImage
  /** Images whose rest is being fetched, or waits for nothing but its turn. */
  readonly incompleteImages: () => number
  readonly isInReach: InReach['isInReach']
  readonly settingsOf: SettingsOf
  readonly reachOf: ReachOf
  readonly complete: Completing['complete']
  readonly canBeHad: Completing['canBeHad']
  /** What other nodes are answered with. */
  readonly forPeers: Pick<PeerService, 'answers' | 'openBlob' | 'getManifest'> | undefined
}

const maxTagsAtHand = 20_000
/** Manifests and lists: the registry may take this long, the client waits no longer. */
const contentDeadlineMs = 5_000
/** How often what memory answered is asked again behind the clients, in ms. */
const refreshEveryMs = 200
/** How often it is looked which answers were enough by themselves, in ms. */
const settleEveryMs = 5_000
/** How long it is looked whether other nodes have what this one lacks, in ms; who can be answered with something else does not wait for it. */
const reachMs = 10_000

/** Wires resolution and content to what they need. */
export function wirePull(
  config: Config,
  parts: {
    readonly database: OpenedLedger
    readonly upstreams: Pick<Upstreams, 'upstream' | 'settings'>
    readonly content: Content
    readonly clock: Clock
    readonly log: Log
    readonly mode: () => Mode
    /** Absent: a node alone. */
    readonly mesh?: PullMesh | undefined
  },
  owned: AsyncDisposableStack,
): Pull {
  const { content, clock, log, mode, mesh } = parts
  const { upstream, settings } = parts.upstreams
  const { ledger } = parts.database
  const { graph, completeness, store, lastUse } = content
  const { timeoutMs, upstreamTimeoutMs } = config.resolve
  const { answered, mayFit } = content.protection
  const reachOf = createReachOf(upstream, mode)
  const base = { upstream, reachOf, clock, log }
  const isPrivate = compileIsPrivate(config)
  const settingsOf = compileTagSettings({ resolve: config.resolve, upstreams: settings })
  const onUse = lastUse.use
  const { parallelFromBytes } = config.peer
  const closing = new AbortController()
  owned.defer(() => closing.abort())
  const peers =
    mesh &&
    createPeerAccess(mesh, { reachOf, clock }, { parallelFromBytes, signal: closing.signal })

  const manifests = createManifests(
    {
      ...base,
      store,
      graph,
      peers: peers?.manifests,
      isPrivate,
      onUse,
      onFailed: completeness.markContentFailed,
    },
    { deadlineMs: contentDeadlineMs },
  )
  owned.defer(() => manifests.close())
  const stallMs = Math.max(...Object.values(settings).map(u => u.timeouts.stallMs), 1_000)
  const inReach: InReach =
    mesh === undefined
      ? nothingInReach
      : createInReach({ ...mesh, completeness, manifests, clock }, { budgetMs: reachMs })
  owned.defer(() => inReach.close())
  const owner = createUpstreamBlobs(upstream, reachOf)
  const blobs = createBlobs(
    {
      store,
      graph,
      sources: peers?.blobs(owner) ?? onlyUpstream(owner),
      isPrivate,
      onUse,
      pace: createBackgroundPace(config.store.backgroundBytesPerSecond, clock),
      clock,
      log,
      onContentFailed: (digest, failure) => {
        inReach.doubt()
        const wasAsked = failure.reason !== 'known-down'
        if (wasAsked && failure.code === 'unreachable') completeness.markContentFailed(digest)
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
  const { complete, canBeHad, fetchRest, pending } = wireCompleting(
    config,
    { ...base, content, mayFit, manifests, blobs, inReach, members: mesh?.members },
    owned,
  )

  const memory = createTagMemory({ ledger, clock }, { timeoutMs, maxTags: maxTagsAtHand })
  owned.defer(() => memory.close())
  const ending = new AbortController()
  owned.defer(() => ending.abort())
  const view: ContentView = {
    isComplete: digest => completeness.isComplete(digest),
    isInReach: inReach.isInReach,
    isSuspect: completeness.isSuspect,
    describe: graph.describe,
    missingCount: completeness.missingCount,
    settled: content.settled,
  }
  const asking: Parameters<typeof createAskUpstream>[0] = {
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
    onAnswer(key, confirmed, tookMs, isRestWanted) {
      // What was frozen a moment ago may be fast now: the next question tells.
      if (memory.learn(key, confirmed, tookMs)) refresh.want(key)
      graph.addSighting(confirmed.digest, key)
      if (isRestWanted) fetchRest(key, confirmed.digest)
    },
  }
  const deadlines = { timeoutMs, upstreamTimeoutMs, signal: ending.signal }
  const insist = () => mode() === 'online'
  const askUpstream = createAskUpstream(asking, { ...deadlines, insist })
  const askAnyway = createAskUpstream(asking, { ...deadlines, insist: () => true })
  const refresh = createRefreshBehind(
    { upstream, askUpstream, mayAsk: () => mode() !== 'offline' },
    { everyMs: refreshEveryMs },
  )
  owned.defer(() => refresh.close())
  const members =
    mesh &&
    peers &&
    createAskMembers(
      {
        ...mesh,
        book: peers.book,
        ledger,
        clock,
        log,
        fetchManifest: manifests.getFrom,
        onAnswer(key, { digest }, isRestWanted) {
          graph.addSighting(digest, key)
          if (isRestWanted) fetchRest(key, digest)
        },
      },
      { timeoutMs, signal: ending.signal },
    )
  const given = createGivenDigests({ ledger, graph, clock })
  const settling = setInterval(() => given.settle(), settleEveryMs).unref()
  owned.defer(() => clearInterval(settling))

  const climb = createResolveTag(
    {
      ledger,
      upstream,
      content: view,
      isBlocked: parts.database.pins.isBlocked,
      blockedAnswer: parts.database.blockedAnswers.of,
      pinState: parts.database.pins.get,
      clock,
      mode,
      settingsOf,
      askUpstream,
      members: config.resolve.askPeers ? members : undefined,
      catchUp: mesh?.catchUp,
      memoryOf: memory.memoryOf,
      confirmationOf: memory.confirmationOf,
      isSlow: memory.isSlow,
      refreshBehind: refresh.want,
      fetchPinned: async (key, pin) =>
        !isAbsent(await manifests.get(key, pin.digest, ending.signal)),
    },
    { timeoutMs, upstreamTimeoutMs, patienceMs: reachMs },
  )
  const resolveTag: ResolveTag = async (key, options) => {
    const answer = await climb(key, options)
    if (!answer.found) return answer
    // What a person or a warm job asks for is on its way to no client.
    if (options.asking !== 'explain') answered(answer.digest)
    if (completeness.isComplete(answer.digest)) return answer
    // An incomplete pin is looked after, and known for what it is when its registry has no more of it.
    if (answer.source === 'pin') complete(key, answer.digest)
    // What came out of other nodes' stores is to be in this one, too.
    if (mesh !== undefined && options.leavesRest !== true) fetchRest(key, answer.digest)
    return answer
  }
  const refreshing = { ledger, upstream, mode, askUpstream: askAnyway, clock }
  const mayServeAny: Parameters<typeof createListTags>[0]['mayServe'] = (repository, failure) =>
    mayServe(failure, settingsOf({ ...repository, tag: 'latest' }).policies)
  const deadline = { deadlineMs: timeoutMs }
  return {
    resolveTag,
    refreshTag: createRefreshTag(refreshing, { timeoutMs }),
    manifests,
    blobs,
    given,
    listTags: createListTags({ upstream, reachOf, ledger, mayServe: mayServeAny }, deadline),
    listReferrers: createListReferrers(
      { upstream, reachOf, graph, isPrivate },
      { ...deadline, patientMs: upstreamTimeoutMs },
    ),
    incompleteImages: pending,
    isInReach: inReach.isInReach,
    settingsOf,
    reachOf,
    complete,
    canBeHad,
    pullImage: createPullImage({ resolveTag, completeness, manifests, blobs }),
    forPeers: mesh && {
      ...createPeerContent({ store, graph, manifests, blobs, isPrivate }),
      answers: new Map([
        [relaySubject, createManifestRelay(manifests.getForPeer)],
        [
          resolveSubject,
          createTagAnswer(
            { ...mesh, askUpstream, reachOf, ledger, onAnswer: answered },
            { maxMs: timeoutMs },
          ),
        ],
      ]),
    },
  }
}
