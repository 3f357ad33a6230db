import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const at = '2026-11-20T03:00:00.000Z'
const path = '/api/v1/nodes/self/mode'
const plain = { node: 'galley', mode: 'auto', decidedBy: 'configuration', configured: 'auto' }
const set = { ...plain, mode: 'offline', decidedBy: 'node', set: { by: 'captain', at } }
const setOn = 'ab'.repeat(32)
const cluster = { mode: 'offline', by: 'captain', at, setOn, setOnName: 'bridge', note: 'voyage' }

t.test('the mode is told, and who set it', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, plain])
  const { code, out } = await cli(['mode'], { env })
  t.equal(code, 0)
  t.match(out, /^galley is auto: registries are asked, and left alone while.*\n$/)
  t.match(asked, [{ method: 'GET', url: { pathname: path } }])
  const other = await scriptAdmin(t, () => [200, set])
  const told = (await cli(['mode'], { env: other.env })).out
  t.match(
    told,
    /^galley is offline: registries are not asked\n {2}scope {7}this node alone; `holdfast mode configured --node galley` ends it\n {2}set by {6}captain\n/,
  )
  t.match(told, /until {7}it is set anew; a restart changes nothing\n {2}configured {2}auto\n/)
})

t.test('a mode is set, for a while or not, and taken back', async t => {
  const until = '2026-11-20T15:00:00.000Z'
  const { env, asked } = await scriptAdmin(t, () => [200, { ...set, set: { ...set.set, until } }])
  t.match((await cli(['mode', 'offline', '--for', '12h'], { env })).out, ` ${until}\n`)
  await cli(['mode', 'online', '--node', 'galley'], { env })
  await cli(['mode', 'configured'], { env })
  t.match(asked, [
    { method: 'PUT', url: { pathname: path }, body: { mode: 'offline', forSeconds: 43_200 } },
    { method: 'PUT', url: { pathname: '/api/v1/nodes/galley/mode' }, body: { mode: 'online' } },
    { method: 'DELETE', url: { pathname: path } },
  ])
})

t.test('what is no mode is told before anything is asked', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, plain])
  for (const words of [
    ['mode', 'on'],
    ['mode', 'toString'],
    ['mode', 'offline', '--for', 'long'],
    ['mode', 'offline', '--for', '12'],
    ['mode', 'offline', '--for', '100ms'],
    ['mode', '--for', '1h'],
    ['mode', 'configured', '--for', '1h'],
  ]) {
    t.equal((await cli(words, { env })).code, 2, words.join(' '))
  }
  const { err } = await cli(['mode', 'configured', '--for', '1h'], { env })
  t.match(err, /configured takes back what was set: leave --for out/)
  t.equal(asked.length, 0)
})

/** Nodes, and what each says of its mode. */
const among =
  (answer: object, nodes: Readonly<Record<string, readonly [status: number, body: object]>> = {}) =>
  ({ pathname }: URL): [number, unknown] => {
    if (pathname === '/api/v1/nodes') {
      const items = Object.keys(nodes).map((name, at) => ({
        id: `${at}`.repeat(64),
        name,
        self: at === 0,
        state: 'alive',
      }))
      return [200, { items }]
    }
    const [, id] = /nodes\/(\d)+\/mode$/.exec(pathname) ?? []
    const [status, body] = Object.values(nodes)[Number(id)] ?? [200, answer]
    return [status, body]
  }

t.test('a mode is set for all nodes, told, and taken back', async t => {
  const here = { mode: 'offline', decidedBy: 'cluster' }
  const storedOn = { nodes: 2, members: 3 }
  const { env, asked } = await scriptAdmin(t, among({ node: 'a', cluster, here, storedOn }))
  const words = [
    'mode',
    'offline',
    '--cluster',
    '--for',
    '12h',
    '--copies',
    '2',
    '--note',
    'voyage',
  ]
  const { code, out } = await cli(words, { env })
  t.equal(code, 0)
  t.match(out, /^all nodes are offline: registries are not asked\n {2}set by +captain\n/)
  t.match(out, /on +bridge, node abababababab\n.*note +voyage\n {2}stored on +2 of 3 nodes\n$/s)
  await cli(['mode', '--cluster'], { env })
  await cli(['mode', 'configured', '--cluster'], { env })
  const ofMode = asked.filter(({ url }) => url.pathname === '/api/v1/mode')
  t.match(ofMode, [
    { method: 'GET' },
    {
      method: 'PUT',
      url: { pathname: '/api/v1/mode', search: '?copies=2' },
      body: { mode: 'offline', forSeconds: 43_200, note: 'voyage' },
    },
    { method: 'GET', url: { pathname: '/api/v1/mode' } },
    { method: 'DELETE', url: { pathname: '/api/v1/mode' } },
  ])
  t.equal((await cli(['mode', 'offline', '--cluster', '--copies', '3'], { env })).code, 1)
})

t.test(
  'what was set for all before is told, and its note stays where the same is set again',
  async t => {
    const here = { mode: 'offline', decidedBy: 'cluster' }
    const storedOn = { nodes: 1, members: 1 }
    const before = { ...cluster, mode: 'online', by: 'cook', note: 'in port' }
    const standing = { ...cluster, version: 'v1' }
    const answer = { node: 'a', cluster: standing, here, before, storedOn }
    const { env, changes } = await scriptAdmin(t, among(answer))
    const { out } = await cli(['mode', 'offline', '--cluster'], { env })
    t.match(
      out,
      /\n\nuntil now it was\n {2}mode +online\n {2}note +in port\n {2}author +cook\n {2}said at +2026.*\n {2}said on +bridge, node ab/,
    )
    await cli(['mode', 'online', '--cluster'], { env })
    await cli(['mode', 'offline', '--cluster', '--note', ''], { env })
    t.strictSame(
      changes().map(({ body, precondition }) => [body, precondition]),
      [
        [{ mode: 'offline', note: 'voyage', author: 'captain' }, '"v1"'],
        [{ mode: 'online' }, '"v1"'],
        [{ mode: 'offline' }, '"v1"'],
      ],
    )
  },
)

t.test('nodes with a mode of their own are named, and those that do not answer', async t => {
  const here = { mode: 'offline', decidedBy: 'cluster' }
  const nodes = {
    bridge: [200, { ...set, node: 'bridge' }],
    hold: [200, { ...set, node: 'hold', mode: 'online' }],
    van: [503, { detail: 'van is gone: start it' }],
  } as const
  const { env } = await scriptAdmin(t, among({ node: 'bridge', cluster, here }, nodes))
  const { out, code } = await cli(['mode', '--cluster'], { env })
  t.equal(code, 0)
  t.match(out, /^all nodes but 1 are offline: /)
  t.match(
    out,
    /but +hold is online, set for it alone by captain; `holdfast mode configured --node hold` ends it\n/,
  )
  t.match(out, /not known +van: van is gone: start it\n/)
  const json = JSON.parse((await cli(['mode', '--cluster', '-o', 'json'], { env })).out)
  t.match(json, {
    cluster: { mode: 'offline' },
    exceptions: [{ node: 'hold', mode: 'online' }],
    unknown: [{ node: 'van' }],
  })
})

t.test('where none is set for all, or a node has one of its own, that is told', async t => {
  const here = { mode: 'online', decidedBy: 'node' }
  const none = await scriptAdmin(t, () => [200, { node: 'galley', here }])
  t.match(
    (await cli(['mode', '--cluster'], { env: none.env })).out,
    /^no mode is set for all nodes/,
  )
  const both = await scriptAdmin(t, () => [200, { ...set, cluster: { ...cluster, by: 'cook' } }])
  t.match(
    (await cli(['mode'], { env: both.env })).out,
    /all nodes +offline, set by cook; it counts here once this node has no mode of its own\n/,
  )
  const until = '2026-11-21T03:00:00.000Z'
  const ending = await scriptAdmin(t, () => [200, { ...set, cluster: { ...cluster, until } }])
  t.match((await cli(['mode'], { env: ending.env })).out, `offline, set by captain until ${until};`)
  const ofAll = { ...plain, mode: 'offline', decidedBy: 'cluster', cluster }
  const one = await scriptAdmin(t, () => [200, ofAll])
  t.match(
    (await cli(['mode'], { env: one.env })).out,
    /^galley is offline: .*\n {2}scope +all nodes; `holdfast mode configured --cluster` ends it\n {2}set by +captain\n/,
  )
})

t.test('--cluster is all nodes, and what is of it alone is refused without it', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, plain])
  for (const words of [
    ['mode', 'offline', '--cluster', '--node', 'galley'],
    ['mode', 'offline', '--copies', '2'],
    ['mode', 'offline', '--note', 'x'],
  ]) {
    t.equal((await cli(words, { env })).code, 2, words.join(' '))
  }
  t.equal(asked.length, 0)
})
