import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const body = {
  node: 'bridge',
  asOf: '2026-11-21T12:00:00.000Z',
  version: '1.2.3',
  mode: 'auto',
  modeDecidedBy: 'cluster',
  uptimeSeconds: 7_200,
  ready: true,
  degraded: [{ reason: 'upstream_down', detail: 'docker.io does not answer' }],
  endpoints: [
    {
      registry: 'docker.io',
      url: 'https://registry-1.docker.io',
      state: 'open',
      answered: true,
      downSince: '2026-11-21T11:50:00.000Z',
      openRepositories: 2,
      lastFailure: 'timeout',
      lastFailureAt: '2026-11-21T11:59:30.000Z',
    },
    { registry: 'ghcr.io', url: 'https://ghcr.io', state: 'closed', openRepositories: 0 },
  ],
  ledger: { observations: 12, pins: 1, writable: true, clockVerified: true, clockOffsetMs: 90_000 },
  store: {
    blobs: 3,
    blobBytes: 3_400_000,
    partialBytes: 0,
    freeBytes: 5_000_000,
    totalBytes: 9_000_000,
  },
  containerd: { state: 'connected', version: '2.1.9', images: 4 },
  pods: { state: 'seen', running: 5, ended: 2 },
  mesh: { enabled: true, members: 2, alive: 1, neighbours: 1, alarms: [] },
}

t.test('a node is told: what is wrong first, then how it stands', async t => {
  const admin = await scriptAdmin(t, () => [200, body])
  const { code, out } = await cli(['status'], { env: admin.env })
  t.equal(code, 0)
  t.equal(admin.asked[0]?.url.pathname, '/api/v1/nodes/self/status')
  t.match(
    out,
    /^bridge is ready\n {2}upstream_down: docker\.io does not answer\n\n {2}mode +auto, as it was set for all nodes\n/,
  )
  t.match(out, /up +2 h, version 1\.2\.3\n {2}known +12 tags, 1 pin\n/)
  t.match(out, /store +3 blobs, 3\.4 MB; 5\.0 MB of 9\.0 MB of the disk free\n/)
  t.match(out, /containerd +connected, 2\.1\.9, 4 images\n/)
  t.match(out, /pods +5 containers running, 2 ended lately\n/)
  t.match(out, /mesh +1 of 2 other nodes alive, 1 neighbour\n/)
  t.match(out, /clock +confirmed, 90 s behind\n/)
  t.match(
    out,
    /REGISTRY +STATE .* URL +LAST FAILURE\ndocker\.io +does not answer since 2026-11-21T11:50:00.000Z +2 +https:\/\/registry-1\.docker\.io +30 s ago: timeout\nghcr\.io +answers +https/,
  )
  t.strictSame(JSON.parse((await cli(['status', '-o', 'json'], { env: admin.env })).out), body)
})

t.test('a node alone that does not answer clients says so', async t => {
  const mesh = { enabled: false, members: 0, alive: 0, neighbours: 0, alarms: [] }
  const ledger = { ...body.ledger, clockVerified: false, clockOffsetMs: 3 }
  const pods = { state: 'unseen', failure: 'it is away', running: 0, ended: 1 }
  const change = { ready: false, degraded: [], endpoints: [], containerd: undefined, pods }
  const { env } = await scriptAdmin(t, () => [200, { ...body, ...change, ledger, mesh }])
  const { out } = await cli(['status', '--node', 'x'], { env })
  t.match(out, /^bridge is not ready: it does not answer clients\n {2}mode/)
  t.match(out, /pods +not seen: it is away; before that 0 containers running, 1 ended lately\n/)
  t.match(out, /mesh +none\n {2}clock +not confirmed since the start\n$/)
  t.notMatch(out, /containerd|REGISTRY/)
})

t.test('what is not asked neither answers nor fails', async t => {
  const endpoint = { registry: 'a.lan', url: 'http://a.lan', state: 'closed', openRepositories: 0 }
  const told = async (change: object, of: object = {}) => {
    const endpoints = [{ ...endpoint, ...of }]
    const { env } = await scriptAdmin(t, () => [200, { ...body, endpoints, ...change }])
    return (await cli(['status'], { env })).out
  }
  t.match(await told({}, { answered: false }), /a\.lan +not heard so far +http/)
  t.match(await told({ mode: 'offline' }), /a\.lan +not asked: mode is offline +http/)
  t.match(await told({}, { state: 'half-open' }), /a\.lan +does not answer, is being tried +http/)
  const pods = { state: 'unseen', failure: 'there is none', running: 0, ended: 0 }
  t.match(await told({ pods }), /pods +not seen: there is none\n/)
})
