import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const item = {
  name: 'nightly',
  every: '0 3 * * *',
  timeZone: 'UTC',
  jitterSeconds: 600,
  images: ['docker.io/library/nginx:latest'],
  scope: 'all',
  configured: false,
  nextAt: '2026-11-30T03:04:00Z',
  job: 'nightly-20261129t030000z',
}
const storedOn = { nodes: 2, members: 3 }

t.test('what recurs is said with its images and its times', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, { ...item, storedOn }])
  const words = ['schedule', 'nightly', 'nginx', '--every', '0 3 * * *']
  const got = await cli([...words, '--jitter', '2m', '--node', 'a,b', '--note', 'n'], { env })
  t.match(got, { code: 0, out: /^nightly recurs\n[\s\S]*0 3 \* \* \* \(UTC\)[\s\S]*2 of 3 nodes/ })
  t.match(asked.at(-1), {
    method: 'PUT',
    url: { pathname: '/api/v1/schedules/nightly' },
    body: {
      images: ['docker.io/library/nginx:latest'],
      every: '0 3 * * *',
      jitterSeconds: 120,
      nodes: ['a', 'b'],
      note: 'n',
    },
  })
  t.match(await cli([...words, '--copies', '3'], { env }), { code: 1, out: /fewer nodes than 3/ })
})

t.test('whether it is new is told, and what it was before', async t => {
  const words = ['schedule', 'nightly', 'nginx', '--every', '0 3 * * *']
  const say = async (more: object) => {
    const { env } = await scriptAdmin(t, () => [200, { ...item, storedOn, ...more }])
    return (await cli(words, { env })).out
  }
  t.match(await say({ changed: true }), /^nightly recurs\n/)
  t.match(await say({ changed: false }), /^nightly recurs so already\n/)
  const before = {
    ...item,
    images: ['docker.io/library/redis:7'],
    scope: 'nodes',
    scopeNodes: ['galley'],
    every: '0 4 * * *',
    author: 'cook',
    setAt: '2026-11-20T03:00:00.000Z',
  }
  t.equal(
    await say({ changed: true, before }),
    [
      'nightly recurs otherwise than before',
      '  images     docker.io/library/nginx:latest',
      '  on         all nodes',
      '  every      0 3 * * * (UTC)',
      '  jitter     10 min',
      '  next here  2026-11-30T03:04:00Z',
      '  stored on  2 of 3 nodes',
      '',
      'until now it was',
      '  images   docker.io/library/redis:7',
      '  on       galley',
      '  every    0 4 * * * (UTC)',
      '  jitter   10 min',
      '  author   cook',
      '  said at  2026-11-20T03:00:00.000Z',
      '',
    ].join('\n'),
  )
})

t.test('said again without a note the note stays', async t => {
  const standing = { ...item, note: 'the bridge', version: 'v1' }
  const { env, changes } = await scriptAdmin(t, () => [200, { ...standing, storedOn }])
  const words = ['schedule', 'nightly', 'nginx', '--every', '0 4 * * *']
  await cli(words, { env })
  await cli([...words, '--note', ''], { env })
  const none = await scriptAdmin(t, (_, method) =>
    method === 'GET' ? [404, { detail: 'no schedule' }] : [200, { ...item, storedOn }],
  )
  await cli([...words, '--note', 'n'], { env: none.env })
  t.match(
    [...changes(), ...none.changes()],
    [
      { body: { note: 'the bridge' }, precondition: '"v1"' },
      { body: { note: undefined }, precondition: '"v1"' },
      { body: { note: 'n' }, precondition: '*' },
    ],
  )
})

t.test('what says no times is told before a node is asked', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, { ...item, storedOn }])
  const wrong = {
    'say when: --every': [],
    'is no cron expression': ['--every', 'nightly'],
    'never comes': ['--every', '0 0 30 2 *'],
    'is none': ['--every', '@daily', '--time-zone', 'Mars/Olympus'],
    'no duration up to a day': ['--every', '@daily', '--jitter', '25h'],
    'exclude each other': ['--every', '@daily', '--node', 'a', '--image-copies', '2'],
  }
  for (const [said, options] of Object.entries(wrong)) {
    const { code, err } = await cli(['schedule', 'nightly', 'nginx', ...options], { env })
    t.equal(code, 2, said)
    t.ok(err.includes(said), err)
  }
  t.strictSame(asked, [])
})

t.test('it is removed, and all that recurs is listed', async t => {
  const { env, asked } = await scriptAdmin(t, ({ pathname }) => [
    200,
    pathname.endsWith('/nightly')
      ? { ...item, storedOn }
      : { items: [item, { ...item, name: 'own-1', configured: true }] },
  ])
  t.match(await cli(['unschedule', 'nightly'], { env }), { code: 0, out: /recurs no more/ })
  t.match(asked.at(-1), { method: 'DELETE', body: undefined })
  const { out } = await cli(['schedules'], { env })
  t.match(
    out,
    /^NAME +EVERY +IN +IMAGES +ON +NEXT HERE +NEWEST RUN\nnightly +0 3 \* \* \* +UTC +1 +all nodes/,
  )
  t.match(out, /own-1 .*this node, by its configuration/)
  const none = await scriptAdmin(t, () => [200, { items: [] }])
  t.match(await cli(['schedules'], { env: none.env }), {
    out: /^no schedule; `holdfast schedule NAME IMAGE… --every '0 3 \* \* \*'` makes one\n$/,
  })
})

t.test('one that recurs is shown with all of its images', async t => {
  const images = Array.from({ length: 7 }, (_, at) => `a.lan/x:${at}`)
  const setAt = '2026-11-20T03:00:00.000Z'
  const { env, asked } = await scriptAdmin(t, () => [200, { ...item, images, setAt }])
  const { code, out } = await cli(['schedules', 'nightly'], { env })
  t.equal(code, 0)
  t.match(
    out,
    /^nightly recurs\n {2}images +7\n.*newest run +nightly-2026.*\n {2}since +2026-11-20/s,
  )
  t.ok(out.endsWith(`\n\nimages:\n${images.map(image => `  ${image}\n`).join('')}`))
  t.equal(asked[0]?.url.pathname, '/api/v1/schedules/nightly')
  const own = await scriptAdmin(t, () => [200, { ...item, configured: true }])
  t.match(
    (await cli(['schedules', 'nightly'], { env: own.env })).out,
    /^nightly recurs, by the conf/,
  )
})
