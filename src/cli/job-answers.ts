import { type Static, Type } from 'typebox'
import { orNothing, text } from './answers.ts'
import { storedOn } from './operator-words.ts'

const told = {
  id: Type.String(),
  createdAt: Type.String(),
  images: Type.Number(),
  scope: Type.String(),
  scopeNodes: orNothing(Type.Array(Type.String())),
  scopeCopies: orNothing(Type.Number()),
  note: text,
  author: text,
}

const job = {
  ...told,
  state: Type.String(),
  waitsFor: text,
  done: Type.Number(),
  /** Absent: a node of an earlier version answers. */
  unfit: orNothing(Type.Number()),
  failed: Type.Number(),
  wanted: Type.Number(),
  bytes: Type.Number(),
  totalBytes: Type.Number(),
}

/** `GET /api/v1/jobs` */
export const jobsAnswer = Type.Object({
  asOf: Type.String(),
  items: Type.Array(Type.Object(job)),
  next: text,
})

/** `GET /api/v1/jobs/{id}` */
export const jobAnswer = Type.Object({
  asOf: Type.String(),
  ...job,
  nodes: Type.Array(
    Type.Object({
      name: Type.String(),
      there: Type.Boolean(),
      live: Type.Boolean(),
      saidAt: text,
      state: text,
      bytes: Type.Number(),
      totalBytes: Type.Number(),
      images: Type.Array(
        Type.Object({
          reference: Type.String(),
          state: Type.String(),
          digest: text,
          bytes: Type.Number(),
          totalBytes: orNothing(Type.Number()),
          reason: text,
          waitsSince: text,
        }),
      ),
    }),
  ),
})

/** `PUT` and `DELETE /api/v1/jobs/{id}` */
export const jobChangeAnswer = Type.Object({
  ...told,
  removed: Type.Boolean(),
  storedOn,
})

export type JobsAnswer = Static<typeof jobsAnswer>
export type JobChangeAnswer = Static<typeof jobChangeAnswer>
export type JobAnswer = Static<typeof jobAnswer>
