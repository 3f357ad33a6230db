import t from 'tap'
import { cli, scriptAdmin } from './support.ts'

const nodes = [
  { id: 'b1', name: 'galley', self: false, state: 'alive' },
  { id: 'a1', name: 'bridge', self: true, state: 'alive' },
  { id: 'c1', name: 'hold', self: false, state: 'gone' },
]

type Answer = readonly [number, unknown]

/** A mesh of three, of which one does what `third` says. */
const mesh =
  (third: Answer, answer: unknown = { level: 'info', configured: 'info' }) =>
  (url: URL): Answer => {
    if (url.pathname === '/api/v1/nodes') return [200, { items: nodes }]
    const node = nodes.find(({ id }) => url.pathname.includes(`/${id}/`))
    return node?.id === 'c1' ? third : [200, { node: node?.name, ...(answer as object) }]
  }

t.test('all nodes are one table, in the order of their names', async t => {
  const { env, asked } = await scriptAdmin(
    t,
    mesh([200, { node: 'hold', level: 'debug', configured: 'info', until: 'tomorrow' }]),
  )
  const { code, out } = await cli(['log-level', '--node', 'all'], { env })
  t.equal(code, 0)
  t.equal(
    out,
    [
      'NODE    LEVEL  CONFIGURED  UNTIL',
      'bridge  info   info',
      'galley  info   info',
      'hold    debug  info        tomorrow',
      '',
    ].join('\n'),
  )
  t.strictSame(asked.map(({ url }) => url.pathname).sort(), [
    '/api/v1/nodes',
    ...['a1', 'b1', 'c1'].map(id => `/api/v1/nodes/${id}/log-level`),
  ])
})

t.test('a node that does not answer stands among them, and the exit code tells', async t => {
  const { env } = await scriptAdmin(t, mesh([503, { detail: 'hold is gone, 42 s ago' }]))
  const { code, out } = await cli(['log-level', '--node', 'all'], { env })
  t.equal(code, 4)
  t.match(out, /galley {2}info +info\nhold {4}no answer: hold is gone, 42 s ago\n$/)
  const json = await cli(['log-level', '--node', 'all', '-o', 'json'], { env })
  t.equal(json.code, 4)
  t.strictSame(JSON.parse(json.out), {
    node: 'bridge',
    asOf: '2026-11-20T03:00:00.000Z',
    items: [
      { node: 'bridge', id: 'a1', answer: { node: 'bridge', level: 'info', configured: 'info' } },
      { node: 'galley', id: 'b1', answer: { node: 'galley', level: 'info', configured: 'info' } },
      { node: 'hold', id: 'c1', error: 'hold is gone, 42 s ago' },
    ],
  })
})

t.test('a change is made on all; who refuses it is told, and the rest is changed', async t => {
  const { env, asked } = await scriptAdmin(t, mesh([409, { detail: 'hold: mesh.operators' }]))
  const { code, out } = await cli(['log-level', 'debug', '--node', 'all'], { env })
  t.equal(code, 8)
  t.match(out, /hold {4}refused: hold: mesh\.operators\n/)
  t.equal(asked.filter(({ method }) => method === 'PUT').length, 3)
})

t.test('a banned node is not asked, and not missed', async t => {
  const answer = mesh([503, { detail: 'it was asked' }])
  const { env, asked } = await scriptAdmin(t, url => {
    if (url.pathname !== '/api/v1/nodes') return answer(url)
    return [200, { items: nodes.map(one => (one.id === 'c1' ? { ...one, state: 'banned' } : one)) }]
  })
  const { code, out } = await cli(['log-level', '--node', 'all'], { env })
  t.equal(code, 0)
  t.match(out, /hold {4}banned, and not asked; `holdfast unban hold` lifts that\n$/)
  t.notOk(asked.some(({ url }) => url.pathname.includes('/c1/')))
})

t.test('what would come of every node alike is told once', async t => {
  const { env } = await scriptAdmin(t, mesh([403, { detail: 'may read and change nothing' }]))
  const { code, out, err } = await cli(['log-level', 'debug', '--node', 'all'], { env })
  t.equal(code, 5)
  t.equal(out, '')
  t.match(err, /may read and change nothing/)
})

t.test('nodes of one name are told apart', async t => {
  const twins = ['a', 'b'].map(one => ({ ...nodes[0], id: one.repeat(64), name: 'twin' }))
  const { env } = await scriptAdmin(t, ({ pathname }) =>
    pathname === '/api/v1/nodes'
      ? [200, { items: twins }]
      : [200, { node: 'twin', level: 'info', configured: 'info' }],
  )
  const { out } = await cli(['log-level', '--node', 'all'], { env })
  t.match(out, /twin \(aaaaaaaaaaaa\) +info.*\ntwin \(bbbbbbbbbbbb\) +info/)
})

t.test('what makes a node worse is told with the command that tells more', async t => {
  const store = { blobs: 1, blobBytes: 1, partialBytes: 0, freeBytes: 1, totalBytes: 2 }
  const others = { enabled: true, members: 1, alive: 1, neighbours: 1, alarms: [] }
  const ledger = { observations: 1, pins: 0, clockVerified: true, clockOffsetMs: 0 }
  const about = { asOf: '2026-11-21T12:00:00.000Z', version: '1', mode: 'auto' }
  const state = { modeDecidedBy: 'configuration', uptimeSeconds: 9, endpoints: [] }
  const well = { ...about, ...state, ledger, store, mesh: others, ready: true, degraded: [] }
  const degraded = [{ reason: 'store_damaged', detail: 'since the start one blob …' }]
  const status = async (hold: object) => {
    const { env } = await scriptAdmin(t, mesh([200, { ...well, node: 'hold', ...hold }], well))
    return cli(['status', '--node', 'all'], { env })
  }
  const worse = await status({ degraded })
  t.match(worse.out, /hold .* store_damaged\n\n`holdfast status --node NODE` tells what is worse/)
  t.match(worse.out, /bridge .* nothing\n/)
  t.notMatch((await status({})).out, '`holdfast status')
  t.match((await status({ ready: false })).out, /hold .* not ready\n\n`holdfast status --node NODE/)
})

t.test('what was found on one node is the exit code of all', async t => {
  const clean = { running: false, damaged: 0, unreadable: 0, findings: [], quarantine: [] }
  const damaged = { ...clean, node: 'hold', damaged: 2, quarantine: [{ digest: 'd', size: 1 }] }
  const { env } = await scriptAdmin(t, mesh([200, damaged], clean))
  const { code, out } = await cli(['scrub', '--status', '--node', 'all'], { env })
  t.equal(code, 7)
  t.match(out, /bridge +0 +0 +0 +not scrubbed since it was started\n/)
  t.match(out, /hold +2 +0 +1 .*\n\n`holdfast scrub --status --node NODE`/)
})
