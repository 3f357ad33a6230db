import { type Static, Type } from 'typebox'
import { asOf, optionalText, text, time } from './shapes.ts'

const exclusion = {
  /** A banned node's id (64 hex digits), or a blocked digest. */
  key: text,
  setAt: time,
  /** Public key (hex) of the node on which it was set. */
  setOn: text,
  note: optionalText,
  author: optionalText,
}

/** `GET /api/v1/bans` and `/api/v1/blocks`: those in force, in the order of their keys. */
export const exclusionsAnswer = Type.Object({ ...asOf, items: Type.Array(Type.Object(exclusion)) })

/** Why a ban, a block or a keep is set. */
export const exclusionBody = Type.Object(
  {
    note: Type.Optional(Type.String({ maxLength: 1_000 })),
    author: Type.Optional(Type.String({ maxLength: 100 })),
  },
  { additionalProperties: false },
)

/** `storedOn`: on how many nodes, of how many, it is durable. */
export const exclusionChangeAnswer = Type.Object({
  ...asOf,
  key: text,
  inForce: Type.Boolean(),
  storedOn: Type.Object({ nodes: Type.Integer(), members: Type.Integer() }),
})

export type ExclusionsAnswer = Static<typeof exclusionsAnswer>
export type ExclusionChangeAnswer = Static<typeof exclusionChangeAnswer>
