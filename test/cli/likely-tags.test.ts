import t from 'tap'
import { cli, scriptAdmin } from './support.ts'

const known = ['registry.lab/web:v1', 'registry.lab/web:v2', 'a.lan/x/web:v1', 'a.lan/other:1']
const digest = `sha256:${'c'.repeat(64)}`
const unresolved = { found: false, reason: 'nobody knows it' }

/** A node that knows these tags, and refuses what else it is asked or answers with it. */
const start = (
  t: Parameters<typeof scriptAdmin>[0],
  answer: Parameters<typeof scriptAdmin>[1] = () => [404, { detail: 'it is not there' }],
) =>
  scriptAdmin(t, (url, method) => {
    if (url.pathname !== '/api/v1/tags') return answer(url, method)
    const [registry, repository] = ['registry', 'repository'].map(one => url.searchParams.get(one))
    const items = known
      .filter(name => registry === null || name.startsWith(`${registry}/${repository}:`))
      .map(reference => ({ reference }))
    return [200, { items }]
  })

t.test('whoever asks for a tag that is not known hears what he may have meant', async t => {
  const answers = { reference: 'r', history: [], platforms: [], holders: [], answers: [] }
  const failed = { reference: 'r', outcome: 'failed', reason: 'no', tookMs: 1 }
  const nothing = { nodes: [], silent: [] }
  for (const [command, ...given] of [
    ['pin', [404, { detail: 'gone' }]],
    ['rollback', [404, { detail: 'gone' }]],
    ['unpin', [404, { detail: 'gone' }]],
    ['pins', [404, { detail: 'gone' }]],
    ['forget', [404, { detail: 'gone' }]],
    ['refresh', [409, { detail: 'refused' }]],
    ['refresh', [200, failed]],
    ['explain', [200, { ...answers, resolution: unresolved }]],
    ['resolve', [200, { reference: 'r', ...unresolved }]],
    ['why', [200, nothing]],
  ] as const) {
    const { env } = await start(t, () => given[0])
    const { out, err } = await cli([command, 'web:v1'], { env })
    const told = 'did you mean registry.lab/web:v1 or a.lan/x/web:v1?\n'
    t.ok((out + err).endsWith(`\n${told}`), `${command}: ${out}${err}`)
  }
})

t.test('what was meant is told as near as it can be', async t => {
  const { env } = await start(t)
  const lists = '`holdfast tags registry.lab/web` lists what is known of it'
  for (const [word, hint] of [
    ['registry.lab/web:v3', `did you mean registry.lab/web:v1? ${lists}`],
    ['registry.lab/web:nightly', lists],
    ['other:2', 'did you mean a.lan/other? `holdfast tags a.lan/other` lists its tags'],
    [
      'web:nightly',
      'did you mean registry.lab/web or a.lan/x/web? `holdfast tags registry.lab/web`, `holdfast tags a.lan/x/web` list their tags',
    ],
  ] as const) {
    const { err } = await cli(['forget', word], { env })
    t.equal(err, `holdfast: it is not there\n${hint}\n`, word)
  }
})

t.test('a tag that is known needs no hint, and what is like nothing has a list', async t => {
  const { env } = await start(t)
  const forget = async (word: string) => (await cli(['forget', word], { env })).err
  t.equal(await forget('registry.lab/web:v1'), 'holdfast: it is not there\n')
  const nothingLike = 'no tag like it is known; `holdfast tags` lists what is\n'
  t.equal(await forget('nothing:1'), `holdfast: it is not there\n${nothingLike}`)
  const cured = await start(t, () => [404, { detail: 'see `holdfast pins`' }])
  const { err } = await cli(['unpin', 'nothing:1'], { env: cured.env })
  t.equal(err, 'holdfast: see `holdfast pins`\n')
  const none = await start(t, () => [200, { reference: 'r', ...unresolved }])
  t.ok((await cli(['resolve', 'nothing:1'], { env: none.env })).out.endsWith(`\n\n${nothingLike}`))
  const mute = await scriptAdmin(t, () => [404, { detail: 'it is not there' }])
  t.equal((await cli(['forget', 'web'], { env: mute.env })).err, 'holdfast: it is not there\n')
})

t.test('a failure that is not of the tag is told as it is', async t => {
  const { env, asked } = await start(t, () => [403, { detail: 'no' }])
  t.match(await cli(['forget', 'web:v1'], { env }), { code: 5 })
  t.equal(asked.length, 1)
})

t.test('a program reads no hints', async t => {
  const { env } = await start(t, () => [200, { reference: 'r', ...unresolved }])
  const { out } = await cli(['resolve', 'web:v1', '-o', 'json'], { env })
  t.strictSame(JSON.parse(out), { reference: 'r', ...unresolved })
})

t.test('a digest and a pattern mean what they say', async t => {
  const { env } = await start(t, ({ pathname }) =>
    pathname === '/api/v1/resolve'
      ? [200, { reference: 'r', ...unresolved }]
      : [
          200,
          {
            pattern: decodeURIComponent(pathname.split('/').at(-1) ?? ''),
            ...{ configured: false, tags: 0, storedOn: { nodes: 1, members: 1 } },
          },
        ],
  )
  t.notMatch((await cli(['resolve', `web@${digest}`], { env })).out, 'did you mean')
  t.notMatch((await cli(['keep', 'web:*'], { env })).out, 'did you mean')
  t.match((await cli(['keep', 'web:v1'], { env })).out, /makes it known\ndid you mean registry.lab/)
})
