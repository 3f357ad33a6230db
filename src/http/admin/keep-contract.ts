import { type Static, Type } from 'typebox'
import {
  asOf,
  before,
  changed,
  described,
  said,
  saidBefore,
  storedOn,
  text,
  time,
} from './shapes.ts'

const keep = {
  pattern: described(text, 'As in `keep.patterns`, in the one way to write it.'),
  configured: described(
    Type.Boolean(),
    'It stands in `keep.patterns` of the node that answers; what operators say of it changes nothing there.',
  ),
  ...said,
  setAt: described(
    Type.Optional(time),
    'When an operator said it; absent where the configuration alone does.',
  ),
}

/** `GET /api/v1/keeps/{pattern}` */
export const keepAnswer = Type.Object({
  ...asOf,
  ...keep,
  tags: described(Type.Integer(), 'Known tags that it covers.'),
  covered: described(Type.Array(text), 'The first hundred of them, in byte order.'),
})

/** `GET /api/v1/keeps`: those in force, in the order of their patterns. `tags`: how many known tags it covers. */
export const keepsAnswer = Type.Object({
  ...asOf,
  items: Type.Array(
    Type.Object({ ...keep, tags: described(Type.Integer(), 'Known tags that it covers.') }),
  ),
  tags: described(Type.Integer(), 'Known tags that are kept by any of them.'),
})

/**
 * `storedOn`: on how many nodes, of how many, it is durable. `inForce`: the pattern is kept on the node that answers, be it by its
 * configuration. `tags`: how many known tags it covers.
 */
export const keepChangeAnswer = Type.Object({
  ...asOf,
  pattern: text,
  inForce: described(
    Type.Boolean(),
    'It is kept on the node that answers, be it by its configuration.',
  ),
  configured: Type.Boolean(),
  tags: described(Type.Integer(), 'Known tags that it covers.'),
  ...said,
  changed,
  before: before(saidBefore),
  storedOn,
})

export type KeepAnswer = Static<typeof keepAnswer>
export type KeepsAnswer = Static<typeof keepsAnswer>
export type KeepChangeAnswer = Static<typeof keepChangeAnswer>
