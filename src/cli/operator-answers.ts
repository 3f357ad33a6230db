import { type Static, Type } from 'typebox'
import { origin, orNothing, text } from './answers.ts'
import { before, changed, storedOn } from './operator-words.ts'

/** Who said when what stands, and how it is named in `If-Match`. */
const said = { setAt: text, setOn: text, setOnName: text, note: text, author: text, version: text }

/** What was said of a pin at some time. */
const event = {
  at: Type.String(),
  setOn: Type.String(),
  setOnName: text,
  digest: text,
  author: text,
}

/** A pin, without its history. */
export const pin = {
  reference: Type.String(),
  standing: Type.String(),
  digest: text,
  mediaType: text,
  /** Bytes of the manifest. */
  size: orNothing(Type.Number()),
  note: text,
  author: text,
  expiresAt: text,
  setAt: Type.String(),
  setOn: Type.String(),
  setOnName: text,
  version: text,
  /** What was said of it without knowing of it. */
  conflict: orNothing(Type.Object(event)),
  completeHere: orNothing(Type.Boolean()),
  heldOtherwise: orNothing(Type.Array(Type.Object({ node: Type.String(), digest: Type.String() }))),
}

/** `GET /api/v1/pins/{reference}`, where its history is not wanted */
export const standingPinAnswer = Type.Object(pin)

/** `GET /api/v1/pins` */
export const pinsAnswer = Type.Object({
  ...origin,
  items: Type.Array(Type.Object(pin)),
  next: text,
})

/** `GET /api/v1/pins/{reference}` */
export const pinAnswer = Type.Object({
  ...pin,
  history: Type.Array(
    Type.Object({
      ...event,
      note: text,
      expiresAt: text,
      conflict: Type.Boolean(),
      conflictsWith: orNothing(Type.Array(Type.Object(event))),
    }),
  ),
})

/** `PUT` and `DELETE /api/v1/pins/{reference}` */
export const pinChangeAnswer = Type.Object({
  ...pin,
  complete: Type.Boolean(),
  fetching: Type.Boolean(),
  /** Blocked digests that a rollback passed over. */
  skipped: orNothing(Type.Array(Type.String())),
  /** Of a tag that was resolved. */
  restsOn: orNothing(
    Type.Object({
      source: Type.String(),
      fresh: Type.Boolean(),
      reason: Type.String(),
      confirmedAt: text,
    }),
  ),
  changed,
  before,
  storedOn,
})

/** `DELETE /api/v1/pins/{reference}` */
export const pinRemovalAnswer = Type.Object({
  ...pinChangeAnswer.properties,
  setAt: text,
  setOn: text,
})

/** `GET /api/v1/bans` and `/api/v1/blocks` */
export const exclusionsAnswer = Type.Object({
  items: Type.Array(
    Type.Object({
      key: Type.String(),
      /** Of a banned node that is known. */
      name: text,
      setAt: Type.String(),
      setOn: Type.String(),
      setOnName: text,
      note: text,
      author: text,
    }),
  ),
})

/** `GET` of a ban or a block */
export const exclusionAnswer = Type.Object({ key: Type.String(), ...said })

/** `PUT` and `DELETE` of a ban or a block */
const exclusionChangeAnswer = Type.Object({
  key: Type.String(),
  name: text,
  ...said,
  changed,
  before,
  storedOn,
})

/** `PUT` and `DELETE` of a block; a node of an earlier version does not tell what it hits */
export const blockChangeAnswer = Type.Object({
  ...exclusionChangeAnswer.properties,
  tags: orNothing(
    Type.Array(
      Type.Object({
        reference: Type.String(),
        pinned: Type.Boolean(),
        digest: text,
        source: text,
        reason: Type.String(),
      }),
    ),
  ),
  moreTags: orNothing(Type.Number()),
  completeHere: orNothing(Type.Boolean()),
  holders: orNothing(
    Type.Array(
      Type.Object({ id: Type.String(), name: text, holds: Type.Number(), of: Type.Number() }),
    ),
  ),
})

const keep = {
  pattern: Type.String(),
  configured: Type.Boolean(),
  tags: Type.Number(),
  ...said,
}

/** `GET /api/v1/keeps/{pattern}` */
export const keepAnswer = Type.Object({ ...keep, covered: orNothing(Type.Array(Type.String())) })

/** `GET /api/v1/keeps` */
export const keepsAnswer = Type.Object({
  items: Type.Array(Type.Object(keep)),
  tags: Type.Number(),
})

/** `PUT` and `DELETE` of a keep */
export const keepChangeAnswer = Type.Object({
  ...keep,
  changed,
  before,
  storedOn,
})

export type PinsAnswer = Static<typeof pinsAnswer>
export type StandingPin = Static<typeof standingPinAnswer>
export type PinAnswer = Static<typeof pinAnswer>
export type PinChangeAnswer = Static<typeof pinChangeAnswer>
export type PinRemovalAnswer = Static<typeof pinRemovalAnswer>
export type BlockChangeAnswer = Static<typeof blockChangeAnswer>
export type ExclusionsAnswer = Static<typeof exclusionsAnswer>
export type KeepAnswer = Static<typeof keepAnswer>
export type KeepsAnswer = Static<typeof keepsAnswer>
export type KeepChangeAnswer = Static<typeof keepChangeAnswer>
