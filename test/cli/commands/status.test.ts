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
      openRepositories: 2,
      lastFailure: 'timeout',
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
    /docker\.io +open +2 +timeout +https:\/\/registry-1\.docker\.io\nghcr\.io +closed +https/,
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
  t.match(out, /pods +unseen: it is away; 0 containers running, 1 ended lately\n/)
  t.match(out, /mesh +none\n {2}clock +not confirmed since the start\n$/)
  t.notMatch(out, /containerd|REGISTRY/)
})
