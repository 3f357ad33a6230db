import { type Static, Type } from 'typebox'
import { orNothing, text } from './answers.ts'

/** `GET /api/v1/report` */
export const reportAnswer = Type.Object({
  /** ISO 8601. */
  asOf: Type.String(),
  verdict: Type.Union([Type.Literal('ready'), Type.Literal('at-risk'), Type.Literal('not-ready')]),
  counts: Type.Object({
    ready: Type.Number(),
    atRisk: Type.Number(),
    notReady: Type.Number(),
    /** Absent: a node of before it was told. */
    unmetKeeps: orNothing(Type.Number()),
  }),
  truncated: Type.Boolean(),
  emptyKeeps: Type.Array(Type.String()),
  nodes: Type.Array(
    Type.Object({
      name: Type.String(),
      platforms: orNothing(Type.Array(Type.String())),
      heard: Type.Boolean(),
    }),
  ),
  /** Absent, as what follows: a node of before it was told. */
  registries: orNothing(
    Type.Array(
      Type.Object({
        registry: Type.String(),
        nodes: Type.Array(
          Type.Object({
            node: Type.String(),
            state: Type.String(),
            downSince: text,
            answeredAt: text,
          }),
        ),
      }),
    ),
  ),
  cutOff: text,
  mend: orNothing(
    Type.Object({
      job: Type.Object({
        images: Type.Array(Type.String()),
        nodes: orNothing(Type.Array(Type.String())),
        copies: orNothing(Type.Number()),
        referrers: orNothing(Type.Boolean()),
      }),
      bytes: Type.Number(),
      unsized: Type.Number(),
      leftOut: Type.Number(),
    }),
  ),
  pods: orNothing(
    Type.Array(Type.Object({ name: Type.String(), state: Type.String(), failure: text })),
  ),
  items: Type.Array(
    Type.Object({
      reference: Type.String(),
      verdict: Type.Union([
        Type.Literal('ready'),
        Type.Literal('at-risk'),
        Type.Literal('not-ready'),
      ]),
      why: Type.String(),
      pinned: orNothing(Type.Boolean()),
      kept: orNothing(Type.Boolean()),
      digest: text,
      confirmedAt: text,
      standings: Type.Array(Type.Object({ node: Type.String(), standing: Type.String() })),
      copies: Type.Array(
        Type.Object({ platform: Type.String(), held: Type.Number(), wanted: Type.Number() }),
      ),
      /** Absent: a node of before it was told. */
      holders: orNothing(Type.Array(Type.String())),
      noRoom: orNothing(
        Type.Array(
          Type.Object({
            node: Type.String(),
            why: Type.String(),
            bytes: orNothing(Type.Number()),
            quotaBytes: orNothing(Type.Number()),
          }),
        ),
      ),
      missing: Type.Array(
        Type.Object({ digest: Type.String(), kind: Type.String(), size: orNothing(Type.Number()) }),
      ),
      /** Absent: a node of before it was told. */
      referrers: orNothing(
        Type.Array(
          Type.Object({
            digest: Type.String(),
            artifactType: text,
            held: Type.Number(),
            wanted: Type.Number(),
          }),
        ),
      ),
      moreReferrers: orNothing(Type.Number()),
      olderDigest: text,
      blocked: orNothing(Type.Object({ digest: Type.String(), isPin: Type.Boolean() })),
    }),
  ),
})

export type ReportAnswer = Static<typeof reportAnswer>
