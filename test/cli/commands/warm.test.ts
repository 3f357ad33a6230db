import { join } from 'node:path'
import t, { type Test } from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const asOf = '2026-11-20T03:00:00.000Z'
const told = {
  id: 'night',
  createdAt: asOf,
  images: 2,
  scope: 'all',
  concurrency: 3,
  referrers: false,
}
const change = { ...told, removed: false, storedOn: { nodes: 2, members: 3 } }
const progress = { done: 4, failed: 0, wanted: 4, bytes: 3_000_000, totalBytes: 3_000_000 }
const image = (reference: string, state: string, reason?: string) => ({
  reference,
  state,
  bytes: 5,
  reason,
})
const node = (name: string, more: object = {}) => ({
  name,
  there: true,
  live: true,
  state: 'ended',
  bytes: 1_500_000,
  totalBytes: 1_500_000,
  images: [image('a.lan/x:1', 'done'), image('a.lan/y:1', 'done')],
  ...more,
})
const job = (more: object = {}) => ({
  asOf,
  ...told,
  ...progress,
  state: 'done',
  nodes: [node('n1'), node('n2')],
  ...more,
})

const start = (t: Test, given: object = job(), items: readonly object[] = []) =>
  scriptAdmin(t, ({ pathname }) =>
    pathname === '/api/v1/jobs' ? [200, { asOf, items }] : [200, { ...change, ...given }],
  )

t.test('images are given to all nodes, and it is waited until they are there', async t => {
  const { env, asked } = await start(t)
  const got = await cli(['warm', 'nginx', 'a.lan/x:1', 'nginx:latest', '--note', 'voyage'], { env })
  t.match(got, { code: 0, out: /^night is done: 4 of 4 images, 3\.0 MB of 3\.0 MB\n/ })
  t.match(got.out, /^n1 {4}ended {2}2 of 2/m)
  t.match(asked[0], {
    method: 'PUT',
    url: { pathname: /^\/api\/v1\/jobs\/[0-9a-f]{6}$/ },
    body: { images: ['docker.io/library/nginx:latest', 'a.lan/x:1'], note: 'voyage' },
  })
  t.match(asked.at(-1), { method: 'GET' })
})

t.test('what is asked for goes into the job', async t => {
  const dir = t.testdir({
    'list.txt': '# voyage\nnginx:1 # web\n\nredis:7\n',
    'list.yaml': 'images:\n  - nginx:1\n  - redis:7\n',
    'bare.yaml': '- nginx:1\n- redis:7\n',
  })
  const images = ['docker.io/library/nginx:1', 'docker.io/library/redis:7']
  for (const file of ['list.txt', 'list.yaml', 'bare.yaml']) {
    const { env, asked } = await start(t)
    const line = ['warm', '--list', join(dir, file), '--node', 'n1,n2', '--detach', '--id', 'night']
    const got = await cli([...line, '--platform', 'linux/arm64', '--referrers'], { env })
    t.match(got, { code: 0, out: /^job night: 2 images\n[\s\S]*holdfast jobs night --follow/ })
    t.equal(asked.length, 1, 'nothing is waited for')
    t.match(asked[0]?.body, {
      images,
      nodes: ['n1', 'n2'],
      platforms: ['linux/arm64'],
      referrers: true,
    })
  }
  const { env, asked } = await start(t)
  await cli(['warm', '--from', 'keep', '--copies', '2', '--concurrency', '5', '--detach'], { env })
  t.match(asked[0]?.body, { from: 'keep', copies: 2, concurrency: 5, images: undefined })
})

t.test('a command line that says too little or too much is told what to write', async t => {
  const { env } = await start(t)
  const bad: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /name images, or a --list/],
    [['nginx', '--node', 'a', '--copies', '2'], /exclude each other/],
    [['--from', 'afar'], /neither keep nor running/],
    [['nginx', '--concurrency', '99'], /no number from 1 to 16/],
    [['--list', '/nonexistent'], /cannot be read/],
    [['not an image'], /no repository name/],
  ]
  for (const [words, message] of bad) {
    t.match(await cli(['warm', ...words], { env }), { code: 2, err: message }, words.join(' '))
  }
})

t.test('exit codes tell how a job ended, and each trouble is told', async t => {
  const failed = job({
    state: 'failed',
    failed: 1,
    nodes: [node('n1', { images: [image('a.lan/x:1', 'failed', 'denied')] })],
  })
  const { env } = await start(t, failed)
  const got = await cli(['warm', 'a.lan/x:1'], { env })
  t.match(got, { code: 7, out: /a\.lan\/x:1 {2}n1 {4}failed {2}denied/ })
  const unasked = [
    image('a.lan/x:1', 'done', 'what refers to it could not be asked'),
    image('b', 'done'),
  ]
  const bare = await cli(
    ['warm', 'a.lan/x:1'],
    await start(t, job({ nodes: [node('n1', { images: unasked })] })),
  )
  t.match(bare, {
    code: 0,
    out: /a\.lan\/x:1 {2}n1 {4}done {3}what refers to it could not be asked/,
  })
  t.notMatch(bare.out, /^b /m, 'what is whole is none')
  const away = job({
    state: 'waiting',
    waitsFor: 'n2 is away',
    nodes: [node('n1'), node('n2', { there: false, state: 'running', saidAt: asOf })],
  })
  const waiting = await start(t, away)
  const told = await cli(['jobs', 'night'], { env: waiting.env })
  t.match(told, { code: 1, out: /n2 does its share when back/ })
  t.match(told.out, /^n2 {4}away, 0 s ago/m)
  const few = await start(t, job({ scope: 'copies', scopeCopies: 3 }))
  t.match(await cli(['warm', 'a.lan/x:1', '--copies', '3'], { env: few.env }), {
    code: 1,
    out: /no image is on 3 nodes: there are 2/,
  })
  const alone = await start(
    t,
    job({ scope: 'copies', scopeCopies: 2, nodes: [node('n1')], done: 1, wanted: 1 }),
  )
  t.match(await cli(['warm', 'a.lan/x:1', '--copies', '2'], { env: alone.env }), {
    code: 1,
    out: /: 1 of 1 image, .*no image is on 2 nodes: there is 1\n/s,
  })
  const enough = await start(t, job({ scope: 'copies', scopeCopies: 2 }))
  t.match(await cli(['warm', 'a.lan/x:1', '--copies', '2'], { env: enough.env }), { code: 0 })
  const off = await start(t, job({ state: 'cancelled' }))
  t.match(await cli(['jobs', 'night', '--follow'], { env: off.env }), {
    code: 1,
    out: /called off/,
  })
})

t.test('what has nothing for its node is told, and an image that fits none is a fault', async t => {
  const why = 'nothing in it is for linux/amd64, only for linux/arm64'
  const unfit = image('a.lan/y:1', 'unfit', why)
  const amd = node('n1', { images: [image('a.lan/x:1', 'done'), unfit] })
  const mixed = await start(t, job({ unfit: 1, nodes: [amd, node('n2')] }))
  const got = await cli(['warm', 'a.lan/x:1', 'a.lan/y:1'], { env: mixed.env })
  t.match(got, { code: 0, out: /is done: 4 of 4 images, of which 1 fits no platform of its node,/ })
  t.match(got.out, /a\.lan\/y:1 {2}n1 {4}unfit {2}nothing in it is for linux\/amd64, only for/)
  const none = await start(t, job({ unfit: 1, done: 2, wanted: 2, nodes: [amd] }))
  t.match(await cli(['warm', 'a.lan/x:1', 'a.lan/y:1'], { env: none.env }), {
    code: 7,
    out: /a\.lan\/y:1 has nothing for any of these nodes\n/,
  })
})

t.test('what lacks a platform is not advised to be fetched again', async t => {
  const ended = { ...image('a.lan/x:1', 'failed', 'nothing in it is for linux/foo'), totalBytes: 5 }
  const lacking = await start(t, job({ state: 'failed', nodes: [node('n1', { images: [ended] })] }))
  const told = await cli(['warm', 'a.lan/x:1'], { env: lacking.env })
  t.equal(told.code, 7)
  t.notMatch(told.out, /once that is mended/)
  const images = [{ ...ended, totalBytes: 6 }]
  const failed = await start(t, job({ state: 'failed', nodes: [node('n1', { images })] }))
  t.match((await cli(['warm', 'a.lan/x:1'], { env: failed.env })).out, /once that is mended/)
})

t.test('jobs are listed, and called off', async t => {
  const { nodes: _, ...listed } = job({ state: 'running', waitsFor: undefined, note: 'voyage' })
  const { env, asked } = await start(t, job(), [listed])
  t.match(await cli(['jobs'], { env }), { code: 0, out: /night {2}running {2}4 of 4 images/ })
  t.match(await cli(['jobs', '--follow'], { env }), { code: 2, err: /holdfast jobs/ })
  t.match(await cli(['cancel', 'night'], { env }), { code: 0, out: /night is called off\n/ })
  t.match(asked.at(-1), { method: 'DELETE', url: { pathname: '/api/v1/jobs/night' } })
  const none = await start(t)
  t.match((await cli(['jobs'], { env: none.env })).out, /holdfast warm IMAGE/)
})
