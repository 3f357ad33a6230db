import { type Static, Type } from 'typebox'
import {
  asOf,
  authorBody,
  before,
  changed,
  described,
  holders,
  noteBody,
  optionalText,
  said,
  saidBefore,
  storedOn,
  text,
  time,
} from './shapes.ts'

const exclusion = {
  key: described(text, "A banned node's id (64 hex digits), or a blocked digest."),
  name: described(optionalText, "A banned node's, where it is known here."),
  setAt: time,
  setOn: described(text, 'Public key (hex) of the node on which it was set.'),
  setOnName: optionalText,
  note: optionalText,
  author: optionalText,
  version: described(optionalText, 'As in `ETag`; `If-Match` takes it.'),
}

/** `GET /api/v1/bans` and `/api/v1/blocks`: those in force, in the order of their keys. */
export const exclusionsAnswer = Type.Object({ ...asOf, items: Type.Array(Type.Object(exclusion)) })

/** `GET /api/v1/bans/{node}` and `/api/v1/blocks/{digest}` */
export const exclusionAnswer = Type.Object({ ...asOf, ...exclusion })

/** Why a ban, a block or a keep is set. */
export const exclusionBody = Type.Object(
  {
    note: noteBody,
    author: authorBody,
  },
  { additionalProperties: false },
)

/** `storedOn`: on how many nodes, of how many, it is durable. */
export const exclusionChangeAnswer = Type.Object({
  ...asOf,
  key: text,
  name: described(optionalText, "A banned node's, where it is known here."),
  inForce: Type.Boolean(),
  ...said,
  changed,
  before: before(saidBefore),
  storedOn,
})

/** What a block, or the end of one, comes to. */
const hits = {
  tags: described(
    Type.Array(
      Type.Object({
        reference: text,
        pinned: described(Type.Boolean(), 'An operator pinned it to the digest.'),
        digest: described(optionalText, 'What it is answered with now; absent: nothing.'),
        source: optionalText,
        reason: text,
      }),
    ),
    'Tags for which the digest stands by what this node remembers, the first twenty.',
  ),
  moreTags: described(Type.Integer(), 'How many more there are.'),
  completeHere: described(Type.Boolean(), 'This node holds all of the image.'),
  holders: described(holders, 'Other nodes that hold something of it.'),
}

/** `PUT` and `DELETE /api/v1/blocks/{digest}` */
export const blockChangeAnswer = Type.Object({ ...exclusionChangeAnswer.properties, ...hits })

const blockHits = Type.Object(hits)

export type BlockHits = Static<typeof blockHits>
export type ExclusionAnswer = Static<typeof exclusionAnswer>
export type ExclusionsAnswer = Static<typeof exclusionsAnswer>
export type ExclusionChangeAnswer = Static<typeof exclusionChangeAnswer>
