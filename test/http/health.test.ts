import t from 'tap'
import { createHealth } from '../../src/http/health.ts'
import type { Readiness } from '../../src/ports/readiness.ts'
import { connectRaw } from '../support/raw-http.ts'

t.test('the health listener tells life, readiness and metrics', async t => {
  let readiness: Readiness = { ready: true, degraded: [] }
  const health = createHealth(
    {
      readiness: () => readiness,
      exposeMetrics: async () => ({
        contentType: 'text/plain; version=0.0.4',
        text: 'a_total 1\n',
      }),
    },
    { address: { host: '127.0.0.1', port: 0 } },
  )
  const { port } = await health.listen()
  const client = await connectRaw(port)

  t.equal((await client.ask('GET', '/livez')).status, 200)
  const ready = await client.ask('GET', '/readyz')
  t.equal(ready.status, 200)
  t.same(JSON.parse(ready.body.toString()), { status: 'ready', degraded: [] })

  readiness = {
    ready: true,
    degraded: [{ reason: 'upstream_down', detail: 'docker.io since 5 s' }],
  }
  const degraded = await client.ask('GET', '/readyz')
  t.equal(degraded.status, 200, 'degraded is ready')
  t.same(JSON.parse(degraded.body.toString()), {
    status: 'degraded',
    degraded: [{ reason: 'upstream_down', detail: 'docker.io since 5 s' }],
  })

  readiness = { ready: false, degraded: [] }
  t.equal((await client.ask('GET', '/readyz')).status, 503)
  t.equal((await client.ask('GET', '/livez')).status, 200)

  const metrics = await client.ask('GET', '/metrics')
  t.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4')
  t.equal(metrics.body.toString(), 'a_total 1\n')
  t.equal((await client.ask('GET', '/else')).status, 404)

  await health.close()
  await t.rejects(connectRaw(port), { code: 'ECONNREFUSED' })
})
