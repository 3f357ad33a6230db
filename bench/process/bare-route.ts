/** The least that fastify needs to answer with a manifest: one route, one constant Buffer. */
import { fastify } from 'fastify'

/** What it answers. */
export interface BareRouteOrder {
  readonly mediaType: string
  readonly digest: string
  readonly body: string
}

const order: BareRouteOrder = JSON.parse(process.argv[2] ?? '{}')
const body = Buffer.from(order.body)
const app = fastify()
app.get('/v2/*', (_request, reply) => {
  reply.header('content-type', order.mediaType)
  reply.header('docker-content-digest', order.digest)
  return reply.send(body)
})
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`)
