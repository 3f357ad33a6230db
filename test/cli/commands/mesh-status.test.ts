import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'
import { meshAnswer as answer } from './mesh-answer.ts'

t.test('mesh status tells who dials with which key', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { code, out } = await cli(['mesh', 'status'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /^bridge\n {2}id +(cd)+/)
  t.match(out, /members +1 alive of 2, this node not counted\n/)
  t.match(out, /ledger +12 records; the same as another node 3 s ago/)
  t.match(out, /KEY +DIAL WITH IT +DO NOT ACCEPT IT\n/)
  t.match(out, /0badcafe +bridge, galley +hold \(gone, does not say\)\n/)
  t.match(out, /deadbeef +none +hold \(gone, does not say\)\n/)
  t.match(out, /10\.0\.0\.2:5053 +seed +a node is there\n/)
  t.match(out, /10\.0\.0\.9:5053 +seed +4 s ago +refused\n/)
})

t.test('who does not accept a new key yet is named', async t => {
  const members = answer.members.slice(0, 1).map(one => ({ ...one, acceptedKeyIds: ['0badcafe'] }))
  const admin = await scriptAdmin(t, () => [200, { ...answer, members }])
  const { out } = await cli(['mesh', 'status'], { env: admin.env })
  t.match(out, /0badcafe +bridge, galley +none\n/)
  t.match(out, /deadbeef +none +galley\n/)
})

t.test('a node without a mesh says so', async t => {
  const admin = await scriptAdmin(t, () => [200, { enabled: false, members: [], alarms: [] }])
  const { code, out } = await cli(['mesh', 'status'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /mesh.enabled is false/)
})
