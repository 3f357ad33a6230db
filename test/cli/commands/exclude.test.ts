import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'
import { meshAnswer } from './mesh-answer.ts'

const digest = `sha256:${'c'.repeat(64)}`
const storedOn = { nodes: 2, members: 3 }
const item = {
  setAt: '2026-11-20T03:00:00.000Z',
  setOn: 'ab'.repeat(32),
  setOnName: 'bridge',
  author: 'a',
  note: 'n',
}

const galley = 'ab'.repeat(32)
const bridge = 'cd'.repeat(32)
const members = [
  { ...meshAnswer.members[0] },
  { ...meshAnswer.members[1], id: `abab${'0'.repeat(60)}`, name: 'hold' },
  { ...meshAnswer.members[1], id: `ffff${'0'.repeat(60)}`, name: 'hold' },
]

const start = (t: Parameters<typeof scriptAdmin>[0]) =>
  scriptAdmin(t, ({ pathname }) => {
    if (pathname === '/api/v1/peers') return [200, { ...meshAnswer, members }]
    if (pathname === '/api/v1/bans')
      return [200, { items: [{ ...item, key: '9'.repeat(64), name: 'hold' }] }]
    return [200, { key: pathname.split('/').at(-1), storedOn }]
  })

t.test('a node is banned by its name, its id or the beginning of it', async t => {
  for (const [word, id] of [
    ['galley', galley],
    ['bridge', bridge],
    ['ababab', galley],
    ['ffff00', `ffff${'0'.repeat(60)}`],
    ['e'.repeat(64), 'e'.repeat(64)],
  ] as const) {
    const { env, asked } = await start(t)
    const got = await cli(['ban', word, '--note', 'stolen'], { env })
    t.match(got, { code: 0, out: `${id} is banned\n  stored on  2 of 3 nodes\n` }, word)
    t.match(asked.at(-1), {
      method: 'PUT',
      url: { pathname: `/api/v1/bans/${id}` },
      body: { note: 'stolen' },
    })
  }
})

t.test('several are said with one command, once all of them are known', async t => {
  const { env, asked } = await start(t)
  const changed = () =>
    asked.filter(({ method }) => method !== 'GET').map(({ url }) => url.pathname.split('/').at(-1))
  const other = `sha256:${'0'.repeat(64)}`
  const { out } = await cli(['unblock', digest, other], { env })
  t.equal(out.match(/is no longer blocked\n/g)?.length, 2)
  t.strictSame(changed(), [digest, other])
  t.match(await cli(['ban', 'galley', 'bridge'], { env }), { code: 0 })
  t.strictSame(changed().slice(2), [galley, bridge])
  t.match(await cli(['ban', 'galley', 'sail'], { env }), { code: 1, err: /which node is "sail"/ })
  t.match(await cli(['block', digest, 'sha256:c'], { env }), { code: 2 })
  t.equal(changed().length, 4)
})

t.test(
  'two words for one node are one, and a failure is told in the words that were typed',
  async t => {
    const { env, changes } = await scriptAdmin(t, ({ pathname }, method) => {
      if (pathname === '/api/v1/peers') return [200, { ...meshAnswer, members }]
      if (method === 'GET') return [404, { detail: 'nothing is said of it' }]
      const key = pathname.split('/').at(-1)
      return key === bridge ? [409, { detail: 'not this one' }] : [200, { key, storedOn }]
    })
    const words = ['ban', 'galley', galley, 'ababab', 'bridge', 'e'.repeat(64)]
    const { code, err } = await cli(words, { env })
    t.equal(code, 8)
    t.match(err, / this came of bridge, and what was named after it was left as it is: e{64}\n/)
    t.equal(changes().length, 2)
  },
)

t.test('what is blocked or banned again keeps its note, and since when', async t => {
  const standing = { ...item, key: digest, version: 'v1' }
  const answer = { ...standing, changed: false, storedOn }
  const { env, changes } = await scriptAdmin(t, ({ pathname }) =>
    pathname === '/api/v1/peers' ? [200, { ...meshAnswer, members }] : [200, answer],
  )
  const { out } = await cli(['block', digest], { env })
  t.match(
    out,
    /is blocked already\n {2}note +n\n {2}author +a\n {2}since +2026-11-20T03:00:00.000Z\n/,
  )
  await cli(['block', digest, '--note', ''], { env })
  await cli(['ban', galley, '--note', 'x'], { env })
  t.match(
    changes().map(({ body }) => body),
    [{ note: 'n', author: 'a' }, { note: undefined, author: undefined }, { note: 'x' }],
  )
  t.equal(changes()[0]?.precondition, '"v1"')
  const none = await scriptAdmin(t, (_, method) =>
    method === 'GET' ? [404, { detail: 'nothing is said of it' }] : [200, answer],
  )
  t.match(await cli(['block', digest], { env: none.env }), { code: 0 })
  t.match(none.changes(), [{ precondition: '*', body: { note: undefined } }])
})

t.test('what is banned or blocked already is told, and what was said of it before', async t => {
  const same = await scriptAdmin(t, () => [200, { key: digest, changed: false, storedOn }])
  t.match((await cli(['block', digest], { env: same.env })).out, /is blocked already\n/)
  const other = { key: digest, changed: true, before: item, storedOn }
  const { env } = await scriptAdmin(t, () => [200, other])
  for (const word of ['block', 'unblock']) {
    t.match(
      (await cli([word, digest], { env })).out,
      /until now it was\n {2}note +n\n {2}author +a\n {2}said at +2026-11-20T03:00:00.000Z\n {2}said on +bridge/,
    )
  }
})

t.test('a name that two have, or nobody, is told before anything is banned', async t => {
  const { env, asked } = await start(t)
  t.match(await cli(['ban', 'hold'], { env }), { code: 2, err: /one of abab00000000, ffff/ })
  t.match(await cli(['ban', 'sail'], { env }), { code: 1, err: /holdfast peers/ })
  t.match(await cli(['ban', 'abab'], { env }), { code: 1 }, 'too short to be meant')
  t.ok(asked.every(({ method }) => method === 'GET'))
})

t.test('a ban is lifted, also of a node that nobody knows any more', async t => {
  const { env, asked } = await start(t)
  t.match(await cli(['unban', '999999'], { env }), { code: 0, out: /is no longer banned/ })
  t.match(asked.at(-1), {
    method: 'DELETE',
    url: { pathname: `/api/v1/bans/${'9'.repeat(64)}` },
    body: undefined,
  })
})

t.test('a name is that of the banned node, also where another has it by now', async t => {
  const { env, asked } = await start(t)
  t.match(await cli(['unban', 'hold'], { env }), { code: 0 })
  t.match(asked.at(-1), { url: { pathname: `/api/v1/bans/${'9'.repeat(64)}` } })
})

t.test('a node that is known is told by its name', async t => {
  const { env } = await scriptAdmin(t, ({ pathname }) =>
    pathname === '/api/v1/peers'
      ? [200, meshAnswer]
      : [200, { key: bridge, name: 'galley', storedOn }],
  )
  t.match(await cli(['ban', 'bridge'], { env }), { out: /^galley \(cdcdcdcdcdcd\) is banned\n/ })
})

t.test('digests are blocked and let go, whole digests alone', async t => {
  const { env, changes } = await start(t)
  t.match(await cli(['block', digest, '--copies', '3'], { env }), {
    code: 1,
    out: /is blocked\n.*\n\nfewer nodes than 3/,
  })
  t.match(await cli(['unblock', digest], { env }), { code: 0, out: /is no longer blocked/ })
  t.strictSame(
    changes().map(({ method, url }) => [method, url.pathname]),
    [
      ['PUT', `/api/v1/blocks/${digest}`],
      ['DELETE', `/api/v1/blocks/${digest}`],
    ],
  )
  t.equal((await cli(['block', 'nginx'], { env })).code, 2)
})

t.test('a block tells what it hits, and who has the image', async t => {
  const other = `sha256:${'d'.repeat(64)}`
  const tag = { reference: 'a.lan/web:1', pinned: true, digest: other, source: 'history' }
  const tags = [
    { ...tag, reason: 'newest earlier' },
    { reference: 'a.lan/web:2', pinned: false, reason: 'nothing is left' },
    { ...tag, reference: 'a.lan/web:3', pinned: false, digest, source: 'upstream', reason: 'r' },
  ]
  const holders = [
    { id: galley, name: 'galley', holds: 3, of: 3 },
    { id: bridge, holds: 1, of: 3 },
  ]
  const show = async (more: object) => {
    const { env } = await scriptAdmin(t, () => [200, { key: digest, storedOn, ...more }])
    return (await cli(['block', digest], { env })).out
  }
  const out = await show({ tags, moreTags: 2, completeHere: true, holders })
  t.match(out, /held by +this node, galley, cdcdcdcdcdcd \(1 of 3 parts\)\n\n/)
  t.match(
    out,
    /answered with now:\n {2}TAG .*\n {2}a.lan\/web:1 +sha256:d+ +history +pinned to it +newest earlier\n {2}a.lan\/web:2 +nothing +nothing is left\n {2}a.lan\/web:3 +the digest itself +upstream +r\n {2}and 2 more\n$/,
  )
  t.match(await show({ tags: [], completeHere: false }), /\n\nno tag that this node knows stands/)
  t.notMatch(await show({}), 'no tag', 'a node of before does not tell')
})

t.test('what is in force is listed with its reason', async t => {
  const { env } = await start(t)
  t.match(
    (await cli(['bans'], { env })).out,
    /^NODE +ID +SINCE .*\nhold +9{12} .* a +bridge, node abababababab +n\n$/,
  )
  const none = await scriptAdmin(t, () => [200, { items: [] }])
  t.match(await cli(['blocks'], { env: none.env }), { code: 0, out: 'no digest is blocked\n' })
  t.match(await cli(['bans'], { env: none.env }), { code: 0, out: 'no node is banned\n' })
})
