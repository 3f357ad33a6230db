import { fastify } from 'fastify'
import t from 'tap'
import { withoutSchemas } from '../../src/http/without-schemas.ts'

t.test('routes without a schema are answered', async t => {
  const app = fastify({ schemaController: withoutSchemas })
  app.get('/plain', (_request, reply) => reply.send({ is: 'answered' }))
  t.same((await app.inject('/plain')).json(), { is: 'answered' })
  t.equal((await app.inject('/absent')).statusCode, 404)
})

t.test('a route with a schema is refused, and not left unchecked', async t => {
  const app = fastify({ schemaController: withoutSchemas })
  app.get('/checked', { schema: { querystring: { type: 'object' } } }, () => 'never')
  await t.rejects(async () => void (await app.ready()), /routes have no schemas here/)
})
