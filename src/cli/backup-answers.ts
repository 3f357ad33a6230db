import { type Static, Type } from 'typebox'
import { text } from './answers.ts'

/** `GET /api/v1/backup`: a document that goes into a file as it is, whatever else is in it. */
export const backupAnswer = Type.Object({ holdfastBackup: Type.Number() })

/** `POST /api/v1/restore` */
export const restoreAnswer = Type.Object({
  node: Type.String(),
  asOf: Type.String(),
  dryRun: Type.Boolean(),
  items: Type.Array(
    Type.Object({
      kind: Type.String(),
      what: Type.String(),
      outcome: Type.String(),
      reason: text,
    }),
  ),
  next: Type.Optional(Type.Number()),
})

export type RestoreAnswer = Static<typeof restoreAnswer>
