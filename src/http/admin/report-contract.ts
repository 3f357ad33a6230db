import { type Static, Type } from 'typebox'
import { asOf, described, limit, optionalText, reference, text, time } from './shapes.ts'

/** `GET /api/v1/report`: would these images start if no registry could be reached from now on? */
export const reportQuery = Type.Object({
  ref: described(
    Type.Array(reference, { maxItems: 1_000 }),
    'Images by tag or digest; without any, the keep set.',
  ),
  running: described(
    Type.Boolean({ default: false }),
    'Instead of the keep set what the pods of all nodes run now, or those of `node`.',
  ),
  node: described(
    optionalText,
    'The nodes that are judged, as in `/api/v1/nodes/{name}`, with commas between them; without it, all are.',
  ),
  limit: described(limit(1_000, 1_000), 'Of the keep set, or of what runs.'),
})

const verdict = Type.Union([
  Type.Literal('ready'),
  Type.Literal('at-risk'),
  Type.Literal('not-ready'),
])

export const reportAnswer = Type.Object({
  ...asOf,
  verdict: described(
    verdict,
    'The worst of the images, `at-risk` at best while a node that is judged does not answer, or an operator keeps what no known tag fits; `not-ready` where there is no image.',
  ),
  counts: Type.Object({
    ready: Type.Integer(),
    atRisk: Type.Integer(),
    notReady: Type.Integer(),
    unmetKeeps: described(
      Type.Integer(),
      'Of `emptyKeeps` those that an operator said. Those of the configuration alone change no verdict: it may be the same on nodes that never see such tags.',
    ),
  }),
  truncated: described(Type.Boolean(), 'There is more than was looked at.'),
  emptyKeeps: described(
    Type.Array(text),
    'Patterns that are kept and that no known tag fits, where the keep set was looked at.',
  ),
  /** `heard`: it said what it holds; one that did not is not judged. `full`: its store takes nothing more. */
  nodes: Type.Array(
    Type.Object({
      id: text,
      name: text,
      platforms: Type.Array(text),
      heard: Type.Boolean(),
      full: Type.Boolean(),
    }),
  ),
  registries: described(
    Type.Array(
      Type.Object({
        registry: text,
        nodes: Type.Array(
          Type.Object({
            node: text,
            state: described(
              text,
              '`answers`: it did when it was last asked; `unheard`: not asked since the node started; `down`; `offline`: the mode of the node is; `unconfigured`: the node may not ask it.',
            ),
            downSince: described(Type.Optional(time), 'Of one that is `down`.'),
            answeredAt: described(Type.Optional(time), 'Of one that `answers`: when it last did.'),
          }),
        ),
      }),
    ),
    'Whether the registries of the images can be reached now, by what each node that answers knows, judged or not.',
  ),
  cutOff: described(
    optionalText,
    'Why this node reaches no other, with what to do: the others are judged as silent ones.',
  ),
  mend: described(
    Type.Optional(
      Type.Object({
        job: described(
          Type.Object({
            images: Type.Array(text),
            nodes: Type.Optional(Type.Array(text)),
            copies: Type.Optional(Type.Integer()),
            referrers: described(
              Type.Optional(Type.Boolean()),
              'With signatures and SBOMs: where some are on too few nodes, and the registries of all these images answer.',
            ),
          }),
          'A body for `PUT /api/v1/jobs/{id}`. Images that no registry is needed for are named by their digests.',
        ),
        bytes: described(
          Type.Integer(),
          'What no node holds of those whose manifests are known: it comes from registries.',
        ),
        unsized: described(Type.Integer(), 'Images whose manifests are not known yet.'),
        leftOut: described(Type.Integer(), 'Images beyond those that one job may name.'),
      }),
    ),
    'The warm job that would mend what can be fetched of what is not ready. Absent: nothing can.',
  ),
  pods: described(
    Type.Optional(Type.Array(Type.Object({ name: text, state: text, failure: optionalText }))),
    'With `running`: whether the pods of each node are known. `seen`; `off`, where `keep.running` is; `looking`, before the first look; `unseen`, with the failure; `silent`: it does not answer.',
  ),
  items: Type.Array(
    Type.Object({
      reference: text,
      verdict,
      why: described(text, '`pin`, `keep`, `running` or `named`.'),
      pinned: described(
        Type.Boolean(),
        'It is answered with its pin, whose age nobody counts; kept or named, too, or not.',
      ),
      kept: described(Type.Boolean(), 'Nodes fetch what they lack of it by themselves.'),
      digest: described(optionalText, 'Absent: nothing is known of the tag.'),
      confirmedAt: Type.Optional(time),
      standings: described(
        Type.Array(Type.Object({ node: text, standing: text })),
        '`here`, `in-reach`, `older`, `lacking`, `unaware` or `not-for`, for each node that was judged.',
      ),
      copies: Type.Array(
        Type.Object({ platform: text, held: Type.Integer(), wanted: Type.Integer() }),
      ),
      holders: described(
        Type.Array(text),
        'Nodes that hold all of it, for a platform of theirs: those that `copies` counts, judged or not.',
      ),
      noRoom: described(
        Type.Array(
          Type.Object({
            node: text,
            why: described(
              text,
              '`full`: what has to stay leaves too little; `quota`: the store may never hold so much.',
            ),
            bytes: described(Type.Optional(Type.Integer()), 'What the image takes there.'),
            quotaBytes: described(
              Type.Optional(Type.Integer()),
              'The most that the store may hold.',
            ),
          }),
        ),
        'Nodes that lack some of it, and whose stores cannot take it, judged or not.',
      ),
      /** What no live node holds. */
      missing: Type.Array(
        Type.Object({ digest: text, kind: text, size: Type.Optional(Type.Integer()) }),
      ),
      referrers: described(
        Type.Array(
          Type.Object({
            digest: text,
            artifactType: optionalText,
            held: described(
              Type.Integer(),
              'Nodes that hold all of it: its manifest, config and layers.',
            ),
            wanted: Type.Integer(),
          }),
        ),
        'What refers to `digest` (signatures, SBOMs), the first 20 by their digests, as far as nodes that answered hold its manifest. It changes no verdict.',
      ),
      moreReferrers: described(Type.Integer(), 'Beyond those.'),
      blocked: described(
        Type.Optional(Type.Object({ digest: text, isPin: Type.Boolean() })),
        'What it would be answered with, had an operator not blocked that: its pin, or else the newest of what is remembered, all of which is blocked.',
      ),
      olderDigest: described(optionalText, 'What would be answered instead.'),
    }),
  ),
})

export type ReportAnswer = Static<typeof reportAnswer>
