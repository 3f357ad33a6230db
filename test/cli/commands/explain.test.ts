import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = `sha256:${'c'.repeat(64)}`
const older = `sha256:${'d'.repeat(64)}`
const node = 'ab'.repeat(32)
const at = '2026-11-20T03:00:00.000Z'
const seen = {
  digest,
  source: 'upstream',
  saidBy: node,
  saidByName: 'van-2',
  confirmedAt: at,
  firstSeenAt: '2026-11-19T03:00:00.000Z',
  lastSeenAt: at,
  complete: true,
}
const bare = {
  reference: 'docker.io/library/nginx:latest',
  history: [],
  platforms: [],
  holders: [],
  resolution: { found: false, reason: 'the tag was never seen' },
  answers: [],
}
const full = {
  ...bare,
  live: seen,
  history: [{ ...seen, digest: older, saidByName: null, complete: false }],
  pin: {
    reference: bare.reference,
    standing: 'expired',
    digest: older,
    author: 'u',
    setAt: at,
    setOn: node,
    setOnName: 'van-2',
    conflict: { at, setOn: 'ef'.repeat(32), setOnName: 'galley', digest },
  },
  digest,
  platforms: [
    { platform: 'linux/amd64', wanted: true, state: 'complete', manifest: digest, missing: [] },
    {
      platform: 'linux/arm64',
      wanted: true,
      state: 'incomplete',
      missing: [
        { digest, kind: 'blob', size: 1_000_000 },
        { digest: older, kind: 'blob', size: 2_000_000 },
      ],
    },
    {
      platform: 'linux/arm/v7',
      wanted: false,
      state: 'incomplete',
      missing: [{ digest, kind: 'manifest' }],
    },
    { platform: 'linux/riscv64', wanted: true, state: 'absent', missing: [] },
  ],
  holders: [
    { id: node, name: 'van-2', holds: 5, of: 5 },
    { id: 'ef'.repeat(32), holds: 1, of: 5 },
    { id: 'cd'.repeat(32), name: 'hold', holds: 1, of: 3, indexOnly: true },
  ],
  resolution: {
    found: true,
    digest,
    source: 'ledger',
    reason: 'last known digest',
    steps: [{ rung: 'pin', outcome: 'no pin' }],
  },
  answers: [
    {
      reference: bare.reference,
      digest,
      source: 'ledger',
      reason: 'last known digest',
      firstAt: at,
      lastAt: at,
      count: 7,
    },
  ],
}

t.test('a tag is explained from its answer to its past', async t => {
  const admin = await scriptAdmin(t, () => [200, full])
  const { code, out } = await cli(['explain', 'nginx'], { env: admin.env })
  t.equal(code, 0)
  t.equal(admin.asked[0]?.url.pathname, '/api/v1/tags/docker.io%2Flibrary%2Fnginx%3Alatest')
  const parts = out.split('\n\n')
  t.match(
    parts[0],
    /^docker.io\/library\/nginx:latest\n {2}digest +sha256:c+\n {2}source +ledger\n/,
  )
  t.match(parts[1], /^tried, in this order:\n {2}pin {2}no pin$/)
  t.match(
    parts[2],
    /^pin:\n.*\n {2}expired, in conflict +sha256:d+ .* van-2, node abababababab +never +u\n.* galley, node efefefefefef had pinned it to sha256:c+ at .*\n.* settles it$/,
  )
  t.match(parts[3], new RegExp(`^what is held here of ${digest}:\n {2}PLATFORM`))
  t.match(parts[3], /linux\/amd64 +complete +sha256:c+\n/)
  t.match(parts[3], /linux\/arm64 +2 blobs missing, 3.0 MB\n/)
  t.match(parts[3], /linux\/arm\/v7 +manifest not held +no client needs it\n/)
  t.match(parts[3], /linux\/riscv64 +not in the image$/)
  t.match(
    parts[4],
    /^other nodes that hold it:\n {2}van-2 +all of it\n {2}node efefefefefef +1 of 5 parts\n {2}hold +the index alone$/,
  )
  t.match(
    parts[5],
    /^what it stood for:\n {2}DIGEST .*\n {2}sha256:c+ .* van-2, node abababababab\n {2}sha256:d+ .* node abababababab +incomplete here$/,
  )
  t.match(
    parts[6],
    /^last answers of this node:\n {2}LAST .*\n {2}2026-11-20T03:00:00.000Z +sha256:c+ +ledger +7 +last known digest\n$/,
  )
  const json = await cli(['explain', 'nginx', '-o', 'json'], { env: admin.env })
  t.strictSame(JSON.parse(json.out), full)
})

t.test('of a tag that nobody knows there is little to tell, and the exit code says so', async t => {
  const admin = await scriptAdmin(t, () => [200, bare])
  t.match(await cli(['explain', 'nginx'], { env: admin.env }), {
    code: 1,
    out: 'docker.io/library/nginx:latest\n  digest   none\n  because  the tag was never seen\n',
  })
})

t.test('of a pin it is told what there would be without it, or what puts it in force', async t => {
  const told = async (change: object, live: object | undefined = seen) => {
    const pin = { ...full.pin, conflict: undefined, ...change }
    const { env } = await scriptAdmin(t, () => [200, { ...full, live, pin }])
    return (await cli(['explain', 'nginx'], { env })).out.split('\n\n')[2]
  }
  const inForce = { standing: 'in-force', digest: older }
  t.match(await told(inForce), /\n {2}its registry named sha256:c+ when it was last asked, at 2026/)
  t.match(await told({ ...inForce, digest }), /\n {2}its registry named the same digest when/)
  const imported = { ...seen, source: 'import' }
  t.match(await told(inForce, imported), /\n {2}without the pin it is, by import, sha256:c+ when/)
  t.match(await told(inForce, null as never), /\n {2}what its registry names is not known/)
  t.match(
    await told({ standing: 'blocked' }),
    /\n {2}`holdfast unblock sha256:d+` puts it in force/,
  )
  t.match(
    await told({ standing: 'removed', digest: null }),
    /\n {2}removed .* van-2, node (ab){6} +u$/,
  )
})

t.test('what is blocked stands in the history, with what lifts that', async t => {
  const bad = { ...seen, digest: `sha256:${'e'.repeat(64)}`, blocked: true, complete: false }
  const history = [bad, { ...seen, digest: older, blocked: false }]
  const { env } = await scriptAdmin(t, () => [200, { ...full, history }])
  const { out } = await cli(['explain', 'nginx'], { env })
  t.match(
    out.split('\n\n')[5],
    /sha256:c+ .* abababababab\n {2}sha256:e+ .* +blocked, incomplete here\n {2}sha256:d+ .*\n {2}`holdfast unblock sha256:e+` lets it be answered with again$/,
  )
})

t.test('a digest needs no explanation', async t => {
  t.match(await cli(['explain', `nginx@${digest}`]), { code: 2, err: /names a digest/ })
})

t.test(
  'a tag that is known is not taken for a slip, though it is answered with nothing',
  async t => {
    const blocked = { ...seen, blocked: true }
    const ask = async (history: readonly object[]) => {
      const { env } = await scriptAdmin(t, ({ pathname }) =>
        pathname === '/api/v1/tags' ? [200, { items: [] }] : [200, { ...bare, history }],
      )
      return (await cli(['explain', 'nginx'], { env })).out
    }
    t.match(await ask([]), /no tag like it is known/)
    const told = await ask([blocked])
    t.match(told, /`holdfast unblock .*` lets it be answered with again\n$/)
    t.notMatch(told, /no tag like it/)
  },
)
