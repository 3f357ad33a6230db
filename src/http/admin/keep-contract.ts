import { type Static, Type } from 'typebox'
import { asOf, optionalText, text, time } from './shapes.ts'

const keep = {
  /** As in `keep.patterns`, in the one way to write it. */
  pattern: text,
  /** It stands in `keep.patterns` of the node that answers; what operators say of it changes nothing there. */
  configured: Type.Boolean(),
  /** When an operator said it; absent where the configuration alone does. */
  setAt: Type.Optional(time),
  /** Public key (hex) of the node on which it was said. */
  setOn: optionalText,
  note: optionalText,
  author: optionalText,
}

/** `GET /api/v1/keeps`: those in force, in the order of their patterns. `tags`: how many known tags it covers. */
export const keepsAnswer = Type.Object({
  ...asOf,
  items: Type.Array(Type.Object({ ...keep, tags: Type.Integer() })),
  /** Known tags that are kept by any of them. */
  tags: Type.Integer(),
})

/**
 * `storedOn`: on how many nodes, of how many, it is durable. `inForce`: the pattern is kept on the node that answers, be it by its
 * configuration. `tags`: how many known tags it covers.
 */
export const keepChangeAnswer = Type.Object({
  ...asOf,
  pattern: text,
  inForce: Type.Boolean(),
  configured: Type.Boolean(),
  tags: Type.Integer(),
  storedOn: Type.Object({ nodes: Type.Integer(), members: Type.Integer() }),
})

export type KeepsAnswer = Static<typeof keepsAnswer>
export type KeepChangeAnswer = Static<typeof keepChangeAnswer>
