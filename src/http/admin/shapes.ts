import { Type } from 'typebox'

/** What the shapes of the admin API are made of. Times are ISO 8601 in UTC, sizes bytes; what is unknown is left out. */

export const text = Type.String()
export const optionalText = Type.Optional(Type.String())
export const time = Type.String({ format: 'date-time' })

/** With every answer: who gives it, and when. */
export const asOf = { node: text, asOf: time }

/** How many items a page may have. */
export const limit = (most: number, usual: number) =>
  Type.Integer({ minimum: 1, maximum: most, default: usual })

/** A reference as people write it. */
export const reference = Type.String({ minLength: 1, maxLength: 1024 })

/** Any error, as RFC 9457 has it. */
export const problem = Type.Object({
  type: text,
  title: text,
  status: Type.Integer(),
  detail: text,
})
