import { type TProperties, Type } from 'typebox'

/** A mapping with fixed keys, each with its own default. */
export const group = <P extends TProperties>(description: string, properties: P) =>
  Type.Object(properties, { additionalProperties: false, default: {}, description })

/** A text that says something. */
export const text = (description: string, options: object = {}) =>
  Type.String({ minLength: 1, description, ...options })

/** A whole number of milliseconds, at most 30 days. */
export const milliseconds = (description: string, value: number, minimum = 0) =>
  Type.Integer({
    minimum,
    maximum: 2_592_000_000,
    default: value,
    description: `${description}, in milliseconds.`,
  })

/** A list of texts, empty by default. */
export const texts = (description: string, options: object = {}) =>
  Type.Array(Type.String({ minLength: 1 }), { default: [], description, ...options })
