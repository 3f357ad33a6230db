import type { IncomingHttpHeaders } from 'node:http'
import type { FindStrays } from '../../keep/held-tags.ts'
import type { PinBasis, Pins, PinTerms } from '../../keep/pins.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { isManifestType } from '../../oci/media-type.ts'
import { formatTag, parseTag, type TagReference } from '../../oci/reference.ts'
import type { PinBook, PinEvent, PinState } from '../../ports/pin-book.ts'
import { defined, iso, isoOf, tellChange } from './describe.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { conflictsOf, isContradicted } from './pin-conflicts.ts'
import type {
  PinAnswer,
  PinBody,
  PinChangeAnswer,
  PinRemovalAnswer,
  PinsAnswer,
} from './pin-contract.ts'
import { readPreconditions, type TagReply, versionOf, writeTag } from './preconditions.ts'
import { ProblemError } from './problem.ts'
import { QueryFault, readTime } from './read-query.ts'

type Strays = NonNullable<PinsAnswer['items'][number]['heldOtherwise']>

/** The longest that somebody waits for a pin, ms: what is pinned may have to be looked for, and copies to be stored. */
const pinWithinMs = 30_000

/** Adds what concerns pins. */
export function addPins(
  add: AddOperation,
  {
    pins,
    book,
    findStrays,
    isComplete,
    asOf,
    nameOf,
  }: {
    readonly pins: Pins
    readonly book: PinBook
    readonly findStrays: FindStrays
    readonly isComplete: (digest: Digest) => boolean
    readonly asOf: () => { readonly node: string; readonly asOf: string }
    /** What a node goes by, where that is known here. */
    readonly nameOf: (id: string) => string | undefined
  },
): void {
  /** Who has another image under these tags, of those whose pin is in force. */
  async function straysOf(states: readonly PinState[]): Promise<ReadonlyMap<string, Strays>> {
    const inForce = states.flatMap(({ key, standing, target }) =>
      standing === 'in-force' && target !== undefined
        ? [{ tag: formatTag(key), digest: target.digest }]
        : [],
    )
    const found = await findStrays(inForce, AbortSignal.timeout(pinWithinMs))
    return new Map([...found].map(([tag, strays]) => [tag, strays.map(stray => ({ ...stray }))]))
  }
  const tellPin = createTellPin({ book, nameOf })
  const tellWith = (state: PinState, strays: ReadonlyMap<string, Strays>) => ({
    ...tellPin(state),
    ...(state.target !== undefined && { completeHere: isComplete(state.target.digest) }),
    ...defined({ heldOtherwise: strays.get(formatTag(state.key)) }),
  })

  add(operations.pins, async ({ query: { after = '', limit } }) => {
    const found = book.list(after, limit + 1)
    const page = found.slice(0, limit)
    const last = page.at(-1)
    const next = found.length > limit && last !== undefined ? formatTag(last.key) : undefined
    const strays = await straysOf(page)
    const items = page.map(state => tellWith(state, strays))
    return { ...asOf(), items, ...defined({ next }) } satisfies PinsAnswer
  })

  add(operations.pin, async ({ path, reply }) => {
    const key = parseTag(path['reference'] ?? '')
    const state = book.get(key)
    if (state === undefined) throw neverPinned(key)
    writeTag(reply, versionOf(state))
    const events = book.history(key)
    const conflicts = conflictsOf(events)
    const history = events.map((event, at) => ({
      ...tellEvent(event, nameOf),
      conflict: isContradicted(events, conflicts, at),
      conflictsWith: (conflicts[at] ?? []).map(other => tellEvent(other, nameOf)),
      ...defined({ note: event.note, expiresAt: isoOf(event.expiresAtMs) }),
    }))
    const told = tellWith(state, await straysOf([state]))
    return { ...asOf(), ...told, history } satisfies PinAnswer
  })

  add(operations.putPin, async ({ path, query, body, caller, request, reply, audit }) => {
    const key = parseTag(path['reference'] ?? '')
    audit({ subject: formatTag(key) })
    const wish = {
      to: readTarget(body.to),
      note: body.note,
      author: body.author ?? caller,
      expiresAtMs: readTime(body.expiresAt),
      allowIncomplete: body.allowIncomplete,
      allowElsewhere: body.allowElsewhere,
      described: readDescribed(body.described),
    }
    const change = await pins.set(key, wish, termsOf(request.headers, query.copies))
    audit({ subject: formatTag(key), ...told(change) })
    return tell(change, reply)
  })

  add(operations.deletePin, async ({ path, query, caller, request, reply, audit }) => {
    const key = parseTag(path['reference'] ?? '')
    audit({ subject: formatTag(key) })
    const change = await pins.remove(key, caller, termsOf(request.headers, query.copies))
    audit({ subject: formatTag(key), ...told(change) })
    if (change.after !== undefined) return tell(change, reply)
    const never = { standing: 'none', changed: false, complete: true, fetching: false }
    const answer = { ...asOf(), reference: formatTag(key), ...never, storedOn: change.stored }
    return answer satisfies PinRemovalAnswer
  })

  async function tell(
    change: Awaited<ReturnType<Pins['set']>>,
    reply: TagReply,
  ): Promise<PinChangeAnswer> {
    const { after, isFetching, skipped, basis, stored } = change
    if (after === undefined) throw new Error('a pin was set and is not there')
    writeTag(reply, versionOf(after))
    return {
      ...asOf(),
      ...tellWith(after, await straysOf([after])),
      ...tellChange(change, before => {
        const { digest, standing, setAt, setOn, setOnName, note, author, expiresAt } =
          tellPin(before)
        if (digest === undefined) return undefined
        const details = defined({ setOnName, note, author, expiresAt })
        return { digest, standing, setAt, setOn, ...details }
      }),
      complete: change.isComplete,
      fetching: isFetching,
      ...(skipped.length > 0 && { skipped: [...skipped] }),
      ...defined({ restsOn: basis && tellBasis(basis) }),
      storedOn: stored,
    }
  }
}

const tellBasis = ({ source, isFresh, reason, confirmedAtMs }: PinBasis) => ({
  source,
  fresh: isFresh,
  reason,
  ...defined({ confirmedAt: isoOf(confirmedAtMs) }),
})

const neverPinned = (key: TagReference): ProblemError =>
  new ProblemError(404, `${formatTag(key)} was never pinned; \`holdfast pins\` lists what is`)

const told = ({
  before,
  after,
}: Pick<Awaited<ReturnType<Pins['set']>>, 'before' | 'after'>): {
  before: unknown
  after: unknown
} => ({ before: before && describePin(before), after: after && describePin(after) })

/** Tells a pin with the name of the node that set it, and with what was said of it elsewhere without knowing of it. */
export const createTellPin =
  ({
    book,
    nameOf,
  }: {
    readonly book: Pick<PinBook, 'history'>
    readonly nameOf: (id: string) => string | undefined
  }) =>
  (state: PinState): PinsAnswer['items'][number] => {
    const [conflict] = conflictsOf(book.history(state.key))[0] ?? []
    return {
      ...describePin(state),
      ...defined({ setOnName: nameOf(state.origin) }),
      ...defined({ conflict: conflict && tellEvent(conflict, nameOf) }),
    }
  }

/** What was said of a pin at some time, and by whom. */
const tellEvent = (
  { atMs, origin, digest, author }: PinEvent,
  nameOf: (id: string) => string | undefined,
) => ({
  at: iso(atMs),
  setOn: origin,
  ...defined({ setOnName: nameOf(origin), digest, author }),
})

/** A pin as it stands in the book. */
function describePin(state: PinState): PinsAnswer['items'][number] {
  const { key, standing, target, stamp, origin, note, author, expiresAtMs } = state
  return {
    reference: formatTag(key),
    standing,
    setAt: iso(stamp.wallMs),
    setOn: origin,
    version: versionOf(state),
    ...(target !== undefined && {
      digest: target.digest,
      mediaType: target.mediaType,
      size: target.size,
    }),
    ...defined({ note, author, expiresAt: isoOf(expiresAtMs) }),
  }
}

function termsOf(headers: IncomingHttpHeaders, copies: number): PinTerms {
  const check = readPreconditions(headers)
  return {
    copies,
    signal: AbortSignal.timeout(pinWithinMs),
    check: standing =>
      check(standing && { version: versionOf(standing), isThere: standing.standing !== 'removed' }),
  }
}

function readTarget(to: string): Parameters<Pins['set']>[1]['to'] {
  if (to === 'now' || to === 'previous') return to
  const digest = parseDigest(to)
  if (digest !== undefined) return digest
  throw new QueryFault(`to: ${JSON.stringify(to)} is neither a digest nor now nor previous`)
}

/** Throws `QueryFault`. */
export function readDescribed(described: PinBody['described']): PinBody['described'] {
  if (described === undefined || isManifestType(described.mediaType)) return described
  const { mediaType } = described
  throw new QueryFault(`described: "${mediaType}" is the type of no image manifest or index`)
}
