import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'
import { meshAnswer as answer } from './mesh-answer.ts'

t.test('peers lists the other nodes, and says what is wrong and what to do', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { code, out } = await cli(['peers'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /NODE +ID +STATE +ZONE +ADDRESS +RTT +SKEW +LEDGER +VERSION +REACHES +SEEN/)
  t.match(
    out,
    /galley +abababababab +alive +ship +10.0.0.2:5052 +1.2 ms +-62 ms +same +1.2.3 +docker.io +4 s ago/,
  )
  t.match(out, /hold +abababababab +gone +ship +10.0.0.2:5052 +1.2 ms +1.2.3 +4 s ago/)
  t.match(out, /warning: galley \(abababababab\): two nodes use this key.* remove node.key/)
  t.equal(admin.asked[0]?.url.pathname, '/api/v1/nodes/self/peers')
})

t.test('a banned node is told as banned, and nothing of what it said', async t => {
  const members = answer.members.map(one =>
    one.name === 'hold' ? { ...one, state: 'banned', isLedgerEqual: false } : one,
  )
  const admin = await scriptAdmin(t, ({ pathname }) => [
    200,
    pathname === '/api/v1/nodes'
      ? { items: [{ id: 'ab', name: 'galley', self: true, state: 'alive' }] }
      : { ...answer, members },
  ])
  const { out } = await cli(['peers'], { env: admin.env })
  t.match(out, /hold +abababababab +banned +ship +10.0.0.2:5052 +1.2 ms +1.2.3 +4 s ago/)
  t.match(out, /\n\n`holdfast bans` tells who banned a node and why\n/)
  const all = await cli(['peers', '--node', 'all'], { env: admin.env })
  t.match(all.out, /galley +1 +0 +0 +1 +1 +same/)
})

t.test('a node without a mesh says so', async t => {
  const admin = await scriptAdmin(t, () => [200, { enabled: false, members: [], alarms: [] }])
  t.match(await cli(['peers'], { env: admin.env }), { code: 0, out: /mesh.enabled is false/ })
})

t.test('for programs the answer is told as it came', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { out } = await cli(['peers', '-o', 'json'], { env: admin.env })
  t.match(JSON.parse(out), { enabled: true, members: [{ name: 'galley' }, { name: 'hold' }] })
})

t.test('of all nodes it is told what each sees of the others', async t => {
  const admin = await scriptAdmin(t, ({ pathname }) => [
    200,
    pathname === '/api/v1/nodes'
      ? { items: [{ id: 'ab', name: 'galley', self: true, state: 'alive' }] }
      : answer,
  ])
  const { code, out } = await cli(['peers', '--node', 'all'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /NODE +ALIVE +SUSPECT +GONE +BANNED +NEIGHBOURS +LEDGER +WARNINGS\n/)
  t.match(out, /galley +1 +0 +1 +0 +1 +same +twin-key\n/)
})
