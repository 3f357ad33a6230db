import type { Digest } from '../../oci/digest.ts'
import type { Platform } from '../../oci/platform.ts'
import { formatTag, type TagReference } from '../../oci/reference.ts'
import type { BlockedAnswers } from '../../ports/blocked-answers.ts'
import type { PinBook } from '../../ports/pin-book.ts'
import type { Observation, TagLedger } from '../../ports/tag-ledger.ts'
import type { ImageHolders } from '../../pull/image-holders.ts'
import type { PlatformState, PlatformStates } from '../../pull/platform-states.ts'
import type { AdminAnswers } from './answers.ts'
import { defined, iso } from './describe.ts'
import { createTellPin } from './pins.ts'
import type { TagAnswer } from './tag-contract.ts'

/** Where an explanation comes from. */
export interface ExplainParts {
  readonly ledger: Pick<TagLedger, 'live' | 'pin'>
  readonly blockedAnswers: Pick<BlockedAnswers, 'history'>
  readonly pinBook: Pick<PinBook, 'get' | 'history' | 'isBlocked'>
  readonly isComplete: (digest: Digest) => boolean
  readonly platformStates: PlatformStates
  /** Platforms of this node's clients and of other nodes'. */
  readonly platforms: () => readonly Platform[]
  readonly imageHolders: ImageHolders
  readonly answers: Pick<AdminAnswers, 'asOf' | 'nameOf' | 'resolution' | 'resolutions'>
}

/** Answers that were given, as many as an explanation shows. */
const shownAnswers = 5

/** Explains what a tag is answered with now. It is resolved first: what its registry says at this moment belongs to what is known. */
export function createExplainTag(
  parts: ExplainParts,
): (key: TagReference, signal: AbortSignal) => Promise<TagAnswer> {
  const { ledger, answers } = parts
  const tellPin = createTellPin({ book: parts.pinBook, nameOf: answers.nameOf })

  const describe = (seen: Observation): TagAnswer['history'][number] => ({
    digest: seen.digest,
    mediaType: seen.mediaType,
    size: seen.size,
    source: seen.source,
    saidBy: seen.origin,
    ...defined({ saidByName: answers.nameOf(seen.origin) }),
    confirmedAt: iso(seen.confirmedAtMs),
    firstSeenAt: iso(seen.firstSeenMs),
    lastSeenAt: iso(seen.lastSeenMs),
    complete: parts.isComplete(seen.digest),
    blocked: parts.pinBook.isBlocked(seen.digest),
  })

  async function holdersOf(digest: Digest, signal: AbortSignal): Promise<TagAnswer['holders']> {
    const holders = await parts.imageHolders(digest, signal)
    return holders.map(holder => ({ ...holder, ...defined({ name: answers.nameOf(holder.id) }) }))
  }

  return async (key, signal) => {
    const ref = formatTag(key)
    const resolution = await answers.resolution(key, { explain: true, signal })
    const live = ledger.live(key)
    const pin = parts.pinBook.get(key)
    const digest = ledger.pin(key)?.digest ?? live?.digest
    return {
      ...answers.asOf(),
      reference: ref,
      ...defined({ live: live && describe(live), pin: pin && tellPin(pin), digest }),
      history: parts.blockedAnswers
        .history(key)
        .filter(seen => seen.digest !== live?.digest)
        .map(describe),
      platforms:
        digest === undefined
          ? []
          : parts.platformStates(digest, parts.platforms()).map(describePlatform),
      holders: digest === undefined ? [] : await holdersOf(digest, signal),
      resolution,
      answers: answers.resolutions({ ref, limit: shownAnswers }).items,
    }
  }
}

const describePlatform = ({
  isWanted,
  manifest,
  missing,
  ...told
}: PlatformState): TagAnswer['platforms'][number] => ({
  ...told,
  wanted: isWanted,
  ...defined({ manifest }),
  missing: missing.map(({ digest, kind, size }) => ({ digest, kind, ...defined({ size }) })),
})
