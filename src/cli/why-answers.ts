import { type Static, Type } from 'typebox'
import { given, orNothing, resolution, text } from './answers.ts'

const container = Type.Object({
  namespace: Type.String(),
  pod: Type.String(),
  container: Type.String(),
  running: Type.Boolean(),
  firstAt: Type.String(),
  madeAt: orNothing(Type.String()),
  lastAt: Type.String(),
  digest: text,
  images: Type.Array(
    Type.Object({
      reference: Type.String(),
      answered: orNothing(given),
      now: orNothing(Type.Object(resolution)),
    }),
  ),
})

/** `GET /api/v1/nodes/{name}/why` */
export const nodeWhyAnswer = Type.Object({
  node: Type.String(),
  asOf: Type.String(),
  pods: Type.Object({ state: Type.String(), failure: text }),
  isPod: Type.Boolean(),
  containers: Type.Array(container),
  resolutions: Type.Array(given),
})

/** `GET /api/v1/why` */
export const whyAnswer = Type.Object({
  nodes: Type.Array(nodeWhyAnswer),
  silent: Type.Array(Type.Object({ node: Type.String(), detail: Type.String() })),
})

export type WhyAnswer = Static<typeof whyAnswer>
export type NodeWhyAnswer = Static<typeof nodeWhyAnswer>
export type WhyContainer = Static<typeof container>
