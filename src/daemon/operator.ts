import { parseImagePattern } from '../config/image-pattern.ts'
import type { KeepParts } from '../http/admin/keeps.ts'
import { type ClusterMode, createClusterMode } from '../keep/cluster-mode.ts'
import { createCoveredTags } from '../keep/covered-tags.ts'
import { createExclusions, type Exclusions } from '../keep/exclusions.ts'
import { createFindElsewhere } from '../keep/find-elsewhere.ts'
import { createKeeps } from '../keep/keeps.ts'
import { createPins, type Pins } from '../keep/pins.ts'
import { formatTag } from '../oci/reference.ts'
import { isAbsent } from '../pull/absent.ts'
import { createAskPresence } from '../pull/ask-presence.ts'
import type { StoreCopies } from '../sync/store-copies.ts'
import type { FaceParts } from './faces.ts'
import { eachTarget } from './ledger-roots.ts'

/** How long a registry is asked whether it has what is to be pinned, ms. */
const presenceMs = 5_000

const alone = { nodes: 1, members: 1, away: 0 }

/** What an operator's word on this node is worth to others, and how they come to store it; to a node alone its own is enough. */
export function operatorVoice(mesh: FaceParts['mesh']): {
  readonly isOperator: () => boolean
  readonly storeCopies: StoreCopies
} {
  if (mesh === undefined) return { isOperator: () => true, storeCopies: async () => alone }
  return { isOperator: mesh.isOperator, storeCopies: mesh.storeCopies }
}

/** Wires pins to what is held here and, in a mesh, to the other nodes. */
export function wirePins({
  database,
  content,
  pull,
  upstreams: { upstream },
  mesh,
}: Pick<FaceParts, 'database' | 'content' | 'pull' | 'upstreams' | 'mesh'>): Pins {
  const { isOperator, storeCopies } = operatorVoice(mesh)
  return createPins({
    ledger: database.ledger,
    book: database.pins,
    history: database.blockedAnswers.history,
    findElsewhere: createFindElsewhere({
      ...database.blockedAnswers,
      book: database.pins,
      seenIn: content.graph.seenIn,
      askPresence: createAskPresence(
        { graph: content.graph, upstream, reachOf: pull.reachOf },
        { deadlineMs: presenceMs },
      ),
    }),
    async resolve(key, signal) {
      const answer = await pull.resolveTag(key, { asking: 'explain', signal })
      if (!answer.found) return answer.reason
      const { digest, mediaType, size, source, fresh: isFresh, reason, confirmedAtMs } = answer
      const basis = { source, isFresh, reason, confirmedAtMs }
      return { target: { digest, mediaType, size }, basis }
    },
    describe: content.graph.describe,
    async fetchManifest(repository, digest, signal) {
      const got = await pull.manifests.get(repository, digest, signal)
      if (isAbsent(got)) return undefined
      return { digest, mediaType: got.mediaType, size: got.bytes.byteLength }
    },
    async isInReach(repository, digest) {
      if (content.completeness.isComplete(digest)) return true
      await content.settled() // who pulled it a moment ago knows that it is here
      return content.completeness.isComplete(digest) || pull.isInReach(repository, digest)
    },
    complete: pull.complete,
    isOperator,
    storeOnOthers: (key, copies, signal) => storeCopies('pin', formatTag(key), copies, signal),
  })
}

/** Wires keeps. */
export function wireKeeps({
  database,
  content,
  mesh,
}: Pick<FaceParts, 'database' | 'content' | 'mesh'>): KeepParts {
  const { isOperator, storeCopies } = operatorVoice(mesh)
  return {
    keepSet: content.keeps,
    coveredTags: createCoveredTags(beginnings => eachTarget(database.ledger, beginnings)),
    keeps: createKeeps({
      book: database.keeps,
      set: content.keeps,
      parse: parseImagePattern,
      isOperator,
      storeOnOthers: (pattern, { copies, signal }) => storeCopies('keep', pattern, copies, signal),
    }),
  }
}

/** Wires the mode of all nodes. */
export function wireClusterMode({
  database,
  clusterMode: standing,
  mesh,
}: Pick<FaceParts, 'database' | 'clusterMode' | 'mesh'>): ClusterMode {
  const { isOperator, storeCopies } = operatorVoice(mesh)
  return createClusterMode({
    book: database.settingWords,
    standing,
    nowMs: database.ledger.trustedNowMs,
    isOperator,
    storeOnOthers: (key, copies, signal) => storeCopies('setting', key, copies, signal),
  })
}

/** Wires bans and blocks. */
export function wireExclusions({
  database,
  mesh,
}: Pick<FaceParts, 'database' | 'mesh'>): Exclusions {
  const { isOperator, storeCopies } = operatorVoice(mesh)
  return createExclusions({
    book: database.exclusions,
    self: database.replication.origin,
    isOperator,
    storeOnOthers: (kind, key, { copies, signal }) => storeCopies(kind, key, copies, signal),
  })
}
