import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const id = 'ab'.repeat(32)
const member = {
  id,
  name: 'galley',
  zone: 'ship',
  state: 'alive',
  version: '1.2.3',
  peerAddresses: ['10.0.0.2:5052', '10.0.0.3:5052'],
  upstreams: ['docker.io'],
  isLedgerEqual: true,
  lastSeenAgoMs: 4_200,
  roundTripMs: 1.234,
  clockSkewMs: -62,
  keyId: '0badcafe',
}
const answer = {
  enabled: true,
  self: { id: 'cd'.repeat(32), name: 'bridge', version: '1.2.3', keyId: '0badcafe', neighbours: 1 },
  members: [
    member,
    { ...member, name: 'hold', state: 'gone', clockSkewMs: undefined, upstreams: [] },
  ],
  alarms: [{ code: 'twin-key', nodes: [{ id, name: 'galley' }] }],
  sync: { records: 12, isBehind: false, convergedAgoMs: 3_000, refused: 0 },
}

t.test('peers lists the other nodes, and says what is wrong and what to do', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { code, out } = await cli(['peers'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /NODE +STATE +ZONE +ADDRESS +RTT +SKEW +LEDGER +VERSION +REACHES +SEEN/)
  t.match(
    out,
    /galley +alive +ship +10.0.0.2:5052 +1.2 ms +-62 ms +same +1.2.3 +docker.io +4 s ago/,
  )
  t.match(out, /hold +gone .* none +4 s ago/)
  t.match(out, /warning: galley \(abababababab\): two nodes use this key.* remove node.key/)
  t.equal(admin.asked[0]?.url.pathname, '/api/v1/peers')
})

t.test('mesh status tells who dials with which key', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { code, out } = await cli(['mesh', 'status'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /^bridge\n {2}id +(cd)+/)
  t.match(out, /members +1 alive of 2/)
  t.match(out, /ledger +12 records; the same as another node 3 s ago/)
  t.match(out, /0badcafe +bridge, galley\n/)
})

t.test('a node without a mesh says so', async t => {
  const admin = await scriptAdmin(t, () => [200, { enabled: false, members: [], alarms: [] }])
  for (const command of [['peers'], ['mesh', 'status']]) {
    t.match(await cli(command, { env: admin.env }), { code: 0, out: /mesh.enabled is false/ })
  }
})

t.test('for programs the answer is told as it came', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { out } = await cli(['peers', '-o', 'json'], { env: admin.env })
  t.match(JSON.parse(out), { enabled: true, members: [{ name: 'galley' }, { name: 'hold' }] })
})
