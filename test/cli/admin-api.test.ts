import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { cli, listen, scriptAdmin } from './support.ts'

t.test('what the node answers decides how the command ends', async t => {
  const cases: [status: number, body: unknown, code: number, err: RegExp][] = [
    [
      401,
      { errors: [{ code: 'UNAUTHORIZED', message: 'no such token' }] },
      5,
      /refused the token: no such token/,
    ],
    [403, '', 5, /refused the token; .* --token-file or HOLDFAST_ADMIN_TOKEN$/m],
    [400, { title: 'Bad Request', detail: 'no reference' }, 2, /^holdfast: no reference$/m],
    [
      404,
      { detail: 'there is no GET /api/v1/nodes/self/status' },
      6,
      /answered 404: there is no GET \/api\/v1\/nodes\/self\/status$/m,
    ],
    [404, { detail: 'no such thing' }, 1, /^holdfast: no such thing$/m],
    [503, { detail: 'it was not written' }, 6, /answered 503: it was not written$/m],
    [404, 'not here', 6, /answered 404; is this the address of its admin API/],
    [500, '<html>', 6, /answered 500$/m],
    [200, 'not json', 6, /an answer of another shape; is it of this version\?/],
    [200, [], 6, /an answer of another shape/],
  ]
  for (const [status, body, code, err] of cases) {
    const admin = await scriptAdmin(t, () => [status, body])
    t.match(
      await cli(['status'], { env: admin.env }),
      { code, out: '', err },
      `${status} ${JSON.stringify(body)}`,
    )
  }
})

t.test('nobody there is 4', async t => {
  const env = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_ADMIN_TOKEN: 'x' }
  t.match(await cli(['status'], { env }), {
    code: 4,
    err: /no node answers at http:\/\/127.0.0.1:1 \(.*ECONNREFUSED/,
  })
})

t.test('a server without TLS is told in words', async t => {
  const port = await listen(t, createServer())
  const env = { HOLDFAST_ADDRESS: `https://127.0.0.1:${port}`, HOLDFAST_ADMIN_TOKEN: 'x' }
  const { code, err } = await cli(['status'], { env })
  t.equal(code, 4)
  t.match(err, /\(no TLS is spoken there\)/)
})

t.test('a node that hangs up is 4', async t => {
  const server = createServer(request => request.socket.destroy())
  const port = await listen(t, server)
  const env = { HOLDFAST_ADDRESS: `127.0.0.1:${port}`, HOLDFAST_ADMIN_TOKEN: 'x' }
  t.match(await cli(['status'], { env }), { code: 4, err: /no node answers/ })
})

t.test('a node is asked over its socket', async t => {
  const path = join(t.testdir({}), 'admin.sock')
  const server = createServer((_, response) =>
    response.end('{"node":"a","level":"info","configured":"info"}'),
  )
  await listen(t, server, path)
  for (const argv of [
    ['--address', `unix:${path}`],
    ['--address', `unix://${path}`],
    ['--admin.socket', path],
  ]) {
    t.strictSame(await cli(['log-level', ...argv]), {
      code: 0,
      out: 'a logs info\n',
      err: '',
    })
  }
})
