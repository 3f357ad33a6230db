import { type Static, Type } from 'typebox'
import { asOf, limit, optionalText, text, time } from './shapes.ts'

/** Of a pin: what stands for the tag now, and how it came to it. */
export const pin = {
  reference: text,
  /** `in-force`, `expired`, `blocked`, `removed`. */
  standing: text,
  digest: optionalText,
  mediaType: optionalText,
  size: Type.Optional(Type.Integer()),
  note: optionalText,
  author: optionalText,
  expiresAt: Type.Optional(time),
  setAt: time,
  /** Public key (hex) of the node on which it was set. */
  setOn: text,
  /** As in `ETag`. */
  version: text,
}

/** `GET /api/v1/pins`. `after` is the `next` of the page before. */
export const pinsQuery = Type.Object({ after: optionalText, limit: limit(1_000, 100) })

/** A page of pins in byte order; removed ones are not in it. */
export const pinsAnswer = Type.Object({
  ...asOf,
  items: Type.Array(Type.Object(pin)),
  next: optionalText,
})

/** `GET /api/v1/pins/{reference}`: the pin and all that is remembered of it, newest first. */
export const pinAnswer = Type.Object({
  ...asOf,
  ...pin,
  history: Type.Array(
    Type.Object({
      at: time,
      setOn: text,
      digest: optionalText,
      note: optionalText,
      author: optionalText,
      expiresAt: Type.Optional(time),
      /** It and the one before it were set without knowing of each other. */
      conflict: Type.Boolean(),
    }),
  ),
})

/** `PUT` and `DELETE /api/v1/pins/{reference}`: on how many nodes it is to be stored before the answer. */
export const changeQuery = Type.Object({
  copies: Type.Integer({ minimum: 1, maximum: 100, default: 1 }),
})

/** What to pin. `to`: a digest, `now` for what the tag resolves to, or `previous` for what it stood for before. */
export const pinBody = Type.Object(
  {
    to: Type.String({ minLength: 1, maxLength: 200, default: 'now' }),
    note: Type.Optional(Type.String({ maxLength: 1_000 })),
    author: Type.Optional(Type.String({ maxLength: 100 })),
    expiresAt: Type.Optional(time),
    allowIncomplete: Type.Boolean({ default: false }),
  },
  { additionalProperties: false },
)

/** `storedOn`: on how many nodes, of how many, it is durable. `complete`: nodes like this one can run the image now. `fetching`: what is missing is. */
export const pinChangeAnswer = Type.Object({
  ...asOf,
  ...pin,
  complete: Type.Boolean(),
  fetching: Type.Boolean(),
  storedOn: Type.Object({ nodes: Type.Integer(), members: Type.Integer() }),
})

/** `GET /api/v1/audit`. `before` is the `next` of the page before. */
export const auditQuery = Type.Object({
  subject: optionalText,
  before: Type.Optional(Type.Integer({ minimum: 1 })),
  limit: limit(1_000, 100),
})

/** What was done through this node's admin API, newest first. */
export const auditAnswer = Type.Object({
  ...asOf,
  items: Type.Array(
    Type.Object({
      at: time,
      caller: text,
      operation: text,
      subject: text,
      status: Type.Integer(),
      before: Type.Optional(Type.Unknown()),
      after: Type.Optional(Type.Unknown()),
    }),
  ),
  next: Type.Optional(Type.Integer()),
})

export type PinsAnswer = Static<typeof pinsAnswer>
export type PinAnswer = Static<typeof pinAnswer>
export type PinChangeAnswer = Static<typeof pinChangeAnswer>
export type AuditAnswer = Static<typeof auditAnswer>
