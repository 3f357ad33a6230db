import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const path = '/api/v1/nodes/self/log-level'
const plain = { node: 'galley', level: 'info', configured: 'info' }

t.test('the level is told and set', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, plain])
  t.equal((await cli(['log-level'], { env })).out, 'galley logs info\n')
  await cli(['log-level', 'debug', '--for', '10m'], { env })
  t.match(asked, [
    { method: 'GET', url: { pathname: path } },
    { method: 'PUT', url: { pathname: path }, body: { level: 'debug', forSeconds: 600 } },
  ])
  const other = await scriptAdmin(t, () => [200, { ...plain, level: 'debug' }])
  const { out } = await cli(['log-level', 'debug'], { env: other.env })
  t.match(out, /^galley logs debug\n {2}until {7}it is set anew, or.*\n {2}configured {2}info\n$/)
})

t.test('what is no level is told before anything is asked', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, plain])
  t.equal((await cli(['log-level', 'trace'], { env })).code, 2)
  t.equal((await cli(['log-level', '--for', '1h'], { env })).code, 2)
  t.equal(asked.length, 0)
})
