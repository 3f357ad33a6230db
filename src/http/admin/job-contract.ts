import { type Static, Type } from 'typebox'
import { maxConcurrency, maxWarmImages } from '../../keep/warm-job.ts'
import {
  after,
  asOf,
  changed,
  described,
  limit,
  next,
  optionalText,
  reference,
  storedOn,
  text,
  time,
} from './shapes.ts'

const platform = described(Type.String({ maxLength: 100 }), 'As in `linux/arm64/v8`.')

/** `PUT /api/v1/jobs/{id}` */
export const jobBody = Type.Object(
  {
    images: described(
      Type.Array(reference, { maxItems: maxWarmImages, default: [] }),
      'Tags or digests. A tag stands for what its registry says when a node begins with it, until the job ends; where none is reached, for the last digest that is known, if the nodes that are there hold all of it.',
    ),
    from: Type.Optional(
      described(
        Type.Union([Type.Literal('keep'), Type.Literal('running')]),
        'Instead of `images`: all that is kept or pinned now, or all that the pods of the nodes run.',
      ),
    ),
    platforms: Type.Optional(
      described(
        Type.Array(platform, { minItems: 1, maxItems: 16 }),
        'By default those of each node.',
      ),
    ),
    nodes: Type.Optional(
      described(
        Type.Array(Type.String({ minLength: 1, maxLength: 253 }), { minItems: 1, maxItems: 100 }),
        'Names or ids of the nodes that are to have the images. By default all are.',
      ),
    ),
    copies: Type.Optional(
      described(
        Type.Integer({ minimum: 1, maximum: 100 }),
        'Instead of `nodes`: so many nodes are to have each image, those that would hold it if it were kept.',
      ),
    ),
    concurrency: described(
      Type.Integer({ minimum: 1, maximum: maxConcurrency, default: 3 }),
      'Images that a node fetches at the same time.',
    ),
    referrers: described(
      Type.Boolean({ default: false }),
      'Signatures, SBOMs and what else refers to the images come with them.',
    ),
    note: Type.Optional(Type.String({ maxLength: 1_000 })),
    author: Type.Optional(Type.String({ maxLength: 100 })),
  },
  { additionalProperties: false },
)

const bytes = described(
  Type.Integer(),
  'Bytes here of what is wanted, on all nodes together; they never become fewer.',
)
const totalBytes = described(
  Type.Integer(),
  'As far as manifests are known: it grows until all of them are.',
)

/** What a job or a schedule has nodes do. */
export const toldTask = {
  scope: described(text, '`all`, `nodes` or `copies`.'),
  scopeNodes: described(Type.Optional(Type.Array(text)), 'Their names, where nodes were named.'),
  scopeCopies: Type.Optional(Type.Integer()),
  platforms: Type.Optional(Type.Array(text)),
  concurrency: Type.Integer(),
  referrers: Type.Boolean(),
}

const told = {
  id: text,
  createdAt: time,
  cancelledAt: Type.Optional(time),
  note: optionalText,
  author: optionalText,
  images: described(Type.Integer(), 'How many images it names.'),
  ...toldTask,
}

/** How a job is, without its images. */
const job = {
  ...told,
  state: described(
    text,
    '`running`; `waiting`: there is nothing to do but wait; `done`; `failed`: over, and something could not be had; `cancelled`.',
  ),
  waitsFor: described(optionalText, 'What it waits for: a node that is away, or a registry.'),
  done: described(
    Type.Integer(),
    'Images that are there; each counts for every node that is to have it.',
  ),
  unfit: described(
    Type.Integer(),
    'Of those that are done: they have nothing for the platforms of their node, and nothing of them was to be fetched.',
  ),
  failed: described(Type.Integer(), 'Counted likewise.'),
  wanted: described(Type.Integer(), 'Counted likewise.'),
  bytes,
  totalBytes,
}

const imageState = described(
  text,
  '`pending`: not begun, or left undone by a job that was called off; `fetching`, `waiting`, `done`, `failed`, `elsewhere`: left to other nodes, or `unfit`: nothing in it is for this node.',
)

/** `GET /api/v1/jobs`: newest first. */
export const jobsQuery = Type.Object({ after, limit: limit(100, 50) })
export const jobsAnswer = Type.Object({ ...asOf, items: Type.Array(Type.Object(job)), next })

/** `GET /api/v1/jobs/{id}` */
export const jobQuery = Type.Object({
  parts: described(
    Type.Boolean({ default: false }),
    'Tell every manifest and blob of each image, of the nodes that answer.',
  ),
})

const part = Type.Object({
  digest: text,
  kind: described(text, '`manifest` or `blob`.'),
  bytes: Type.Integer(),
  size: Type.Optional(Type.Integer()),
})

/** A job, with each image on each node. */
export const jobAnswer = Type.Object({
  ...asOf,
  ...job,
  nodes: Type.Array(
    Type.Object({
      id: text,
      name: text,
      there: described(Type.Boolean(), 'It is not away, as far as is known.'),
      live: described(Type.Boolean(), 'It was asked just now; else it is what it said last.'),
      saidAt: described(Type.Optional(time), 'When it said so; absent where it said nothing yet.'),
      state: described(
        optionalText,
        '`running`, `waiting`, `ended`, `cancelled`; absent where it said nothing yet.',
      ),
      bytes: Type.Integer(),
      totalBytes: Type.Integer(),
      images: described(
        Type.Array(
          Type.Object({
            reference: text,
            state: imageState,
            digest: optionalText,
            bytes: Type.Integer(),
            totalBytes: Type.Optional(Type.Integer()),
            reason: described(
              optionalText,
              'What it waits for, why it failed or is unfit, or that its registry was not asked.',
            ),
            waitsSince: Type.Optional(time),
            parts: Type.Optional(Type.Array(part)),
          }),
        ),
        'In the order in which they were given.',
      ),
    }),
  ),
})

/** `PUT` and `DELETE /api/v1/jobs/{id}` */
export const jobChangeAnswer = Type.Object({
  ...asOf,
  ...told,
  removed: described(Type.Boolean(), 'It was over and is no longer listed.'),
  changed,
  storedOn,
})

export type JobBody = Static<typeof jobBody>
export type JobsAnswer = Static<typeof jobsAnswer>
export type JobAnswer = Static<typeof jobAnswer>
export type JobChangeAnswer = Static<typeof jobChangeAnswer>
