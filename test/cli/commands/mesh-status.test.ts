import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'
import { meshAnswer as answer } from './mesh-answer.ts'

t.test('mesh status tells who dials with which key', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { code, out } = await cli(['mesh', 'status'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /^bridge\n {2}id +(cd)+/)
  t.match(out, /members +1 alive of 2/)
  t.match(out, /ledger +12 records; the same as another node 3 s ago/)
  t.match(out, /0badcafe +bridge, galley\n/)
  t.match(out, /10\.0\.0\.2:5053 +seed +a node is there\n/)
  t.match(out, /10\.0\.0\.9:5053 +seed +4 s ago +refused\n/)
})

t.test('a node without a mesh says so', async t => {
  const admin = await scriptAdmin(t, () => [200, { enabled: false, members: [], alarms: [] }])
  const { code, out } = await cli(['mesh', 'status'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /mesh.enabled is false/)
})
