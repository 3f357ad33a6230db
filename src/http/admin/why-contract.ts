import { type Static, Type } from 'typebox'
import { given, resolution } from './contract.ts'
import { operation } from './operation.ts'
import { asOf, described, limit, optionalText, text, time } from './shapes.ts'

/** `GET /api/v1/why` and `GET …/why` of a node. */
export const whyQuery = Type.Object({
  subject: described(
    Type.String({ minLength: 1, maxLength: 1024 }),
    'A pod, `namespace/name` or its name alone, or an image as people write it. What is the name of a pod means the pod.',
  ),
  at: described(Type.Optional(time), 'What was answered, and ran, at or before that time.'),
  limit: limit(1_000, 20),
})

const container = Type.Object({
  namespace: text,
  pod: text,
  container: text,
  running: described(Type.Boolean(), 'Its pod ran when it was looked last.'),
  firstAt: described(time, 'When it was made first, from this image.'),
  madeAt: described(
    Type.Optional(time),
    'When the one that was seen last was made. Absent: it was not seen since the node started.',
  ),
  lastAt: described(time, 'When it was seen last.'),
  digest: described(
    optionalText,
    'Of the manifest that it was made from; absent: its runtime no longer knows that image.',
  ),
  images: Type.Array(
    Type.Object({
      reference: described(
        text,
        'What the pod names. Where its runtime does not tell, all names of the image.',
      ),
      answered: described(
        Type.Optional(given),
        'What this node answered for it when the container was made: this digest, if it did so, else the last answer before. Absent: none is remembered.',
      ),
      now: described(Type.Optional(resolution), 'What it would be answered with now.'),
    }),
  ),
})

const nodeWhy = {
  pods: described(
    Type.Object({ state: text, failure: optionalText }),
    'Whether the pods of the node are known, as in its status.',
  ),
  isPod: described(Type.Boolean(), 'A pod of this node is called so.'),
  containers: described(
    Type.Array(container),
    'Of the pods that are called so; else of those that name the image, or run its digest.',
  ),
  resolutions: described(
    Type.Array(given),
    'Answers for the tag, the newest first; none where the subject is a pod.',
  ),
}

export const nodeWhyAnswer = Type.Object({ ...asOf, ...nodeWhy })

const whyAnswer = Type.Object({
  ...asOf,
  nodes: described(Type.Array(nodeWhyAnswer), 'Each as it says itself, this one first.'),
  silent: described(
    Type.Array(Type.Object({ node: text, detail: text })),
    'Nodes that gave no answer, and why; those that are away among them, until they are forgotten.',
  ),
})

/** Asks all nodes. */
export const whyOperation = operation({
  id: 'getWhy',
  method: 'GET',
  path: '/api/v1/why',
  summary: 'What all nodes answered for a tag, or for what a pod names, why, and what runs there',
  role: 'read',
  query: whyQuery,
  body: undefined,
  answer: whyAnswer,
  problems: [],
})

export type WhyQuery = Static<typeof whyQuery>
export type NodeWhyAnswer = Static<typeof nodeWhyAnswer>
export type WhyContainer = Static<typeof container>
