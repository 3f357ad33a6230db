import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'
import { answerOf, asOf, digest, nodes, ready, report, standings } from './report-answer.ts'

const reference = 'registry.lab/redis:7'
const unknown = {
  ...ready,
  reference,
  verdict: 'not-ready',
  digest: undefined,
  confirmedAt: undefined,
  copies: [],
  standings: standings('unaware', 'unaware'),
}
const mend = {
  job: { images: [reference], copies: 2 },
  bytes: 120_000_000,
  unsized: 0,
  leftOut: 0,
}
const agoOf = (seconds: number) => new Date(Date.parse(asOf) - seconds * 1000).toISOString()
/** What each node says of the registry. */
type Each = (readonly [state: string, more?: object])[]
const registries = (...each: Each) => [
  {
    registry: 'registry.lab',
    nodes: each.map(([state, more], at) => ({ node: nodes[at]?.name, state, ...more })),
  },
]
const about = async (
  t: Parameters<typeof report>[0],
  more: object,
  items: Parameters<typeof report>[1] = [unknown],
  words: readonly string[] = [],
) => (await report(t, items, more, words)).out.split('\n\n').slice(2).join('\n\n')

t.test('the last line is one command, with all that was asked, and what it fetches', async t => {
  const last = async (more: object, words: readonly string[] = []) =>
    (await about(t, { mend: { ...mend, ...more } }, [unknown], words)).trim().split('\n').at(-1)
  t.equal(await last({}), '`holdfast report --mend` fetches it: 1 image, 120 MB')
  t.equal(
    await last({ bytes: 0 }),
    '`holdfast report --mend` fetches it: 1 image, from the nodes that have parts of it',
  )
  t.equal(
    await last({ bytes: 0, unsized: 1 }),
    '`holdfast report --mend` fetches it: 1 image, of a size not known yet',
  )
  const job = { images: Array(3).fill(reference), copies: 2 }
  t.match(await last({ job, unsized: 1 }), /fetches them: 3 images, 120 MB and more$/)
  t.match(await last({ job, leftOut: 4 }), /fetches them: the first 3 of 7 images, 120 MB$/)
  t.equal(
    await last({}, ['redis:7', '--node', 'galley,bridge', '--data-dir', '/var/lib/a ship']),
    "`holdfast report redis:7 --node galley,bridge --mend --data-dir '/var/lib/a ship'` fetches it: 1 image, 120 MB",
  )
  const some = await about(t, { mend }, [unknown, { ...unknown, reference: 'other.lab/a:1' }])
  t.match(some, /fetches what can be fetched: 1 of 2 images, 120 MB\n$/)
  t.notMatch(await about(t, {}), 'holdfast report', 'nothing can be fetched')
})

t.test('whether the registry can be reached is told, from which node', async t => {
  const first = async (...each: Each) =>
    (await about(t, { registries: registries(...each) })).split('\n')[0]
  t.equal(await first(['answers'], ['answers']), 'registry.lab answers bridge and galley')
  t.equal(
    await first(['answers', { answeredAt: agoOf(7_200) }], ['down', { downSince: agoOf(180) }]),
    'registry.lab answers bridge (when last asked, 2 h ago); galley has had no answer for 3 min',
  )
  t.equal(
    await first(['unheard'], ['offline']),
    'whether registry.lab can be reached is not known: bridge did not ask it so far',
  )
  t.equal(
    await first(['down', { downSince: agoOf(180) }], ['down', { downSince: agoOf(600) }]),
    'no node reaches registry.lab now: bridge and galley have had no answer for 3 min',
  )
  t.equal(
    await first(['offline'], ['unconfigured']),
    'no node reaches registry.lab now: the mode of bridge is offline; galley has it not among the upstreams',
  )
  t.equal(await about(t, { registries: registries(['answers']) }, [ready]), '')
})

t.test('where no node reaches it, the ways out are told', async t => {
  const ways = async (each: Each, items?: Parameters<typeof report>[1]) =>
    (await about(t, { registries: registries(...each) }, items)).split('\n').slice(1)
  const byHand =
    'by hand: elsewhere `docker save registry.lab/redis:7 -o images.tar`, then here `holdfast import images.tar`'
  t.match(await ways([['down'], ['down']], [{ ...unknown, why: 'named', kept: false }]), [byHand])
  t.match(await ways([['down'], ['down']], [{ ...unknown, kept: true }]), [
    `what is kept comes by itself once one is reached; ${byHand}`,
  ])
  t.match(await ways([['down'], ['offline']]), [
    '`holdfast mode auto --for 1h --node galley` has it ask registries for an hour',
  ])
  t.match(await ways([['unconfigured'], ['unconfigured']]), [
    'upstreams in the configuration has to name registry.lab: `registry.lab: {}`',
  ])
  const many = Array.from({ length: 40 }, (_, at) => ({
    ...unknown,
    reference: `registry.lab/a:${at}`,
  }))
  const [told] = await ways([['down'], ['down']], many)
  t.match(told, /^by hand: `holdfast import images\.tar` takes in what `docker save` /)
  const thin = { ...ready, reference, verdict: 'at-risk', standings: standings('here', 'in-reach') }
  t.notMatch(await ways([['down'], ['down']], [thin]), [/by hand/], 'others have it')
})

const job = {
  asOf,
  id: 'abc',
  createdAt: asOf,
  images: 1,
  scope: 'copies',
  scopeCopies: 2,
  done: 2,
  failed: 0,
  wanted: 2,
  bytes: 120_000_000,
  totalBytes: 120_000_000,
  nodes: [],
}

/** A node that fetches: reports as they come, the last again and again, and a job in this state. */
async function mendable(t: Parameters<typeof scriptAdmin>[0], reports: object[], state: object) {
  return scriptAdmin(t, ({ pathname }) => {
    if (pathname === '/api/v1/report')
      return [200, reports.length > 1 ? reports.shift() : reports[0]]
    return [200, { ...job, removed: false, storedOn: { nodes: 2, members: 2 }, ...state }]
  })
}

const withReferrers = { ...mend, job: { ...mend.job, referrers: true } }
const faulty = (more: object = mend) => answerOf([unknown], { mend: more })
const whole = () => answerOf([{ ...ready, reference }])

t.test('--mend makes the job that the report names, and ends as the report after it', async t => {
  const { env, asked } = await mendable(t, [faulty(), whole()], { state: 'done' })
  const { code, out, err } = await cli(['report', 'redis:7', '--mend'], { env })
  t.equal(code, 0)
  t.match(out, /^Ready: the image would start on both nodes without any registry\.\n/)
  t.match(
    err,
    /^Not ready: registry\.lab\/redis:7\.\nfetching 1 image, 120 MB\njob [0-9a-f]{6}: `holdfast jobs .*\n$/,
  )
  const made = asked.filter(({ method }) => method === 'PUT')
  t.equal(made.length, 1)
  t.strictSame(made[0]?.body, { ...mend.job, note: 'holdfast report --mend' })
  const questions = asked.filter(({ url }) => url.pathname === '/api/v1/report')
  t.strictSame(
    questions.map(({ url }) => url.search),
    ['?ref=docker.io%2Flibrary%2Fredis%3A7', '?ref=docker.io%2Flibrary%2Fredis%3A7'],
  )
})

t.test('--mend asks for signatures and SBOMs where the report does', async t => {
  const { env, asked } = await mendable(t, [faulty(withReferrers), whole()], { state: 'done' })
  const { err } = await cli(['report', '--mend'], { env })
  t.match(err, 'fetching 1 image, 120 MB, with signatures and SBOMs\n')
  t.match(asked.find(({ method }) => method === 'PUT')?.body, { referrers: true })
})

t.test(
  'what the nodes hear of a moment later counts, and a document is the last report',
  async t => {
    const { env } = await mendable(t, [faulty(), faulty(), whole()], { state: 'done' })
    const { code, out } = await cli(['report', '--mend', '-o', 'json'], { env })
    t.equal(code, 0)
    t.match(JSON.parse(out), { verdict: 'ready' })
  },
)

t.test('a job that fails tells why, and the report after it decides', async t => {
  const image = { reference, state: 'failed', bytes: 0, reason: 'denied' }
  const node = { name: 'bridge', there: true, live: true, state: 'ended', bytes: 0, totalBytes: 0 }
  const failed = { state: 'failed', failed: 1, nodes: [{ ...node, images: [image] }] }
  const { env } = await mendable(t, [faulty()], failed)
  const { code, out, err } = await cli(['report', '--mend'], { env })
  t.equal(code, 7)
  t.match(err, /registry\.lab\/redis:7 +bridge +failed +denied\n/)
  t.match(out, /^Not ready: registry\.lab\/redis:7\.\n/)
})

/** What is told after `--mend` in vain: of these images, of which the job named some. */
async function afterMend(
  t: Parameters<typeof scriptAdmin>[0],
  items: Parameters<typeof answerOf>[0],
  images: readonly string[],
  states: Readonly<Record<string, string>>,
) {
  const node = { name: 'bridge', there: true, live: true, state: 'ended', bytes: 0, totalBytes: 0 }
  const told = Object.entries(states).map(([reference, state]) => {
    return { reference, state, bytes: 0, reason: `${state} there` }
  })
  const report = answerOf(items, { mend: { ...mend, job: { images, copies: 2 } } })
  const { env } = await mendable(t, [report], {
    state: 'failed',
    nodes: [{ ...node, images: told }],
  })
  return (await cli(['report', '--mend'], { env })).out.split('\n\n').slice(2).join('\n\n')
}

t.test('what a job could not fetch is told after it, and not offered again', async t => {
  const named = { ...unknown, why: 'named', kept: false }
  t.equal(
    await afterMend(t, [named], [reference], { [reference]: 'failed' }),
    `${reference} could not be fetched: failed there\n`,
    'nor is it to be kept: nobody has it',
  )
  const other = { ...named, reference: 'registry.lab/redis:8' }
  const images = [reference, other.reference]
  const some = await afterMend(t, [named, other], images, { [reference]: 'failed' })
  t.match(some, /`holdfast keep registry\.lab\/redis:8` has it stay\n/)
  t.match(some, /--mend` fetches them: 2 images, 120 MB\n$/, 'the other may come')
  const thin = { ...ready, reference, verdict: 'at-risk', standings: standings('here', 'in-reach') }
  const byDigest = `registry.lab/redis@${digest}`
  t.equal(
    await afterMend(t, [thin], [byDigest], { [byDigest]: 'failed' }),
    `${reference} could not be fetched: failed there\n`,
  )
  const many = Array.from({ length: 7 }, (_, at) => ({ ...unknown, reference: `a.lab/a:${at}` }))
  const names = many.map(({ reference }) => reference)
  t.match(
    await afterMend(t, many, names, Object.fromEntries(names.map(name => [name, 'failed']))),
    /\na\.lab\/a:4 could not be fetched: failed there\nnor could a\.lab\/a:5, a\.lab\/a:6\n$/,
  )
})

t.test('what is not to be had is not to be kept', async t => {
  const named = { ...unknown, why: 'named', kept: false }
  const nobody = { registries: registries(['unconfigured'], ['unconfigured']) }
  t.notMatch(await about(t, nobody, [named]), 'holdfast keep')
  t.match(
    await about(t, { registries: registries(['down'], ['unconfigured']) }, [named]),
    'holdfast keep',
  )
  const noRoom = [{ node: 'bridge', why: 'quota', bytes: 60, quotaBytes: 50 }]
  const large = { ...named, digest, missing: [{ digest, kind: 'blob', size: 60 }], noRoom }
  t.notMatch(await about(t, {}, [large]), 'holdfast keep')
  t.match(await about(t, { mend }, [large]), 'holdfast keep', 'it fits another')
})

t.test('a job that only nodes that are away have to do is left to them', async t => {
  const node = {
    name: 'hold',
    there: false,
    live: false,
    state: 'running',
    bytes: 0,
    totalBytes: 0,
  }
  const away = { state: 'running', done: 1, nodes: [{ ...node, images: [] }] }
  const { env, asked } = await mendable(t, [faulty()], away)
  const { code, err } = await cli(['report', '--mend'], { env })
  t.equal(code, 7)
  t.match(
    err,
    /has 1 of 2 images, 120 MB of 120 MB, and waits for hold to come back\nit goes on: `holdfast jobs /,
  )
  t.equal(asked.filter(({ method }) => method === 'DELETE').length, 0)
})

t.test('--mend changes nothing where nothing can be fetched', async t => {
  for (const [answer, code] of [
    [whole(), 0],
    [answerOf([unknown]), 7],
  ] as const) {
    const { env, asked } = await mendable(t, [answer], {})
    t.match(await cli(['report', '--mend'], { env }), { code, err: '' })
    t.strictSame(
      asked.map(({ method }) => method),
      ['GET'],
    )
  }
  const { env } = await mendable(t, [whole()], {})
  t.match(await cli(['report', '--mend', '--watch'], { env }), {
    code: 2,
    err: /leave --watch out/,
  })
})

t.test('signatures and SBOMs are fetched with it, or by the command that is named', async t => {
  const unsigned = { ...ready, reference, referrers: [{ digest: 'sha256:0', held: 0, wanted: 2 }] }
  const job = { ...mend.job, referrers: true }
  const none = { job, bytes: 0, unsized: 0, leftOut: 0 }
  t.equal(
    await about(t, { mend: none }, [unsigned]),
    '`holdfast report --mend` fetches it: 1 image, with signatures and SBOMs\n',
  )
  const torn = { ...unsigned, verdict: 'not-ready', standings: standings('lacking', 'lacking') }
  t.match(
    await about(t, { mend: { ...mend, job } }, [torn]),
    /fetches it: 1 image, 120 MB, with signatures and SBOMs\n$/,
  )
  t.equal(
    await about(t, {}, [unsigned]),
    `\`holdfast warm ${reference} --referrers\` fetches the signatures and SBOMs that are missing, once its registry answers\n`,
  )
  const other = { ...unsigned, reference: 'other.lab/a:1' }
  t.equal(
    await about(t, { mend: none }, [unsigned, other]),
    `\`holdfast warm other.lab/a:1 --referrers\` fetches the signatures and SBOMs that are missing, once its registry answers
\`holdfast report --mend\` fetches what can be fetched: 1 of 2 images, with signatures and SBOMs\n`,
  )
})
