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
  t.equal(asked.length, 0)
})

t.test('a mode is set for all nodes, told, and taken back', async t => {
  const here = { mode: 'offline', decidedBy: 'cluster' }
  const storedOn = { nodes: 2, members: 3 }
  const { env, asked } = await scriptAdmin(t, () => [200, { node: 'a', cluster, here, storedOn }])
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
  t.match(asked, [
    {
      method: 'PUT',
      url: { pathname: '/api/v1/mode', search: '?copies=2' },
      body: { mode: 'offline', forSeconds: 43_200, note: 'voyage' },
    },
    { method: 'GET', url: { pathname: '/api/v1/mode' } },
    { method: 'DELETE', url: { pathname: '/api/v1/mode' } },
  ])
  t.equal((await cli(['mode', 'offline', '--cluster', '--copies', '3'], { env })).code, 1)
  const before = { ...cluster, mode: 'online', by: 'cook' }
  const over = await scriptAdmin(t, () => [200, { node: 'a', cluster, here, before, storedOn }])
  const replaced = await cli(['mode', 'offline', '--cluster'], { env: over.env })
  t.match(replaced.out, /until now +online, set by cook at 20/)
})

t.test('where a node has one of its own, or none is set for all, that is told', async t => {
  const here = { mode: 'online', decidedBy: 'node' }
  const own = await scriptAdmin(t, () => [200, { node: 'galley', cluster, here }])
  t.match((await cli(['mode', '--cluster'], { env: own.env })).out, /but +online on galley, which/)
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
