import { type Static, Type } from 'typebox'
import { given, resolution } from './contract.ts'
import { pin } from './pin-contract.ts'
import {
  after,
  asOf,
  described,
  holders,
  limit,
  next,
  optionalText,
  storedOn,
  text,
  time,
} from './shapes.ts'

/**
 * `GET /api/v1/tags`: what the ledger knows; what is given must all fit. `prefix`: how the whole reference begins. `contains`: what
 * stands anywhere in it. `staleForSeconds`: the owner did not confirm it for longer than that. `incomplete`: this node does not hold all of
 * it. `after` is the `next` of the page before.
 */
export const tagsQuery = Type.Object({
  registry: optionalText,
  repository: optionalText,
  prefix: described(optionalText, 'How the whole reference begins.'),
  contains: described(optionalText, 'Stands anywhere in the whole reference.'),
  staleForSeconds: described(
    Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000_000 })),
    'Its owner did not confirm it for longer than that.',
  ),
  incomplete: described(Type.Boolean({ default: false }), 'This node does not hold all of it.'),
  source: Type.Optional(
    Type.Union([
      Type.Literal('upstream'),
      Type.Literal('push'),
      Type.Literal('import'),
      Type.Literal('containerd'),
    ]),
  ),
  after,
  limit: limit(1_000, 100),
})

/**
 * A page of tags in byte order. `digest`, `source` and times are of the newest observation. `complete`: this node holds all of what the
 * tag answers with. A search through many tags may give a page that is not full, or empty, with a `next`: it goes on there.
 */
export const tagsAnswer = Type.Object({
  ...asOf,
  items: Type.Array(
    Type.Object({
      reference: text,
      digest: optionalText,
      mediaType: optionalText,
      size: Type.Optional(Type.Integer()),
      source: optionalText,
      confirmedAt: Type.Optional(time),
      firstSeenAt: Type.Optional(time),
      complete: described(Type.Boolean(), 'This node holds all of what the tag answers with.'),
      pinned: Type.Boolean(),
      pinnedDigest: optionalText,
    }),
  ),
  next,
})

/** A digest that a tag is known to have pointed to, and who said so. `complete`: this node holds all of it. */
const seen = Type.Object({
  digest: text,
  mediaType: text,
  size: Type.Integer(),
  source: text,
  saidBy: described(
    text,
    'Public key (hex) of the node that saw it, and its name where it has one here.',
  ),
  saidByName: optionalText,
  confirmedAt: described(
    time,
    'When its owner last confirmed it to this node, or else said so to another.',
  ),
  firstSeenAt: time,
  lastSeenAt: time,
  complete: described(Type.Boolean(), 'This node holds all of it.'),
  blocked: described(Type.Boolean(), 'No node answers a tag with it.'),
})

/**
 * `GET /api/v1/tags/{reference}`: all that this node knows of a tag, and what it would answer now. `live` is the newest observation,
 * `history` the other digests, newest first. `platforms` and `holders` are of `digest`: the pin's, else the newest one. `answers` are the last that
 * this node gave; `GET /api/v1/resolutions` has more of them.
 */
export const tagAnswer = Type.Object({
  ...asOf,
  reference: text,
  live: described(Type.Optional(seen), 'The newest observation.'),
  history: described(
    Type.Array(seen),
    'The other digests that it is known to have stood for, newest first, blocked ones among them.',
  ),
  pin: Type.Optional(Type.Object(pin)),
  digest: described(
    optionalText,
    'What `platforms` and `holders` are of: that of the pin, else the newest one.',
  ),
  platforms: Type.Array(
    Type.Object({
      platform: text,
      wanted: described(Type.Boolean(), 'Clients of this node or of another one need it.'),
      state: described(
        text,
        '`complete`, `incomplete`, or `absent`: the image has nothing for it.',
      ),
      manifest: optionalText,
      /** What is to be fetched next. */
      missing: Type.Array(
        Type.Object({ digest: text, kind: text, size: Type.Optional(Type.Integer()) }),
      ),
    }),
  ),
  /** Other nodes that hold something of what this node's clients need of it, those that hold most first. */
  holders,
  resolution,
  answers: described(
    Type.Array(given),
    'The last that this node gave; `GET /api/v1/resolutions` has more of them.',
  ),
})

/**
 * `POST /api/v1/tags/{reference}/refresh`: what its registry said when it was asked now. `outcome`: `new`, `moved`, `unchanged`; `late`: it
 * did not answer within the deadline, and what it says later is written down; `failed`. With `pinnedDigest` clients get that one anyway.
 */
export const refreshAnswer = Type.Object({
  ...asOf,
  reference: text,
  outcome: described(
    text,
    '`new`, `moved`, `unchanged`, `late` (what it says later is written down), `failed`.',
  ),
  before: optionalText,
  after: optionalText,
  pinnedDigest: described(optionalText, 'Clients get this one anyway.'),
  reason: text,
  failure: optionalText,
  saidBy: optionalText,
  tookMs: Type.Integer(),
})

/**
 * `DELETE /api/v1/tags/{reference}`: `forgotten` is what it stood for. With `pinnedDigest` clients still get that one. `storedOn`: on how
 * many nodes, of how many, it is durable.
 */
export const forgetAnswer = Type.Object({
  ...asOf,
  reference: text,
  forgotten: described(optionalText, 'What it stood for.'),
  pinnedDigest: described(optionalText, 'Clients still get this one.'),
  storedOn,
})

export type ForgetAnswer = Static<typeof forgetAnswer>
export type RefreshAnswer = Static<typeof refreshAnswer>
export type TagAnswer = Static<typeof tagAnswer>
export type TagsAnswer = Static<typeof tagsAnswer>
