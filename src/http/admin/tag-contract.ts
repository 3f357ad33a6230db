import { type Static, Type } from 'typebox'
import { asOf, limit, optionalText, text, time } from './shapes.ts'

/**
 * `GET /api/v1/tags`: what the ledger knows; what is given must all fit. `prefix`: how the whole reference begins. `staleForSeconds`: the
 * owner did not confirm it for longer than that. `incomplete`: this node does not hold all of it. `after` is the `next` of the page before.
 */
export const tagsQuery = Type.Object({
  registry: optionalText,
  repository: optionalText,
  prefix: optionalText,
  staleForSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000_000 })),
  incomplete: Type.Boolean({ default: false }),
  source: Type.Optional(
    Type.Union([
      Type.Literal('upstream'),
      Type.Literal('push'),
      Type.Literal('import'),
      Type.Literal('containerd'),
    ]),
  ),
  after: optionalText,
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
      complete: Type.Boolean(),
      pinned: Type.Boolean(),
      pinnedDigest: optionalText,
    }),
  ),
  next: optionalText,
})

export type TagsAnswer = Static<typeof tagsAnswer>
