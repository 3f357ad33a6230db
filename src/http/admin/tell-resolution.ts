import type { TagReference } from '../../oci/reference.ts'
import type { Mode } from '../../ports/mode.ts'
import type { ResolutionEntry } from '../../ports/resolution-log.ts'
import type { ResolveTag } from '../../pull/resolution.ts'
import type { Given, Resolution } from './contract.ts'
import { defined, iso, isoOf } from './describe.ts'

/** What a node goes by, where that is known here. */
type NameOf = (id: string | undefined) => string | undefined

/** What a tag resolves to now, and with `explain` what was tried. */
export type TellResolution = (
  key: TagReference,
  options: { readonly explain: boolean; readonly signal: AbortSignal },
) => Promise<Resolution>

/** A node is told with its name, where it has one here: people do not know ids. */
const tellSayer = (saidBy: string | undefined, nameOf: NameOf) => ({
  saidBy,
  saidByName: nameOf(saidBy),
})

/** Resolves, and tells it. */
export function createTellResolution({
  resolveTag,
  nameOf,
  mode,
}: {
  readonly resolveTag: ResolveTag
  readonly nameOf: NameOf
  readonly mode: () => Mode
}): TellResolution {
  return async (key, { explain, signal }) => {
    // Asked as an explanation in any case: a person's question must not look like a client's pull.
    const answer = await resolveTag(key, { asking: 'explain', signal })
    const { reason, steps } = answer
    // Where nobody was asked, nobody failed.
    const failure = mode() === 'offline' ? undefined : answer.failure
    const told = { reason, ...defined({ failure, steps: explain ? [...steps] : undefined }) }
    if (!answer.found) return { ...told, found: false }
    const { digest, mediaType, size, source, fresh, confirmedAtMs, ageSeconds, saidBy } = answer
    const confirmedAt = isoOf(confirmedAtMs)
    const optional = defined({ confirmedAt, ageSeconds, ...tellSayer(saidBy, nameOf) })
    return { ...told, found: true, digest, mediaType, size, source, fresh, ...optional }
  }
}

/** An answer that was given. */
export function tellGiven(
  { reference, source, reason, firstAtMs, lastAtMs, count, digest, saidBy }: ResolutionEntry,
  nameOf: NameOf,
): Given {
  return {
    reference,
    source,
    reason,
    firstAt: iso(firstAtMs),
    lastAt: iso(lastAtMs),
    count,
    ...defined({ digest, ...tellSayer(saidBy, nameOf) }),
  }
}
