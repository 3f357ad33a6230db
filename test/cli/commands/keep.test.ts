import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const storedOn = { nodes: 2, members: 3 }
const answer = { configured: false, tags: 3, storedOn }

const member = {
  id: 'ab'.repeat(32),
  name: 'van',
  state: 'alive',
  version: '1',
  peerAddresses: [],
  isLedgerEqual: true,
  lastSeenAgoMs: 1,
  keyId: 'k',
}

const start = (t: Parameters<typeof scriptAdmin>[0], more: object = {}) =>
  scriptAdmin(t, ({ pathname }) => [
    200,
    { ...answer, pattern: decodeURIComponent(pathname.split('/').at(-1) ?? ''), ...more },
  ])

t.test('a pattern is kept as it is written, and a short name lies on Docker Hub', async t => {
  for (const [word, pattern] of [
    ['docker.io/library/*:latest', 'docker.io/library/*:latest'],
    ['nginx:1.27', 'docker.io/nginx:1.27'],
    ['nginx', 'docker.io/nginx'],
    ['acme/web', 'docker.io/acme/web'],
    ['reg.lan:5000/app', 'reg.lan:5000/app'],
    ['*.lan/app', '*.lan/app'],
    ['**', '**'],
  ] as const) {
    const { env, asked } = await start(t)
    const got = await cli(['keep', word, '--note', 'bridge'], { env })
    t.match(got, {
      code: 0,
      out: `${pattern} is kept\n  known tags  3\n  stored on   2 of 3 nodes\n`,
    })
    t.match(asked.at(-1), {
      method: 'PUT',
      url: { pathname: `/api/v1/keeps/${encodeURIComponent(pattern)}` },
      body: { note: 'bridge' },
    })
  }
})

t.test('several are kept with one command, and what a file names', async t => {
  const dir = t.testdir({ 'a.txt': 'redis # the cache\nquay.io/a/b:1\n' })
  const { env, asked } = await start(t)
  const { code, out } = await cli(['keep', 'nginx', '--list', `${dir}/a.txt`], { env })
  t.equal(code, 0)
  t.strictSame(
    asked
      .filter(({ method }) => method === 'PUT')
      .map(({ url }) => decodeURIComponent(url.pathname.split('/').at(-1) ?? '')),
    ['docker.io/nginx', 'docker.io/library/redis:latest', 'quay.io/a/b:1'],
    'a pattern without a tag is every tag, an image without one is latest',
  )
  t.match(out, /^docker\.io\/nginx is kept\n[\s\S]*\n\ndocker\.io\/library\/redis:latest is kept\n/)
  const told = await cli(['keep', 'a.lan/a', 'a.lan/b', '-o', 'json'], { env })
  t.match(JSON.parse(told.out), {
    items: [{ pattern: 'a.lan/a' }, { pattern: 'a.lan/b' }],
  })
  t.match(await cli(['keep'], { env }), { code: 2, err: /name a pattern, or a --list/ })
})

t.test('nothing is said where one of several is no pattern', async t => {
  const { env, asked } = await start(t)
  t.match(await cli(['keep', 'a.lan/a', 'bad pattern', 'a.lan/b'], { env }), {
    code: 2,
    out: '',
    err: /"bad pattern" .*; write /,
  })
  t.strictSame(asked, [])
})

t.test('where one of several fails, what was done before is told, and what was not', async t => {
  const { env, changes } = await scriptAdmin(t, ({ pathname }) =>
    pathname.endsWith('b') ? [409, { detail: 'no' }] : [200, { ...answer, pattern: 'a.lan/a' }],
  )
  const words = ['keep', 'a.lan/a', 'a.lan/b', 'a.lan/c', 'a.lan/d']
  const got = await cli(words, { env })
  t.equal(got.out, 'a.lan/a is kept\n  known tags  3\n  stored on   2 of 3 nodes\n')
  t.match(got.err, /no; this came of a\.lan\/b, and what .* as it is: a\.lan\/c a\.lan\/d\n$/)
  t.not(got.code, 0)
  t.equal(changes().length, 1)
  const { out } = await cli([...words, '-o', 'json'], { env })
  t.match(JSON.parse(out), { items: [{ pattern: 'a.lan/a' }] })
  const only = await cli(['keep', 'a.lan/b'], { env })
  t.strictSame([only.out, only.err.includes('came of')], ['', false])
})

t.test('what is kept already is told, and what was said of it before', async t => {
  const same = await start(t, { changed: false })
  t.match((await cli(['keep', 'nginx'], { env: same.env })).out, /nginx is kept already\n/)
  const before = { setAt: '2026-11-20T03:00:00.000Z', setOn: 'ab'.repeat(32), note: 'old' }
  const { env } = await start(t, { changed: true, before })
  t.match(
    (await cli(['keep', 'nginx'], { env })).out,
    /is kept\n[\s\S]*until now it was\n {2}note +old\n/,
  )
})

t.test('what is kept again keeps its note, and since when', async t => {
  const said = {
    setAt: '2026-11-20T03:00:00.000Z',
    setOn: 'ab'.repeat(32),
    note: 'old',
    author: 'a',
  }
  const { env, changes } = await start(t, { ...said, version: 'v1', changed: false })
  t.match(
    (await cli(['keep', 'nginx'], { env })).out,
    /is kept already\n {2}known tags +3\n {2}note +old\n {2}author +a\n {2}since +2026-11-20T03:00:00.000Z\n/,
  )
  await cli(['keep', 'nginx', '--note', 'new'], { env })
  t.match(changes(), [
    { precondition: '"v1"', body: { note: 'old', author: 'a' } },
    { body: { note: 'new', author: undefined } },
  ])
})

t.test('who keeps what nobody knows is told what to do', async t => {
  const { env } = await start(t, { tags: 0, pattern: 'docker.io/library/nginx:1' })
  t.match((await cli(['keep', 'nginx:1'], { env })).out, /holdfast resolve docker\.io\/library/)
  const upstreams = async (names: object, ofOther: readonly string[]) => {
    const pattern = 'a.lan/app:1'
    const keep = { ...answer, pattern, tags: 0 }
    const { env } = await scriptAdmin(t, ({ pathname }) => [200, answers[pathname] ?? keep])
    const other = { ...member, upstreams: ofOther }
    const answers: Record<string, object> = {
      '/api/v1/nodes/self/config': { node: 'a', config: { upstreams: names }, changed: [] },
      '/api/v1/peers': { enabled: true, members: [other], alarms: [] },
    }
    return (await cli(['keep', pattern], { env })).out
  }
  for (const [names, ofOther] of [
    [{ 'a.lan': {} }, []],
    [{ '*': {} }, []],
    [{ 'b.lan': {} }, ['a.lan']],
  ] as const) {
    t.match(await upstreams(names, ofOther), /: `holdfast resolve a\.lan\/app:1` makes it known/)
  }
  const told = await upstreams({ 'b.lan': {} }, ['b.lan'])
  t.match(told, /no upstream a\.lan is configured/)
  t.notMatch(told, 'holdfast resolve')
  const none = await start(t, { tags: 0 })
  const { out } = await cli(['keep', 'a.lan/**'], { env: none.env })
  t.match(out, /no tag of it is known yet\n/)
})

t.test('a keep is taken back, and told where the configuration still has it', async t => {
  const { env, asked } = await start(t, { configured: true })
  t.match(await cli(['unkeep', 'nginx'], { env }), {
    code: 0,
    out: /is no longer kept[\s\S]*keep\.patterns of this node still keeps it/,
  })
  t.match(asked.at(-1), { method: 'DELETE', body: undefined })
  t.match(
    (await cli(['unkeep', 'nginx', 'a.lan/**'], { env })).out,
    /nginx is no[\s\S]*a\.lan\/\*\* is no/,
  )
  const few = await start(t)
  t.match(await cli(['unkeep', 'nginx', '--copies', '3'], { env: few.env }), {
    code: 1,
    out: /fewer nodes than 3/,
  })
})

t.test('all that is kept is listed with who wants it', async t => {
  const item = { pattern: 'a.lan/**', configured: true, tags: 12 }
  const setOn = 'ab'.repeat(32)
  const said = { setAt: '2026-11-20T03:00:00.000Z', setOn, author: 'captain', note: 'n' }
  const { env } = await scriptAdmin(t, () => [
    200,
    {
      items: [
        item,
        { ...item, ...said, pattern: 'b.lan/**' },
        { ...item, ...said, pattern: 'c.lan/x:1', configured: false, tags: 1 },
      ],
      tags: 25,
    },
  ])
  const { out } = await cli(['keeps'], { env })
  t.match(out, /^PATTERN +TAGS +BY +SINCE +ON +NOTE\n/)
  t.match(out, /a\.lan\/\*\* +12 +configuration\n/)
  t.match(out, /b\.lan\/\*\* +12 +configuration, captain +2026.* node abababababab +n\n/)
  t.match(out, /c\.lan\/x:1 +1 +captain /)
  t.match(out, /\n\n25 known tags are kept by them\n$/)
  const none = await scriptAdmin(t, () => [200, { items: [], tags: 0 }])
  t.equal((await cli(['keeps'], { env: none.env })).out, 'no pattern is kept\n')
})

t.test('one that is kept is shown with the tags that it covers', async t => {
  const said = { setAt: '2026-11-20T03:00:00.000Z', setOn: 'ab'.repeat(32), author: 'a', note: 'n' }
  const { env, asked } = await start(t, { ...said, covered: ['a.lan/x:1', 'a.lan/x:2'] })
  const { code, out } = await cli(['keeps', 'nginx'], { env })
  t.equal(code, 0)
  t.match(
    out,
    /^docker.io\/nginx is kept\n {2}by +a\n {2}since +2026-11-20T03.*\n.*note +n\n {2}known tags +3\n\ntags that it covers:\n {2}a.lan\/x:1\n {2}a.lan\/x:2\n {2}and 1 more\n$/s,
  )
  t.equal(asked[0]?.url.pathname, '/api/v1/keeps/docker.io%2Fnginx')
  const none = await start(t, { configured: true, tags: 0, covered: [] })
  t.match(
    (await cli(['keeps', 'nginx'], { env: none.env })).out,
    /by +configuration\n {2}known tags +0\n$/,
  )
})
