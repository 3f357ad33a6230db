import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = `sha256:${'ab'.repeat(32)}`
const pin = { standing: 'in-force', digest }
const entry = {
  at: '2026-11-21T12:00:00.000Z',
  caller: 'captain',
  operation: 'putPin',
  subject: 'docker.io/library/nginx:latest',
}

t.test('what was done is told, newest first, with what changed', async t => {
  const id = 'cd'.repeat(32)
  const { env, asked } = await scriptAdmin(t, () => [
    200,
    {
      items: [
        { ...entry, status: 200, after: pin },
        { ...entry, status: 409 },
        {
          ...entry,
          operation: 'putBan',
          subject: id,
          subjectName: 'galley',
          status: 200,
          after: {},
        },
        { ...entry, operation: 'putNodeMode', subject: 'galley', status: 403 },
      ],
    },
  ])
  const got = await cli(['audit', 'nginx', '--limit', '3'], { env })
  t.equal(got.code, 0)
  t.match(got.out, new RegExp(`captain +pin +${entry.subject} +not pinned -> ${digest}\n`))
  t.match(
    got.out,
    /refused: it did not fit what stands\n.* ban +galley \(cdcdcdcdcdcd\) +not banned -> banned\n/,
  )
  t.match(got.out, / mode +galley +refused: the token may only read\n/)
  const [{ url } = { url: undefined }] = asked
  t.equal(url?.pathname, '/api/v1/nodes/self/audit')
  t.equal(url?.search, '?subject=docker.io%2Flibrary%2Fnginx%3Alatest&limit=3')
  const none = await scriptAdmin(t, () => [200, { items: [] }])
  t.match(await cli(['audit'], { env: none.env }), {
    code: 0,
    out: 'nothing is remembered of it\n',
  })
})

t.test('it is looked for by whom, what and when, on another node', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, { items: [{ ...entry, status: 200 }] }])
  const options = ['--by', 'cook', '--subject', digest, '--node', 'galley']
  const times = ['--since', '2026-11-20T01:00:00Z', '--until', '2026-11-21T01:00:00Z']
  t.equal((await cli(['audit', ...options, ...times], { env })).code, 0)
  t.equal(asked[0]?.url.pathname, '/api/v1/nodes/galley/audit')
  t.strictSame(Object.fromEntries(asked[0]?.url.searchParams ?? []), {
    subject: digest,
    caller: 'cook',
    since: '2026-11-20T01:00:00.000Z',
    until: '2026-11-21T01:00:00.000Z',
    limit: '20',
  })
  t.equal((await cli(['audit', 'nginx', '--subject', digest], { env })).code, 2)
  t.equal((await cli(['audit', '--since', 'once'], { env })).code, 2)
})

t.test('a date alone is all of that day', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, { items: [] }])
  await cli(['audit', '--since', '2026-11-20', '--until', '2026-11-20'], { env })
  const { since = '', until = '' } = Object.fromEntries(asked[0]?.url.searchParams ?? [])
  t.equal(Date.parse(until) - Date.parse(since), 86_400_000 - 1)
})

t.test('of all nodes it is one list, and who did not answer is named', async t => {
  const nodes = ['a', 'b', 'c'].map(name => ({ id: name, name, self: false, state: 'alive' }))
  const { env } = await scriptAdmin(t, ({ pathname }) => {
    if (pathname === '/api/v1/nodes') return [200, { items: nodes }]
    if (pathname === '/api/v1/nodes/c/audit') return [503, { detail: 'c is gone' }]
    const at = pathname.includes('/a/') ? '2026-11-21T12:00:00.000Z' : '2026-11-21T13:00:00.000Z'
    return [200, { items: [{ ...entry, at, status: 200 }] }]
  })
  const got = await cli(['audit', '--node', 'all'], { env })
  t.equal(got.code, 4)
  t.match(got.out, /^AT +ON +BY .*\n\S+T13\S+ +b +captain.*\n\S+T12\S+ +a +captain.*\n\n/)
  t.match(got.out, /\nc: no answer: c is gone\n$/)
  const { out } = await cli(['audit', '--node', 'all', '--limit', '1', '-o', 'json'], { env })
  const asOf = '2026-11-20T03:00:00.000Z'
  t.match(JSON.parse(out), {
    node: 'bridge',
    asOf,
    nodes: [
      { node: 'a', asOf },
      { node: 'b', asOf },
    ],
    items: [{ node: 'b' }],
    silent: [{ node: 'c', error: 'c is gone' }],
  })
})
