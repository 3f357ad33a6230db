import { createTreeOf } from '../archive/image-trees.ts'
import type { Config } from '../config/config.ts'
import type { ReportSource } from '../http/admin/report.ts'
import { createOfflineReport, type ReportingNode } from '../keep/offline-report.ts'
import type { Gap } from '../keep/outlook.ts'
import type { RegistryReach } from '../keep/registry-reach.ts'
import type { Running } from '../keep/running.ts'
import type { ListRunning } from '../keep/running-images.ts'
import {
  askSurvey,
  createSurveyAnswer,
  type SurveyParts,
  surveyHere,
  surveySubject,
} from '../keep/survey.ts'
import { findUnmetKeeps } from '../keep/unmet-keeps.ts'
import { describeWanted, listKeepSet } from '../keep/wanted-images.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import { isTagName } from '../oci/reference.ts'
import type { BlockedAnswers } from '../ports/blocked-answers.ts'
import { noHolders } from '../ports/holders.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerAnswer } from '../ports/peer-port.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import { findGaps } from '../pull/find-gaps.ts'
import type { Manifests } from '../pull/get-manifest.ts'
import { imageParts } from '../pull/image-parts.ts'
import type { Content } from './content.ts'
import { eachTarget } from './ledger-roots.ts'
import { createRegistryReach, type RegistryReachParts } from './registry-reach.ts'
import type { PullMesh } from './resolution.ts'

/** Nodes that are slow to say what they hold are waited for so long, ms. */
const patienceMs = 2_000

/** What it looks into. */
type SurveyedContent = Pick<
  Content,
  'startable' | 'imagePlatforms' | 'collector' | 'graph' | 'store' | 'keepsContent'
>

/** What this node says of itself when it is asked what it holds. */
function wireSurvey(
  config: Pick<Config, 'platforms' | 'store'>,
  {
    ledger,
    content: { startable, imagePlatforms, collector, graph, store, keepsContent },
    reachOf,
  }: {
    readonly ledger: Pick<TagLedger, 'pin' | 'history'>
    readonly content: SurveyedContent
    readonly reachOf: (registry: string) => RegistryReach
  },
): SurveyParts {
  const isHeld = (digest: Digest): boolean => store.stat(digest) !== undefined
  const treeOf = createTreeOf({ manifest: graph.manifest, isHeld })
  return {
    platforms: config.platforms.map(formatPlatform),
    isFull: collector.isFull,
    room() {
      const { quotaBytes } = config.store
      return keepsContent ? { quotaBytes, fitsBytes: collector.fitsBytes() } : undefined
    },
    reachOf,
    countLacking(target, text) {
      const platform = parsePlatform(text)
      return platform && startable.needs(target, [platform])?.length
    },
    platformOf(target) {
      const platform = imagePlatforms.of(target)
      return platform && formatPlatform(platform)
    },
    referrersOf: target =>
      graph.referrers(target).map(({ digest, artifactType }) => {
        return { digest, artifactType, isWhole: treeOf(digest, undefined) !== undefined }
      }),
    answersOf(key) {
      const pin = ledger.pin(key)
      return pin === undefined ? ledger.history(key).map(({ digest }) => digest) : [pin.digest]
    },
  }
}

/** Has this node answer others that make a report. */
export function surveyAnswers(
  config: Pick<Config, 'platforms' | 'store'>,
  parts: RegistryReachParts & {
    readonly database: { readonly ledger: Pick<TagLedger, 'pin' | 'history'> }
    readonly content: SurveyedContent
  },
): ReadonlyMap<string, PeerAnswer> {
  const { database, content } = parts
  const own = wireSurvey(config, {
    ledger: database.ledger,
    content,
    reachOf: createRegistryReach(parts),
  })
  return new Map([[surveySubject, createSurveyAnswer(own)]])
}

/** Wires the report to what is held here and, in a mesh, to the other nodes. */
export function wireReport(
  config: Config,
  {
    ledger,
    blockedAnswers,
    self: id,
    content,
    manifests,
    reachOf,
    running,
    listRunning,
    isBanned,
    cutOff,
    mesh,
  }: {
    readonly ledger: Pick<TagLedger, 'pin' | 'history' | 'liveTargets' | 'pinnedNames'>
    readonly blockedAnswers: BlockedAnswers
    readonly self: NodeId
    readonly content: SurveyedContent & Pick<Content, 'keeps'>
    readonly manifests: Pick<Manifests, 'fetchFromPeers'>
    readonly reachOf: (registry: string) => RegistryReach
    readonly running: Pick<Running, 'byDigest'>
    readonly listRunning: ListRunning
    /** Nobody waits for a banned node, and its copies do not count. */
    readonly isBanned: (id: NodeId) => boolean
    readonly cutOff: () => string | undefined
    /** Absent: a node alone. */
    readonly mesh: Pick<PullMesh, 'members' | 'client' | 'holders'> | undefined
  },
): ReportSource {
  const { startable, graph, keeps } = content
  const own = wireSurvey(config, { ledger, content, reachOf })
  const self: ReportingNode = {
    id,
    name: config.node.name,
    platforms: own.platforms,
  }
  const parts = {
    completeness: startable,
    manifests,
    holders: mesh?.holders ?? noHolders,
  }

  const toGap = ({ digest, isUnread }: { digest: Digest; isUnread: boolean }): Gap => ({
    digest,
    kind: isUnread || graph.manifest(digest) !== undefined ? 'manifest' : 'blob',
    size: graph.sizeOf(digest),
  })

  const make = createOfflineReport(
    {
      nodes: () => [self, ...(mesh?.members.all() ?? []).filter(({ id }) => !isBanned(id))],
      async survey(id, images, signal) {
        if (id === self.id) return surveyHere(own, images)
        const isAway = mesh?.members.get(id)?.state === 'gone'
        return mesh === undefined || isAway ? undefined : askSurvey(mesh.client, id, images, signal)
      },
      async findGaps({ repository, target, platform: text }, signal) {
        const platform = parsePlatform(text)
        if (platform === undefined) return undefined
        const question = { repository, target, platforms: [platform] }
        return (await findGaps(parts, question, { patienceMs, signal }))?.map(toGap)
      },
      sizeOf(target, texts) {
        const platforms = texts.map(parsePlatform).filter(platform => platform !== undefined)
        const needed = imageParts(graph, target, platforms)
        const isKnown = needed.every(
          ({ digest, kind }) => kind === 'blob' || graph.manifest(digest) !== undefined,
        )
        return isKnown ? needed.reduce((sum, { size = 0 }) => sum + size, 0) : undefined
      },
    },
    { copies: config.keep.copies },
  )
  const sources = { ledger, blockedAnswers }
  return {
    make,
    copies: config.keep.copies,
    cutOff,
    async keepSet(limit) {
      const beginnings = [...keeps.beginnings(), ...ledger.pinnedNames()]
      const blocked = blockedAnswers.under(beginnings)
      const wanted = { ...sources, isKept: keeps.isKept, blocked }
      const tags = await listKeepSet(eachTarget(ledger, beginnings), wanted, limit)
      const byDigest = running
        .byDigest()
        .map(({ repository, digest }) =>
          describeWanted(sources, { ...repository, digest }, 'running'),
        )
      const known = [...tags, ...byDigest]
      const named = findUnmetKeeps(keeps.patterns(), known).tags
      const unknown = named.map(key => describeWanted(sources, key, 'keep'))
      return [...known, ...unknown].slice(0, limit)
    },
    emptyKeeps: images => findUnmetKeeps(keeps.patterns(), images).patterns,
    isKept: key => isTagName(key) && (keeps.isKept(key) || ledger.pin(key) !== undefined),
    named: (key, why = 'named') => describeWanted(sources, key, why),
    running: listRunning,
  }
}
