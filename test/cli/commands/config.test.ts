import t from 'tap'
import { parse } from 'yaml'
import { cli, scriptAdmin } from '../support.ts'

t.test('the configuration in force is YAML, and says what was changed', async t => {
  const config = { mode: 'offline', store: { quotaBytes: 5 }, log: { level: 'info' } }
  const changed = [{ key: 'mode', configured: 'auto', inForce: 'offline', by: 'captain' }]
  const answer = { node: 'galley', config, changed }
  const { env, asked } = await scriptAdmin(t, () => [200, answer])
  const { code, out } = await cli(['config', '--node', 'galley'], { env })
  t.equal(code, 0)
  t.match(asked, [{ url: { pathname: '/api/v1/nodes/galley/config' } }])
  t.match(
    out,
    /^# in force on galley;.*\n# mode was set to offline by captain; configured is auto\n/,
  )
  t.strictSame(parse(out), config)
  t.strictSame(JSON.parse((await cli(['config', '-o', 'json'], { env })).out), answer)
})
