import type { FoundImage, Hindrance, WarmSource } from '../keep/warm-image.ts'
import type { Platform } from '../oci/platform.ts'
import { formatRepository, type Repository, type TagReference } from '../oci/reference.ts'
import { noHolders } from '../ports/holders.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import { type Absent, isAbsent } from '../pull/absent.ts'
import { imageParts } from '../pull/image-parts.ts'
import { createFindLastKnown, type FindLastKnown } from '../pull/last-known.ts'
import { createPlatformStates } from '../pull/platform-states.ts'
import { mayServe } from '../pull/policy.ts'
import type { Startable } from '../pull/startable.ts'
import type { Content } from './content.ts'
import type { Pull, PullMesh } from './resolution.ts'

/** Whom a source of images asks. */
export interface WarmSourceParts {
  readonly ledger: Pick<TagLedger, 'live' | 'pin'>
  readonly pull: Pick<Pull, 'resolveTag' | 'settingsOf' | 'manifests' | 'blobs' | 'listReferrers'>
  readonly content: Content
  /** Absent: a node alone. */
  readonly mesh: Pick<PullMesh, 'holders'> | undefined
  /** Other nodes reach a registry, and this one does not. */
  readonly isForOthers: (repository: Repository) => boolean
  /** This node is not to ask for it, or has known for a while that neither it nor another one can. */
  readonly isAway: (repository: Repository) => boolean
}

/** Nodes that are slow to say what they hold are waited for so long, ms. */
const patienceMs = 2_000

/** Where a warm job's images come from on this node. @param judge what counts as all of an image */
export function wireWarmSource(
  { ledger, pull, content, mesh, isForOthers, isAway }: WarmSourceParts,
  judge: Startable,
): WarmSource {
  const { graph, store, collector, keepsContent, imagePlatforms, startable } = content
  const platformStates = createPlatformStates({ graph, imagePlatforms, startable })
  const gapParts = {
    completeness: judge,
    manifests: pull.manifests,
    holders: mesh?.holders ?? noHolders,
  }
  const findLastKnown = createFindLastKnown({ ...gapParts, ledger }, { patienceMs })

  /** The registry said nothing. */
  async function remember(
    key: TagReference,
    { reason, failure }: Pick<Absent, 'reason' | 'failure'>,
    platforms: readonly Platform[],
    signal: AbortSignal,
  ): Promise<FoundImage | Hindrance> {
    const isSilent = failure === 'unreachable' || failure === 'clock'
    const mayRecall = isSilent && mayServe(failure, pull.settingsOf(key).policies)
    const last = mayRecall ? await findLastKnown(key, platforms, signal) : undefined
    if (last?.gaps.length === 0) {
      const silence = isAway(key) ? undefined : tellSilence(key, reason)
      return { digest: last.digest, isRemembered: true, silence }
    }
    return { reason: tellNotNow(key, reason, last), isFinal: false }
  }

  return {
    async resolve(key, platforms, signal) {
      // Of what it names this node's share may be none, and what is its share is fetched in the job's turn.
      const options = { asking: 'explain', leavesRest: true, isPatient: true, signal } as const
      const answer = await pull.resolveTag(key, options)
      const isSaid = answer.found && (answer.fresh || answer.source === 'memory')
      // A pin that nobody holds is fetched once it can be.
      const said = isSaid ? answer.digest : ledger.pin(key)?.digest
      if (said !== undefined) return { digest: said, isRemembered: false }
      const { reason, failure } = answer
      const hindrance = answer.found ? undefined : hindranceOf(reason, failure)
      return hindrance?.isFinal ? hindrance : remember(key, { reason, failure }, platforms, signal)
    },
    parts: (image, platforms) => imageParts(graph, image, platforms),
    missing: (image, platforms) => judge.missing(image, platforms),
    isComplete: judge.isComplete,
    platformsOf: image => platformStates(image, []).map(({ platform }) => platform),
    async fetch(repository, { digest, kind }, signal) {
      if (!keepsContent) return { reason: 'this node keeps no content of its own', isFinal: true }
      const { manifests, blobs } = pull
      const failure =
        kind === 'manifest'
          ? await manifests.fetch(repository, digest, signal)
          : await blobs.fetch(repository, digest, signal)
      await imagePlatforms.settled() // a config tells whether its layers are wanted
      return failure && toHindrance(failure)
    },
    async referrers(repository, image, signal) {
      const listed = await pull.listReferrers(repository, image, signal, { isPatient: true })
      const digests = isAbsent(listed) ? [] : listed.descriptors.map(({ digest }) => digest)
      if (!isAbsent(listed) && listed.source === 'upstream') return { digests, unasked: undefined }
      const name = formatRepository(repository)
      const hindrance = isAbsent(listed)
        ? toHindrance(listed)
        : { reason: `${name} does not say now what refers to ${image}`, isFinal: false }
      if (hindrance.isFinal || !isForOthers(repository)) return hindrance
      return { digests, unasked: tellUnasked(name) }
    },
    bytesHere: digest => store.stat(digest)?.size ?? store.partial(digest),
    isFull: collector.refuses,
  }
}

/** Digests that are named at the most; of an index that nobody holds there is one. */
const maxNamed = 2

const tellSilence = (key: TagReference, why: string): string => `${notNow(key)} (${why})`

const notNow = ({ registry, repository, tag }: TagReference): string =>
  `${registry} does not say now what ${repository}:${tag} stands for`

/** The registry is away, or not to be asked. */
function tellNotNow(
  key: TagReference,
  why: string,
  last: Awaited<ReturnType<FindLastKnown>>,
): string {
  if (last === undefined) return tellSilence(key, why)
  const { digest, gaps } = last
  const named = gaps.slice(0, maxNamed).join(', ')
  const more = gaps.length > maxNamed ? ` and ${gaps.length - maxNamed} more` : ''
  return `${notNow(key)}, and no node that is there has all of what it stood for last, ${digest.slice(0, 19)}…: missing ${named}${more}`
}

const tellUnasked = (repository: string): string =>
  `what refers to it could not be asked: this node does not reach ${repository}, others do; warm it again where it does`

const toHindrance = ({ reason, failure }: Absent): Hindrance => hindranceOf(reason, failure)

/** A denial and a 404 are answers, as is what no registry has a part in; all else may pass. */
function hindranceOf(reason: string, failure: Absent['failure']): Hindrance {
  const isFinal = failure === undefined || failure === 'denied' || failure === 'not-found'
  return { reason, isFinal }
}
