import { parseImagePattern } from '../config/image-pattern.ts'
import type { KeepParts } from '../http/admin/keeps.ts'
import { createCoveredTags } from '../keep/covered-tags.ts'
import { createExclusions, type Exclusions } from '../keep/exclusions.ts'
import { createKeeps } from '../keep/keeps.ts'
import { createPins, type Pins } from '../keep/pins.ts'
import { formatTag } from '../oci/reference.ts'
import { isAbsent } from '../pull/absent.ts'
import type { FaceParts } from './faces.ts'
import { eachTarget } from './ledger-roots.ts'

const alone = { nodes: 1, members: 1 }

/** Wires pins to what is held here and, in a mesh, to the other nodes. */
export function wirePins({
  database,
  content,
  pull,
  mesh,
}: Pick<FaceParts, 'database' | 'content' | 'pull' | 'mesh'>): Pins {
  return createPins({
    ledger: database.ledger,
    book: database.pins,
    async resolve(key, signal) {
      const answer = await pull.resolveTag(key, { asking: 'explain', signal })
      if (!answer.found) return answer.reason
      const { digest, mediaType, size } = answer
      return { digest, mediaType, size }
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
    isOperator: () => mesh?.isOperator() ?? true,
    storeOnOthers: async (key, copies, signal) =>
      mesh === undefined ? alone : mesh.storeCopies('pin', formatTag(key), copies, signal),
  })
}

/** Wires keeps. */
export function wireKeeps({
  database,
  content,
  mesh,
}: Pick<FaceParts, 'database' | 'content' | 'mesh'>): KeepParts {
  return {
    keepSet: content.keeps,
    coveredTags: createCoveredTags(() => eachTarget(database.ledger)),
    keeps: createKeeps({
      book: database.keeps,
      set: content.keeps,
      parse: parseImagePattern,
      isOperator: () => mesh?.isOperator() ?? true,
      storeOnOthers: async (pattern, { copies, signal }) =>
        mesh === undefined ? alone : mesh.storeCopies('keep', pattern, copies, signal),
    }),
  }
}

/** Wires bans and blocks. */
export function wireExclusions({
  database,
  mesh,
}: Pick<FaceParts, 'database' | 'mesh'>): Exclusions {
  return createExclusions({
    book: database.exclusions,
    self: database.replication.origin,
    isOperator: () => mesh?.isOperator() ?? true,
    storeOnOthers: async (kind, key, { copies, signal }) =>
      mesh === undefined ? alone : mesh.storeCopies(kind, key, copies, signal),
  })
}
