import { createFindTags, type FindTags } from '../keep/find-tags.ts'
import { createForgetTag, type ForgetTag } from '../keep/forget-tag.ts'
import type { Digest } from '../oci/digest.ts'
import { type Platform, parsePlatform } from '../oci/platform.ts'
import { formatTag } from '../oci/reference.ts'
import { createImageHolders, type ImageHolders } from '../pull/image-holders.ts'
import { createPlatformStates, type PlatformStates } from '../pull/platform-states.ts'
import type { FaceParts } from './faces.ts'
import { operatorVoice } from './operator.ts'

/** What an operator asks of tags. */
export interface Tags {
  readonly findTags: FindTags
  readonly forgetTag: ForgetTag
  readonly isComplete: (digest: Digest) => boolean
  readonly platformStates: PlatformStates
  readonly platforms: () => readonly Platform[]
  readonly imageHolders: ImageHolders
}

/** Wires the questions about tags. @param platforms of this node's clients */
export function wireTags(
  { database, content, mesh, clock }: Pick<FaceParts, 'database' | 'content' | 'mesh' | 'clock'>,
  platforms: readonly Platform[],
): Tags {
  const { graph, imagePlatforms, startable } = content
  const { ledger } = database
  const { isOperator, storeCopies } = operatorVoice(mesh)
  const isComplete = (digest: Digest): boolean => startable.isComplete(digest)
  return {
    findTags: createFindTags({ ledger, isComplete, clock }),
    forgetTag: createForgetTag({
      ledger,
      isOperator,
      storeOnOthers: (key, copies, signal) => storeCopies('forget', formatTag(key), copies, signal),
    }),
    isComplete,
    platformStates: createPlatformStates({ graph, imagePlatforms, startable }),
    platforms() {
      const members = mesh?.forPull.members.all() ?? []
      const others = members.filter(({ state }) => state !== 'gone').flatMap(one => one.platforms)
      return [...platforms, ...others.flatMap(text => parsePlatform(text) ?? [])]
    },
    imageHolders:
      mesh === undefined
        ? async () => []
        : createImageHolders({ graph, holders: mesh.forPull.holders }, { platforms }),
  }
}
