import type { FastifyServerOptions } from 'fastify'

const refuse = (): never => {
  throw new Error('routes have no schemas here: queries are read by `readQuery`')
}

/** An option of every app: no route has a schema, and what would compile them is not loaded, 3 MB resident. */
export const withoutSchemas = {
  compilersFactory: { buildValidator: refuse, buildSerializer: refuse },
} satisfies FastifyServerOptions['schemaController']
