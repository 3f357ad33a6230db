import { type Static, Type } from 'typebox'
import { asOf, limit, optionalText, reference, text, time } from './shapes.ts'

/** `GET /api/v1/report`: would these tags start if no registry could be reached from now on? */
export const reportQuery = Type.Object({
  /** Tags; without any, the keep set. */
  ref: Type.Array(reference, { maxItems: 1_000 }),
  /** The node that is judged, as in `/api/v1/nodes/{name}`; without it, all are. */
  node: optionalText,
  /** Of the keep set. */
  limit: limit(1_000, 1_000),
})

const verdict = Type.Union([
  Type.Literal('ready'),
  Type.Literal('at-risk'),
  Type.Literal('not-ready'),
])

/** `verdict` is the worst of the images, and `not-ready` where there is none. */
export const reportAnswer = Type.Object({
  ...asOf,
  verdict,
  counts: Type.Object({
    ready: Type.Integer(),
    atRisk: Type.Integer(),
    notReady: Type.Integer(),
  }),
  /** There is more in the keep set than was looked at. */
  truncated: Type.Boolean(),
  /** `heard`: it said what it holds; one that did not is not judged. */
  nodes: Type.Array(
    Type.Object({ id: text, name: text, platforms: Type.Array(text), heard: Type.Boolean() }),
  ),
  items: Type.Array(
    Type.Object({
      reference: text,
      verdict,
      /** `pin`, `keep` or `named`. */
      why: text,
      /** Absent: nothing is known of the tag. */
      digest: optionalText,
      confirmedAt: Type.Optional(time),
      /** `here`, `in-reach`, `older`, `lacking`, `unaware` or `not-for`, for each node that was judged. */
      standings: Type.Array(Type.Object({ node: text, standing: text })),
      copies: Type.Array(
        Type.Object({ platform: text, held: Type.Integer(), wanted: Type.Integer() }),
      ),
      /** What no live node holds. */
      missing: Type.Array(
        Type.Object({ digest: text, kind: text, size: Type.Optional(Type.Integer()) }),
      ),
      /** What would be answered instead. */
      olderDigest: optionalText,
    }),
  ),
})

export type ReportAnswer = Static<typeof reportAnswer>
