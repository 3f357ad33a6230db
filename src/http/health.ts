import { fastify } from 'fastify'
import type { Readiness } from '../ports/readiness.ts'
import { createListener, type ListenAddress, type Listener } from './listener.ts'
import { withoutSchemas } from './without-schemas.ts'

/** What the health listener tells. */
export interface HealthParts {
  readonly readiness: () => Readiness
  /** All metrics as text, with its content type. */
  readonly exposeMetrics: () => Promise<{ readonly contentType: string; readonly text: string }>
}

/**
 * Builds the health listener: `/livez` (the process answers), `/readyz` (503 only while the mirror cannot answer; degraded is 200 with
 * the reasons in the body) and `/metrics`. It asks for no token, so nothing secret may come into what it tells.
 */
export function createHealth(
  { readiness, exposeMetrics }: HealthParts,
  { address, graceMs = 1_000 }: { readonly address: ListenAddress; readonly graceMs?: number },
): Listener {
  const app = fastify({
    logger: false,
    schemaController: withoutSchemas,
    return503OnClosing: false,
    forceCloseConnections: false,
    requestTimeout: 10_000,
    connectionTimeout: 60_000,
  })
  app.get('/livez', (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/readyz', (_request, reply) => {
    const { ready, degraded } = readiness()
    const status = ready ? (degraded.length === 0 ? 'ready' : 'degraded') : 'not ready'
    return reply.code(ready ? 200 : 503).send({ status, degraded })
  })
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await exposeMetrics()
    return reply.type(contentType).send(text)
  })
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).type('text/plain').send('/livez, /readyz and /metrics are here\n'),
  )
  return createListener(app, { address, graceMs })
}
