import { type Static, Type } from 'typebox'
import { asOf, described, optionalText, text } from './shapes.ts'

/** `GET …/diagnostics` */
export const diagnosticsAnswer = Type.Object({
  ...asOf,
  parts: described(
    Type.Array(
      Type.Object({
        name: described(text, 'Of the file that a bundle has it in.'),
        what: described(text, 'What it is, in words.'),
        json: described(Type.Optional(Type.Unknown()), 'What is told, where it is JSON.'),
        text: described(optionalText, 'What is told, where it is none.'),
        error: described(optionalText, 'Why there is nothing: the rest is told all the same.'),
      }),
    ),
    'All that helps to find out what is wrong with a node. There are no secrets in it, no images, and nothing of what clients sent.',
  ),
})

export type DiagnosticsAnswer = Static<typeof diagnosticsAnswer>
