import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'
import { answerOf, digest, nodes, ready, report, standings } from './report-answer.ts'

const blob = (size?: number) => ({ digest, kind: 'blob', ...(size !== undefined && { size }) })

t.test('all is ready: one sentence, and exit code 0', async t => {
  const { code, out } = await report(t, [ready, { ...ready, reference: 'quay.io/a/b:1' }])
  t.equal(code, 0)
  t.equal(
    out,
    `Ready: both images would start on both nodes without any registry.

TAG                           VERDICT  CONFIRMED  COPIES  WHAT
docker.io/library/nginx:1.27  ready    3 min ago  2
quay.io/a/b:1                 ready    3 min ago  2
`,
  )
})

t.test('a keep that nothing fits is counted in the first sentence, and is a risk', async t => {
  const emptyKeeps = ['ghcr.io/acme/**:stable']
  const said = await report(t, [ready], { verdict: 'at-risk', emptyKeeps })
  t.equal(said.code, 7)
  t.match(
    said.out,
    /^At risk: the image would start on both nodes without any registry\. One keep fits no known tag\.\n/,
  )
  const configured = await report(t, [ready], { emptyKeeps: [...emptyKeeps, 'quay.io/**'] })
  t.equal(configured.code, 0, 'the configuration may be that of a fleet')
  t.match(configured.out, /^Ready: the image would .* 2 keeps fit no known tag\.\n/)
  const atRisk = await report(t, [ready, { ...ready, verdict: 'at-risk' }], { emptyKeeps })
  t.match(atRisk.out, /^At risk: of 2 images, 1 at risk, 1 ready\. One keep fits no known tag\.\n/)
})

t.test('what is kept and not known is told, with the command that gets it', async t => {
  const unknown = { ...ready, verdict: 'not-ready', digest: undefined, copies: [], standings: [] }
  const mend = { job: { images: [ready.reference], copies: 2 }, bytes: 0, unsized: 1, leftOut: 0 }
  const { code, out } = await report(t, [ready, unknown], {
    emptyKeeps: ['ghcr.io/acme/**:stable'],
    mend,
  })
  t.equal(code, 7)
  t.match(out, /nginx:1\.27 +not ready .* nothing is known of this tag/)
  t.match(
    out,
    /no tag that ghcr\.io\/acme\/\*\*:stable keeps .* `holdfast unkeep 'ghcr\.io\/acme\/\*\*:stable'`/,
  )
  t.match(out, /\n`holdfast report --mend` fetches it: 1 image, of a size not known yet\n$/)
  const none = await report(t, [], { emptyKeeps: ['ghcr.io/acme/**:stable'], verdict: 'not-ready' })
  t.equal(none.code, 1)
  t.match(none.out, /^no tag that ghcr\.io\/acme/)
  t.notMatch(none.out, 'there is no pin and no keep')
})

t.test('the worst come first, each with what is wrong, and the exit code says so', async t => {
  const { code, out } = await report(t, [
    ready,
    {
      ...ready,
      reference: 'a/thin:1',
      verdict: 'at-risk',
      standings: standings('here', 'in-reach'),
      copies: [{ platform: 'linux/amd64', held: 1, wanted: 2 }],
    },
    {
      ...ready,
      reference: 'a/older:1',
      verdict: 'at-risk',
      standings: standings('older', 'older'),
      missing: [blob()],
      olderDigest: digest,
    },
    {
      ...ready,
      reference: 'a/spread:1',
      verdict: 'at-risk',
      standings: standings('in-reach', 'in-reach'),
    },
    {
      ...ready,
      reference: 'a/lacking:1',
      verdict: 'not-ready',
      why: 'named',
      standings: standings('here', 'lacking'),
      copies: [
        { platform: 'linux/amd64', held: 1, wanted: 1 },
        { platform: 'linux/arm64', held: 0, wanted: 1 },
      ],
      missing: [blob(3_400_000), blob(600_000), { ...blob(500), kind: 'manifest' }],
    },
    {
      reference: 'a/unknown:1',
      verdict: 'not-ready',
      why: 'keep',
      standings: standings('lacking', 'lacking'),
      copies: [],
      missing: [],
    },
    {
      ...ready,
      reference: 'a/alien:1',
      verdict: 'not-ready',
      standings: standings('not-for', 'not-for'),
      copies: [],
    },
  ])
  t.equal(code, 7)
  t.equal(
    out,
    `Not ready: of 7 images, 3 not ready, 3 at risk, 1 ready.

TAG                           VERDICT    CONFIRMED  COPIES                             WHAT
a/lacking:1                   not ready  3 min ago  linux/amd64 1, linux/arm64 0 of 1  its manifest and 2 blobs (4.0 MB) are missing everywhere; does not start on galley
a/unknown:1                   not ready                                                nothing is known of this tag
a/alien:1                     not ready  3 min ago                                     the image has nothing for linux/amd64
a/thin:1                      at risk    3 min ago  1 of 2                             held by bridge alone
a/older:1                     at risk    3 min ago  2                                  one blob is missing everywhere; an earlier image starts on bridge, galley: sha256:cccccccccccc…
a/spread:1                    at risk    3 min ago  2                                  no node holds all of it: each has parts from others
docker.io/library/nginx:1.27  ready      3 min ago  2

no fetch makes a/alien:1 start here: \`holdfast explain a/alien:1\` tells for which platforms it is; a tag that is for these nodes has to be kept in its place
what is only named may be dropped when room is needed: \`holdfast keep a/lacking:1\` has it stay
`,
  )
})

t.test('what is for no node is not kept or fetched into starting', async t => {
  const alien = { ...ready, verdict: 'not-ready', standings: standings('not-for', 'not-for') }
  const both = [nodes[0], { ...nodes[1], platforms: ['linux/arm/v7'] }]
  const { code, out } = await report(t, [alien], { nodes: both })
  t.equal(code, 7)
  t.match(out, /the image has nothing for linux\/amd64 or linux\/arm\/v7\n/)
  t.notMatch(out, /holdfast keep|by itself/)
  const older = nodes.map(({ name, heard }) => ({ name, heard }))
  const { out: untold } = await report(t, [alien], { nodes: older })
  t.match(untold, 'the image has nothing for the platform of any node')
})

t.test('a block is told with the command that lifts it', async t => {
  const blocked = { digest: `sha256:${'e'.repeat(64)}`, isPin: true }
  const pinned = { ...ready, why: 'pin', blocked }
  const none = { standings: standings('unaware', 'unaware'), copies: [], digest: undefined }
  const { code, out } = await report(t, [
    { ...pinned, verdict: 'at-risk', reference: 'a/pinned:1' },
    { ...pinned, verdict: 'not-ready', reference: 'a/alone:1', ...none },
    {
      ...pinned,
      verdict: 'not-ready',
      reference: 'a/kept:1',
      why: 'keep',
      ...none,
      blocked: { ...blocked, isPin: false },
    },
  ])
  t.equal(code, 7)
  const rows = [
    /a\/pinned:1 +at risk .* {2}its pin is blocked \(sha256:eeeeeeeeeeee…\): what it stands for otherwise counts\n/,
    /a\/alone:1 +not ready .* {2}its pin is blocked \(sha256:eeeeeeeeeeee…\): nothing else is known of it\n/,
    /a\/kept:1 +not ready .* {2}all that is known of it is blocked: sha256:eeeeeeeeeeee…\n/,
  ]
  for (const row of rows) t.match(out, row)
  t.match(
    out,
    new RegExp(
      `\n\n\`holdfast unblock ${blocked.digest}\` lets it be served again, on every node\n$`,
    ),
  )
})

const thin = {
  ...ready,
  verdict: 'at-risk',
  why: 'named',
  kept: false,
  standings: standings('here', 'in-reach'),
  copies: [{ platform: 'linux/amd64', held: 1, wanted: 2 }],
}

t.test('no fetch is advised for keeps of a registry that no node may ask', async t => {
  const answers: Readonly<Record<string, object>> = {
    '/api/v1/nodes/self/config': { node: 'a', config: { upstreams: { 'b.lan': {} } }, changed: [] },
    '/api/v1/peers': { enabled: true, members: [], alarms: [] },
  }
  for (const items of [[ready], []]) {
    const told = answerOf(items, { emptyKeeps: ['a.lan/app:*', 'b.lan/**', '*/app:*'] })
    const { env } = await scriptAdmin(t, ({ pathname }) => [200, answers[pathname] ?? told])
    const { out } = await cli(['report'], { env })
    t.match(
      out,
      "no tag that a.lan/app:* keeps is known yet, and no upstream a.lan is configured that could be asked: name it under upstreams (`a.lan: {}`), or bring the images with `holdfast import`; `holdfast unkeep 'a.lan/app:*'` takes the keep back\n",
    )
    for (const other of ['b.lan/**', '*/app:*']) {
      t.match(out, `no tag that ${other} keeps is known yet: \`holdfast warm\` fetches`)
    }
  }
})

t.test('who holds it is told of all nodes, also where others are judged alone', async t => {
  const galley = { ...thin, standings: [{ node: 'galley', standing: 'in-reach' }] }
  const held = await report(t, [{ ...galley, holders: ['bridge'] }], { nodes: nodes.slice(1) })
  t.match(held.out, / 1 of 2 +held by bridge alone\n/)
  const parts = await report(t, [{ ...galley, holders: [] }])
  t.match(parts.out, / no node holds all of it: each has parts from others\n/)
})

t.test('a full store and a silent node are told, with what to type', async t => {
  const noRoom = [
    { node: 'galley', why: 'full', bytes: 60_000_000, quotaBytes: 50_000_000 },
    { node: 'engine', why: 'quota', bytes: 60_000_000, quotaBytes: 50_000_000 },
  ]
  const both = [
    { ...thin, kept: true, noRoom },
    { ...thin, kept: true, reference: 'a/b:1', noRoom: [{ node: 'galley', why: 'full' }] },
  ]
  const { out } = await report(t, both, { nodes: [...nodes, { name: 'hold', heard: false }] })
  t.match(out, /^At risk: of 2 images, 2 at risk\. hold does not answer\.\n/)
  t.match(
    out,
    /the store of galley is full, and has no room for docker\.io\/library\/nginx:1\.27 \(60 MB\), a\/b:1: `holdfast store --node galley` tells what takes it\n/,
  )
  t.match(
    out,
    /the store of engine may hold 50 MB at most, too little for docker\.io\/library\/nginx:1\.27 \(60 MB\): raise store\.quotaBytes there\n/,
  )
  t.notMatch(out, 'holdfast keep', 'it is kept already')
  t.notMatch((await report(t, [{ ...ready, noRoom }])).out, 'store', 'nothing is to come')
})

t.test('what is only named is told how to stay, all of it in one command', async t => {
  const named = (...names: readonly string[]) =>
    names.map(name => ({ ...ready, why: 'named', kept: false, reference: `reg.lab/${name}` }))
  const keepIn = async (items: ReturnType<typeof named>, words: readonly string[] = []) =>
    /`(holdfast keep .*?)` has/.exec((await report(t, items, {}, words)).out)?.[1]
  t.equal(await keepIn(named('a:1')), 'holdfast keep reg.lab/a:1')
  t.equal(await keepIn(named('a:1', 'b:2')), 'holdfast keep reg.lab/a:1 reg.lab/b:2')
  const names = Array.from({ length: 40 }, (_, at) => `app:${at}`)
  const dir = t.testdir({ 'the images.txt': names.map(name => `reg.lab/${name}\n`).join('') })
  const list = ['--list', `${dir}/the images.txt`]
  t.equal(await keepIn(named(...names), list), `holdfast keep --list '${list[1]}'`)
  t.match(await keepIn(named(...names)), /^holdfast keep reg\.lab\/app:0 .* reg\.lab\/app:39$/)
  const byDigest = await report(t, [{ ...thin, reference: `reg.lab/web@${digest}` }])
  t.notMatch(byDigest.out, 'holdfast keep', 'keep takes no digest')
  t.match(byDigest.out, 'a tag that is pinned to it is\n')
})

t.test('while a node does not answer, all is at risk at best', async t => {
  const silent = [...nodes, { name: 'engine', heard: false }]
  const { code, out } = await report(t, [ready], { nodes: silent, verdict: 'at-risk' })
  t.equal(code, 7)
  t.match(
    out,
    /^At risk: engine does not answer\. Without any registry the image would start on both nodes that answer\.\n/,
  )
  t.match(
    out,
    /\nwhat would start on engine nobody knows: start it, or judge the others alone with `holdfast report --node bridge,galley`; after a week a silent node is forgotten\n$/,
  )
  const alone = await report(t, [ready], { nodes: silent.slice(1), verdict: 'at-risk' })
  t.match(alone.out, /^At risk: .* the image would start on galley\.\n/)
  const worse = await report(t, [{ ...ready, verdict: 'not-ready' }, ready], {
    nodes: [...silent, { name: 'hold', heard: false }],
  })
  t.match(
    worse.out,
    /^Not ready: of 2 images, 1 not ready, 1 ready\. engine and hold do not answer\.\n/,
  )
})

t.test('where a node that is named does not answer, the others can be judged', async t => {
  const silent = answerOf([ready], {
    nodes: [{ name: 'engine', heard: false }],
    verdict: 'not-ready',
  })
  const items = ['bridge', 'galley', 'engine', 'rudder'].map((name, at) => ({
    id: `${at}`,
    name,
    self: at === 0,
    state: ['alive', 'alive', 'suspect', 'gone'][at],
  }))
  const { env } = await scriptAdmin(t, ({ pathname }) => [
    200,
    pathname === '/api/v1/nodes' ? { items } : silent,
  ])
  for (const format of [[], ['--output', 'json']]) {
    const said = await cli(['report', '--node', 'engine', 'nginx', ...format], { env })
    t.match(said, { code: 4, out: '' })
    t.match(
      said.err,
      /engine does not answer: nobody can tell what would start there; of the others: `holdfast report nginx --node bridge,galley`/,
    )
  }
  const some = { nodes: [...nodes.slice(1), { name: 'engine', heard: false }] }
  const { err } = await report(t, [ready], some, ['--node', 'galley,engine'])
  t.match(err, /of the others: `holdfast report --node galley`/, 'of those that were named')
})

t.test('a node that reaches no other says why', async t => {
  const { out } = await report(t, [ready], { cutOff: 'this node is banned' })
  t.match(out, /\nthis node reaches no other: this node is banned\n$/)
})

t.test('what was not looked at is not ready', async t => {
  const { code, out } = await report(t, [ready], { truncated: true })
  t.equal(code, 7)
  t.match(out, /the first 1 were looked at\n/)
})

t.test('a file names images', async t => {
  const dir = t.testdir({
    'a.txt': 'nginx # the proxy\n\nquay.io/a/b:1\n',
    'a.yaml': 'images: [redis:7]\n',
  })
  const refs = async (...words: string[]) =>
    (await report(t, [ready], {}, words)).asked[0]?.url.searchParams.getAll('ref')
  t.strictSame(await refs('mysql', '--list', `${dir}/a.txt`), [
    'docker.io/library/mysql:latest',
    'docker.io/library/nginx:latest',
    'quay.io/a/b:1',
  ])
  t.strictSame(await refs('--list', `${dir}/a.yaml`), ['docker.io/library/redis:7'])
  t.match(await report(t, [], {}, ['--list', `${dir}/none`]), { code: 2, err: /cannot be read/ })
  const both = ['--running', '--list', `${dir}/a.txt`]
  t.match(await report(t, [], {}, both), { code: 2, err: /name no image/ })
})

t.test('images and a node are asked for', async t => {
  const words = ['nginx', 'quay.io/a/b:1', `nginx@${digest}`, '--node', 'galley']
  const { asked } = await report(t, [ready], {}, words)
  t.strictSame(asked[0]?.url.searchParams.getAll('ref'), [
    'docker.io/library/nginx:latest',
    'quay.io/a/b:1',
    `docker.io/library/nginx@${digest}`,
  ])
  t.equal(asked[0]?.url.searchParams.get('node'), 'galley')
})

t.test('what runs is asked for, and where that is not known is told', async t => {
  const pods = [
    { name: 'bridge', state: 'seen' },
    { name: 'galley', state: 'unseen', failure: 'there is no containerd at /c.sock' },
    { name: 'hold', state: 'off' },
    { name: 'engine', state: 'silent' },
  ]
  const told =
    /\nwhat the pods of galley run is not known: there is no containerd at \/c\.sock\nwhat the pods of hold run is not known: keep\.running is off there\n$/
  const { code, out, asked } = await report(t, [ready], { pods }, ['--running'])
  t.equal(code, 0)
  t.equal(asked[0]?.url.searchParams.get('running'), 'true')
  t.match(out, told)
  const none = await report(t, [], { pods, verdict: 'not-ready' }, ['--running'])
  t.equal(none.code, 1)
  t.match(none.out, /^no pod runs anything, as far as is known\n/)
  t.match(none.out, told)
  t.match(await report(t, [], {}, ['--running', 'nginx']), { code: 2, err: /name no image/ })
})

t.test('with nothing to keep it says what to do', async t => {
  const { code, out } = await report(t, [], { verdict: 'not-ready' })
  t.equal(code, 1)
  t.match(out, /holdfast report REF/)
  t.match(out, /holdfast keep PATTERN/)
})

t.test('what is pinned stands as pinned, asked about or kept', async t => {
  const pinned = { ...ready, confirmedAt: undefined, reference: 'a/pinned:1' }
  for (const why of ['pin', 'named', 'running']) {
    const { out } = await report(t, [{ ...pinned, why, kept: true, pinned: true }])
    t.match(out, /\na\/pinned:1 +ready +pinned +2\n$/, why)
  }
  const { out } = await report(t, [{ ...pinned, why: 'pin' }])
  t.match(out, / pinned +2\n$/, 'as a node of before tells it')
  const fallen = { ...ready, why: 'pin', pinned: false }
  t.match((await report(t, [fallen])).out, / 3 min ago +2\n$/, 'of a pin that is out of force')
})

t.test('what refers to an image is told where too few nodes hold it', async t => {
  const of = (...held: number[]) => held.map(held => ({ digest, held, wanted: 2 }))
  const what = async (more: object) => {
    const { code, out } = await report(t, [{ ...ready, ...more }])
    t.equal(code, 0, 'it starts all the same')
    return out.split('\n')[3]?.split('3 min ago  2')[1]?.trim()
  }
  t.equal(await what({ referrers: of(2, 2), moreReferrers: 0 }), '')
  t.equal(await what({ referrers: of() }), '')
  t.equal(
    await what({ referrers: of(0) }),
    'its one referrer (signature, SBOM) is whole on no node',
  )
  t.equal(
    await what({ referrers: of(1, 1) }),
    'its 2 referrers (signatures, SBOMs) are on too few nodes',
  )
  t.equal(
    await what({ referrers: of(2, 0, 1, 0), moreReferrers: 3 }),
    '2 of 7 referrers (signatures, SBOMs) are whole on no node, 1 on too few',
  )
})
