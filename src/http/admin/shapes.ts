import { type TProperties, type TSchema, Type } from 'typebox'

/** What the shapes of the admin API are made of. Times are ISO 8601 in UTC, sizes bytes; what is unknown is left out. */

/** The shape, with what it means told in the API's document and its page. */
export const described = <S extends TSchema>(shape: S, description: string): S =>
  Object.defineProperties({} as S, {
    ...Object.getOwnPropertyDescriptors(shape),
    description: { value: description, enumerable: true },
  })

export const text = Type.String()
export const optionalText = Type.Optional(Type.String())
export const time = Type.String({ format: 'date-time' })

/** Why something is said, and by whom. */
export const noteBody = described(
  Type.Optional(Type.String({ maxLength: 1_000 })),
  'Absent: none, also where there was one before, for a `PUT` says all of it.',
)
export const authorBody = described(
  Type.Optional(Type.String({ maxLength: 100 })),
  'Absent: the name of the token.',
)

/** With every answer: who gives it, and when. */
export const asOf = {
  node: described(text, 'The node that answers.'),
  asOf: described(time, 'The time that the answer is of, by that node.'),
}

/** With every change that may be said again. */
export const changed = described(
  Type.Boolean(),
  'Whether it was otherwise before. `false`: it stood so already, or there was nothing to take away.',
)

/** With every change: what it took the place of, or took away. */
export const before = <P extends TProperties>(properties: P) =>
  described(
    Type.Optional(Type.Object(properties)),
    'What stood there until this change; absent: nothing did, or nothing was changed.',
  )

/** Who said something when, of what stood there before. */
export const saidBefore = {
  setAt: time,
  setOn: described(text, 'Public key (hex) of the node on which it was set.'),
  setOnName: optionalText,
  note: optionalText,
  author: optionalText,
}

/** Who said something when, of what stands there now. */
export const said = {
  setAt: Type.Optional(time),
  setOn: described(optionalText, 'Public key (hex) of the node on which it was said.'),
  setOnName: optionalText,
  note: optionalText,
  author: optionalText,
  version: described(optionalText, 'As in `ETag`; `If-Match` takes it.'),
}

/** Nodes that hold something of an image. */
export const holders = Type.Array(
  Type.Object({
    id: text,
    name: optionalText,
    holds: Type.Integer(),
    of: Type.Integer(),
    indexOnly: described(
      Type.Optional(Type.Boolean()),
      'It holds the index alone, of an image that has nothing for the platforms of the node that answers.',
    ),
  }),
)

/** On how many nodes a change is durable. */
export const storedOn = described(
  Type.Object({
    nodes: described(Type.Integer(), 'That have stored it, the one that answers among them.'),
    members: described(Type.Integer(), 'That are not forgotten, be they there or not.'),
    away: described(Type.Integer(), 'Members that are gone: it reaches them when they come back.'),
  }),
  'On how many nodes, of how many, it is durable.',
)

/** How many items a page may have. */
export const limit = (most: number, usual: number) =>
  described(
    Type.Integer({ minimum: 1, maximum: most, default: usual }),
    'How many items the page may have.',
  )

/** Where a page goes on. */
export const after = described(optionalText, 'The `next` of the page before.')
export const next = described(optionalText, 'Absent on the last page.')

/** A reference as people write it. */
export const reference = described(
  Type.String({ minLength: 1, maxLength: 1024 }),
  'As people write it: `nginx` is `docker.io/library/nginx:latest`.',
)

/** Any error, as RFC 9457 has it. */
export const problem = Type.Object({
  type: text,
  title: text,
  status: Type.Integer(),
  detail: text,
})
