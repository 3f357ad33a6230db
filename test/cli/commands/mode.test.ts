import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const at = '2026-11-20T03:00:00.000Z'
const path = '/api/v1/nodes/self/mode'
const plain = { node: 'galley', mode: 'auto', configured: 'auto' }
const set = { ...plain, mode: 'offline', set: { by: 'captain', at } }

t.test('the mode is told, and who set it', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, plain])
  const { code, out } = await cli(['mode'], { env })
  t.equal(code, 0)
  t.match(out, /^galley is auto: registries are asked, and left alone while.*\n$/)
  t.match(asked, [{ method: 'GET', url: { pathname: path } }])
  const other = await scriptAdmin(t, () => [200, set])
  const told = (await cli(['mode'], { env: other.env })).out
  t.match(told, /^galley is offline: registries are not asked\n {2}set by {6}captain\n/)
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
