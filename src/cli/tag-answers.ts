import { type Static, Type } from 'typebox'
import { given, origin, orNothing, resolution, text } from './answers.ts'
import { pin } from './operator-answers.ts'
import { storedOn } from './operator-words.ts'

/** `GET /api/v1/tags` */
export const tagsAnswer = Type.Object({
  ...origin,
  items: Type.Array(
    Type.Object({
      reference: Type.String(),
      digest: text,
      source: text,
      confirmedAt: text,
      /** The node holds all of what it answers with. */
      complete: orNothing(Type.Boolean()),
      pinned: orNothing(Type.Boolean()),
      /** What it is answered with then; `digest` is what it would be without the pin. */
      pinnedDigest: text,
    }),
  ),
  /** Where the next page begins; absent on the last. */
  next: text,
})

const seen = Type.Object({
  digest: Type.String(),
  source: Type.String(),
  saidBy: Type.String(),
  saidByName: text,
  confirmedAt: Type.String(),
  firstSeenAt: Type.String(),
  lastSeenAt: Type.String(),
  complete: Type.Boolean(),
  blocked: orNothing(Type.Boolean()),
})

/** `GET /api/v1/tags/{reference}` */
export const tagAnswer = Type.Object({
  reference: Type.String(),
  live: orNothing(seen),
  history: Type.Array(seen),
  pin: orNothing(Type.Object(pin)),
  digest: text,
  platforms: Type.Array(
    Type.Object({
      platform: Type.String(),
      wanted: Type.Boolean(),
      state: Type.String(),
      manifest: text,
      missing: Type.Array(
        Type.Object({
          digest: Type.String(),
          kind: Type.String(),
          /** Bytes. */
          size: orNothing(Type.Number()),
        }),
      ),
    }),
  ),
  holders: Type.Array(
    Type.Object({
      id: Type.String(),
      name: text,
      holds: Type.Number(),
      of: Type.Number(),
      indexOnly: orNothing(Type.Boolean()),
    }),
  ),
  resolution: Type.Object(resolution),
  answers: Type.Array(given),
})

/** `POST /api/v1/tags/{reference}/refresh` */
export const refreshAnswer = Type.Object({
  reference: Type.String(),
  outcome: Type.String(),
  before: text,
  after: text,
  pinnedDigest: text,
  reason: Type.String(),
  failure: text,
  saidBy: text,
  tookMs: Type.Number(),
})

/** `DELETE /api/v1/tags/{reference}` */
export const forgetAnswer = Type.Object({
  reference: Type.String(),
  forgotten: text,
  pinnedDigest: text,
  storedOn,
})

export type RefreshAnswer = Static<typeof refreshAnswer>
export type TagsAnswer = Static<typeof tagsAnswer>
export type TagAnswer = Static<typeof tagAnswer>
