import t from 'tap'
import type { ReportedImage, ReportedNode } from '../../src/keep/offline-report.ts'
import type { Gap, Standing } from '../../src/keep/outlook.ts'
import { planMend } from '../../src/keep/plan-mend.ts'
import type { RegistryReach } from '../../src/keep/registry-reach.ts'
import type { WantedImage } from '../../src/keep/wanted-images.ts'
import { digestOf } from '../../src/oci/digest.ts'

const digest = digestOf(Buffer.from('an image'))
const layer: Gap = { digest: digestOf(Buffer.from('a layer')), kind: 'blob', size: 1_000 }
const manifest: Gap = { digest, kind: 'manifest', size: 500 }

const image = (
  tag: string,
  standings: readonly Standing[],
  {
    held = 2,
    gaps = [],
    signatures,
    full = [],
    ...wanted
  }: {
    held?: number
    gaps?: readonly Gap[]
    signatures?: number
    full?: readonly string[]
  } & Partial<WantedImage> = {},
): ReportedImage => ({
  wanted: {
    key: { registry: 'reg.test', repository: 'app', tag },
    why: 'keep',
    isPinned: false,
    digests: [digest],
    confirmedAtMs: 5,
    ...wanted,
  },
  verdict: standings.includes('lacking') || standings.includes('unaware') ? 'not-ready' : 'at-risk',
  standings: new Map(standings.map((standing, at) => [`${at}`, standing])),
  copies: [{ platform: 'linux/amd64', held, wanted: 2 }],
  holders: [...standings.keys()].filter(at => standings[at] === 'here').map(String),
  noRoom: new Map(full.map(id => [id, { why: 'full', quotaBytes: 9, bytes: 5 }])),
  gaps,
  older: undefined,
  referrers:
    signatures === undefined
      ? []
      : [{ digest: layer.digest, artifactType: undefined, held: signatures, wanted: 2 }],
  moreReferrers: 0,
})

/** Nodes by number. */
const nodesWith = (
  states: readonly RegistryReach['state'][],
  more: Readonly<Record<number, Partial<ReportedNode>>> = {},
): ReportedNode[] =>
  states.map((state, at) => ({
    id: `${at}`,
    name: `n${at}`,
    platforms: ['linux/amd64'],
    isHeard: true,
    isFull: false,
    room: undefined,
    reaches: new Map([['reg.test', { state, forMs: undefined }]]),
    ...more[at],
  }))

const plan = (
  images: readonly ReportedImage[],
  nodes = nodesWith(['answers', 'down', 'down']),
  only?: readonly string[],
) => planMend({ images, nodes }, { copies: 2, only })

t.test('what is faulty is fetched, the worst first, by those that are to hold it', async t => {
  const made = plan([
    image('thin', ['here', 'in-reach'], { held: 1 }),
    { ...image('well', ['here', 'here']), verdict: 'ready' },
    image('torn', ['lacking', 'lacking'], { held: 0, gaps: [layer] }),
    image('none', ['unaware', 'unaware'], { digests: [] }),
    image('old', ['older', 'older'], { gaps: [layer, manifest] }),
  ])
  t.strictSame(made, {
    images: ['torn', 'none', 'thin', 'old'].map(tag => `reg.test/app:${tag}`),
    leftOut: 0,
    scope: { copies: 2 },
    referrers: false,
    bytes: 1_000,
    unsized: 2,
  })
})

t.test('what no fetch mends is in no job', async t => {
  const blocked = { digest, isPin: true }
  const hopeless = [
    image('alien', ['not-for', 'not-for'], { held: 0 }),
    image('blocked', ['unaware', 'unaware'], { digests: [], blocked }),
    image('fallen', ['here', 'here'], { blocked }),
  ]
  t.equal(plan(hopeless), undefined)
  t.equal(plan([]), undefined)
  const torn = image('fallen', ['lacking', 'here'], { blocked, gaps: [layer] })
  t.match(plan([torn]), { images: ['reg.test/app:fallen'] }, 'what it stands for otherwise is')
})

t.test('an image that nobody else is there to hold is left as it is', async t => {
  const thin = [image('thin', ['here'], { held: 1 })]
  const away = { isHeard: false, reaches: new Map() }
  t.equal(plan(thin, nodesWith(['answers', 'answers'], { 1: away })), undefined)
  const arm = { platforms: ['linux/arm64'] }
  t.equal(plan(thin, nodesWith(['answers', 'answers', 'answers'], { 1: away, 2: arm })), undefined)
  t.match(plan(thin, nodesWith(['answers', 'answers', 'answers'], { 1: away })), {
    scope: { nodes: [{ id: '0' }, { id: '2' }] },
  })
})

t.test('what has room on no node that lacks it is in no job', async t => {
  const nodes = nodesWith(['answers', 'answers', 'answers'])
  const full = ['0', '1', '2']
  t.equal(
    plan([image('torn', ['lacking', 'lacking'], { held: 0, gaps: [layer], full })], nodes),
    undefined,
  )
  t.equal(plan([image('none', ['unaware'], { digests: [], full })], nodes), undefined)
  t.equal(
    plan([image('thin', ['here', 'in-reach'], { held: 1, full: ['1', '2'] })], nodes),
    undefined,
  )
  t.match(plan([image('thin', ['here', 'in-reach'], { held: 1, full: ['1'] })], nodes), {
    scope: { nodes: [{ id: '0' }, { id: '2' }] },
  })
  t.match(
    plan([image('untold', ['here', 'unaware'], { held: 2, full: ['2'] })], nodes),
    { images: ['reg.test/app:untold'] },
    'it has only to learn what the tag stands for',
  )
})

t.test('without a registry only what other nodes have is fetched, by its digest', async t => {
  const images = [
    image('thin', ['here', 'in-reach'], { held: 1 }),
    image('torn', ['lacking', 'lacking'], { held: 0, gaps: [layer] }),
    image('none', ['unaware', 'unaware'], { digests: [] }),
    image('untold', ['here', 'unaware'], { held: 1 }),
  ]
  for (const states of [['down', 'offline', 'unconfigured'] as const, [] as const]) {
    const nodes = nodesWith(states.length > 0 ? states : ['down', 'down', 'down'])
    t.match(plan(images, nodes), { images: [`reg.test/app@${digest}`], bytes: 0, unsized: 0 })
  }
  t.equal(plan(images, nodesWith(['down', 'unheard']))?.images.length, 4, 'that may be there')
})

t.test('nothing is left to a node that does not answer, nor to a full one', async t => {
  const tornWithout = (...full: string[]) => [image('torn', ['lacking'], { gaps: [layer], full })]
  const torn = tornWithout()
  const away = { isHeard: false, reaches: new Map() }
  const answering = ['answers', 'answers', 'answers', 'answers'] as const
  const idsOf = (...more: Parameters<typeof plan> extends [unknown, ...infer R] ? R : never) =>
    idsFor(torn, ...more)
  const idsFor = (...asked: Parameters<typeof plan>) => {
    const { scope } = plan(...asked) ?? {}
    return scope !== undefined && 'nodes' in scope ? scope.nodes.map(({ id }) => id) : scope
  }
  t.strictSame(idsOf(nodesWith(answering, { 1: away })), ['0', '2'])
  t.strictSame(idsFor(tornWithout('0'), nodesWith(answering, { 1: away })), ['2', '3'])
  t.strictSame(idsFor(tornWithout('0'), nodesWith(answering)), ['1', '2'])
  t.strictSame(idsFor(tornWithout('0'), nodesWith(answering), ['0']), ['1', '2'], 'nor if named')
  const other = image('other', ['lacking'], { gaps: [layer], full: ['1'] })
  t.strictSame(idsFor([...tornWithout('0', '1'), other], nodesWith(answering)), ['2', '3'])
  const arm = { platforms: ['linux/arm64'] }
  t.strictSame(idsOf(nodesWith(answering, { 1: away, 2: arm })), ['0', '3', '2'])
  t.strictSame(idsOf(nodesWith(answering), ['3', '2', '1']), ['1', '2', '3'], 'those named')
  t.strictSame(idsOf(nodesWith(answering), ['3']), ['3', '0'], 'and one more for the copies')
  t.strictSame(idsOf(nodesWith(['answers'])), { copies: 1 }, 'a node alone')
})

t.test('a job names as many as it may, and the rest is for the next', async t => {
  const names = (length: number, size: number) =>
    Array.from({ length }, (_, at) => image(`${at}-${'x'.repeat(size)}`, ['lacking']))
  t.match(plan(names(310, 1)), { images: { length: 300 }, leftOut: 10 })
  const long = plan(names(300, 120))
  t.equal((long?.images.length ?? 0) + (long?.leftOut ?? 0), 300)
  t.ok(JSON.stringify(long?.images).length <= 16 * 1024)
  t.ok(JSON.stringify(long?.images).length > 15 * 1024)
})

t.test('what refers to images is fetched where no image has to wait for it', async t => {
  const signed = image('signed', ['here', 'here'], { signatures: 2 })
  const unsigned = {
    ...image('unsigned', ['here', 'here'], { signatures: 1 }),
    verdict: 'ready' as const,
  }
  const torn = image('torn', ['lacking', 'lacking'], { held: 0, gaps: [layer] })
  t.equal(plan([signed]), undefined, 'all nodes that should have it')
  t.match(plan([unsigned, torn]), {
    images: ['reg.test/app:torn', 'reg.test/app:unsigned'],
    referrers: true,
  })
  const thin = image('thin', ['here', 'in-reach'], { held: 1, signatures: 0 })
  t.match(plan([thin]), { images: ['reg.test/app:thin'], referrers: true })
  const down = nodesWith(['down', 'down'])
  t.match(plan([thin, unsigned], down), { images: [`reg.test/app@${digest}`], referrers: false })
  t.equal(plan([unsigned], down), undefined)
  t.equal(plan([unsigned], nodesWith(['unheard', 'down'])), undefined, 'it may be silent')
  const key = { registry: 'other.test', repository: 'app', tag: 'thin' }
  const apart = image('thin', ['here', 'in-reach'], { held: 1, key })
  t.match(plan([apart, unsigned]), { images: [`other.test/app@${digest}`], referrers: false })
})
