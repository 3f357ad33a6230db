import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const item = {
  reference: 'docker.io/library/nginx:latest',
  digest: `sha256:${'b'.repeat(64)}`,
  source: 'upstream',
  reason: 'confirmed just now',
  saidBy: 'https://registry-1.docker.io',
  firstAt: '2026-11-20T03:00:00.000Z',
  lastAt: '2026-11-20T04:00:00.000Z',
  count: 3,
}

const container = {
  namespace: 'default',
  pod: 'web-0',
  container: 'main',
  running: true,
  firstAt: '2026-11-20T01:00:00.000Z',
  madeAt: '2026-11-20T03:00:05.000Z',
  lastAt: '2026-11-20T05:00:00.000Z',
  digest: item.digest,
  images: [
    {
      reference: item.reference,
      answered: item,
      now: { found: true, digest: item.digest, source: 'ledger', reason: 'offline' },
    },
  ],
}
const none = {
  node: 'bridge',
  asOf: '2026-11-20T05:00:01.000Z',
  pods: { state: 'seen' },
  isPod: false,
  containers: [],
  resolutions: [],
}
const whole = (node: object) => ({ nodes: [{ ...none, ...node }], silent: [] })

t.test('what was answered for a tag is told by each node, and who runs it', async t => {
  const answers = { resolutions: [item, { ...item, digest: null, count: 1 }] }
  const admin = await scriptAdmin(t, () => [
    200,
    whole({ ...answers, containers: [container, { ...container, pod: 'old', running: false }] }),
  ])
  const { code, out } = await cli(['why', 'nginx', '--limit', '5'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /^2026-11-20T03:00:00.000Z to 2026-11-20T04:00:00.000Z\n {2}node {7}bridge\n/)
  t.match(out, /times {6}3\n\n2026-11-20/)
  t.match(out, /digest {5}none/)
  t.match(out, /\ndefault\/web-0 {2}main {7}bridge {2}since 2026-11-20T03:00:05.000Z {2}sha256:bbb/)
  t.match(out, /\ndefault\/old {4}main {7}bridge {2}until 2026-11-20T05:00:00.000Z/)
  t.match(admin.asked[0]?.url.pathname, '/api/v1/why')
  t.match(Object.fromEntries(admin.asked[0]?.url.searchParams ?? []), {
    subject: 'nginx',
    limit: '5',
  })
})

t.test('answers of one digest in a row are told once, with every ground and how often', async t => {
  const kept = { ...item, source: 'ledger', reason: 'known to be down: not asked', count: 2 }
  const { env } = await scriptAdmin(t, () => [200, whole({ resolutions: [item, kept, item] })])
  const { out } = await cli(['why', 'nginx'], { env })
  t.equal(out.match(/node {7}bridge/g)?.length, 1)
  t.match(
    out,
    /\n {2}because {4}upstream ×6: confirmed just now, said by https:\/\/registry-1\.docker\.io\n {13}ledger ×2: known to be down: not asked, said by /,
  )
  t.match(out, /\n {2}times {6}8\n/)
})

t.test('how old the picture of a pod is, where its node could not look anew', async t => {
  const told = async (asOf: string) => {
    const node = { isPod: true, containers: [container], asOf }
    const { env } = await scriptAdmin(t, () => [200, whole(node)])
    return (await cli(['why', 'default/web-0'], { env })).out
  }
  t.match(await told('2026-11-20T05:00:02.000Z'), /runs since 2026-11-20T03:00:05.000Z\n/)
  t.match(
    await told('2026-11-20T05:00:24.000Z'),
    /runs since 2026-11-20T03:00:05.000Z, as seen 24 s ago\n/,
  )
})

t.test('a pod: what it names, what runs, who said so, and what it would get now', async t => {
  const other = `sha256:${'c'.repeat(64)}`
  const [image] = container.images
  const images = [
    {
      reference: 'a.lab/other:1',
      answered: { ...item, digest: other },
      now: { found: false, reason: 'unknown' },
    },
    {
      reference: 'a.lab/never:1',
      now: { found: true, digest: other, source: 'pin', reason: 'pinned' },
    },
    { reference: `a.lab/fixed@${item.digest}` },
  ]
  const admin = await scriptAdmin(t, () => [
    200,
    {
      nodes: [
        {
          ...none,
          isPod: true,
          containers: [
            container,
            { ...container, container: 'side', running: false, digest: null, images },
          ],
        },
        { ...none, node: 'galley', resolutions: [item] },
      ],
      silent: [{ node: 'hold', detail: 'it cannot be reached' }],
    },
  ])
  const { code, out } = await cli(['why', 'web-0'], { env: admin.env })
  t.equal(code, 0)
  t.equal(
    out,
    `default/web-0, container main, on bridge: runs since 2026-11-20T03:00:05.000Z
  runs  ${item.digest}
  image     ${image?.reference}
  answered  this digest (upstream, 2026-11-20T03:00:00.000Z to 2026-11-20T04:00:00.000Z)
  because   confirmed just now
  said by   https://registry-1.docker.io
  now       the same digest (ledger): offline

default/web-0, container side, on bridge: ran from 2026-11-20T01:00:00.000Z, last seen 2026-11-20T05:00:00.000Z
  runs  an image that its runtime no longer knows
  image     a.lab/other:1
  answered  ${other} (upstream, 2026-11-20T03:00:00.000Z to 2026-11-20T04:00:00.000Z), not what runs: that was there already, or came past Holdfast
  now       nothing: unknown
  image     a.lab/never:1
  answered  nothing that this node remembers: the image was there already, or came past Holdfast
  now       ${other} (pin): pinned
  image  a.lab/fixed@${item.digest}: a digest asks nobody

hold gave no answer: it cannot be reached
`,
  )
})

t.test('one node is asked for itself', async t => {
  const admin = await scriptAdmin(t, () => [200, { ...none, node: 'galley', resolutions: [item] }])
  const { code, out } = await cli(['why', 'nginx', '--node', 'galley'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /node {7}galley/)
  t.equal(admin.asked[0]?.url.pathname, '/api/v1/nodes/galley/why')
})

t.test('no answer remembered is 1, and where pods are not known is told', async t => {
  const pods = { state: 'unseen', failure: 'there is no containerd at /c.sock' }
  const admin = await scriptAdmin(t, () => [200, whole({ pods })])
  t.match(await cli(['why', 'nginx'], { env: admin.env }), {
    code: 1,
    out: /no node gave an answer that it remembers\n\nwhat the pods of bridge run is not known: there is no containerd/,
  })
  t.match(await cli(['why', 'nginx', '--at', '2026-11-20T03:00:00Z'], { env: admin.env }), {
    code: 1,
    out: /gave an answer until 2026-11-20T03:00:00.000Z that it remembers/,
  })
  t.match(await cli(['why', ':::'], { env: admin.env }), { code: 2 })
})

t.test('while a node is away it is not known that nobody answered', async t => {
  const silent = [{ node: 'hold', detail: 'hold is gone, last heard of 5 s ago' }]
  const admin = await scriptAdmin(t, () => [200, { nodes: [none], silent }])
  t.match(await cli(['why', 'nginx'], { env: admin.env }), {
    code: 4,
    out: /it remembers\n\nhold gave no answer: hold is gone, last heard of 5 s ago\n$/,
  })
})

t.test('a time is a moment, a day to its end, or how long ago', async t => {
  const admin = await scriptAdmin(t, () => [200, whole({ resolutions: [item] })])
  const at = async (text: string): Promise<string> => {
    await cli(['why', 'nginx', '--at', text], { env: admin.env })
    return admin.asked.at(-1)?.url.searchParams.get('at') ?? ''
  }
  t.equal(await at('2026-11-20T03:00:00Z'), '2026-11-20T03:00:00.000Z')
  t.equal(await at('2026-11-20T03:00:00+02:00'), '2026-11-20T01:00:00.000Z')
  t.equal(await at('2026-11-20'), new Date(2026, 10, 20, 23, 59, 59, 999).toISOString())
  const ago = Date.now() - Date.parse(await at('8h ago'))
  t.ok(Math.abs(ago - 8 * 3_600_000) < 60_000)
  for (const text of ['yesterday', '5', '2026-13-45', '1e3']) {
    t.match(
      await cli(['why', 'nginx', '--at', text], { env: admin.env }),
      { code: 2, err: /is no time/ },
      text,
    )
  }
})

t.test('a limit is a number that the node takes', async t => {
  for (const text of ['0', '-1', 'x', '1.5', '1001']) {
    t.match(
      await cli(['why', 'nginx', `--limit=${text}`]),
      { code: 2, err: /is no number from 1 to 1000/ },
      text,
    )
  }
})
