import t from 'tap'
import { tellReferrers } from '../../src/keep/image-referrers.ts'
import type { ToldRoom } from '../../src/keep/image-room.ts'
import { createOfflineReport, type ReportingNode } from '../../src/keep/offline-report.ts'
import type { Gap } from '../../src/keep/outlook.ts'
import type { WantedImage } from '../../src/keep/wanted-images.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'

const { signal } = new AbortController()
const digest = (text: string): Digest => digestOf(Buffer.from(text))
const [newest, before] = [digest('new'), digest('old')]
const gap: Gap = { digest: digest('a layer'), kind: 'blob', size: 7 }

const wanted = (tag: string, digests: readonly Digest[] = [newest, before]): WantedImage => ({
  key: { registry: 'reg.test', repository: 'lab/app', tag },
  why: 'keep',
  isPinned: false,
  digests,
  confirmedAtMs: 5,
})

interface World {
  /** Nodes by name: platforms, and parts that are lacking of the newest, by platform; `null` does not answer. */
  readonly nodes: Readonly<Record<string, Readonly<Record<string, number | undefined>> | null>>
  /** What no node has, by digest and platform; `undefined`: nothing in it for that. */
  readonly gaps?: Readonly<Record<string, readonly Gap[] | undefined>>
  /** What nodes read in the config of the newest. */
  readonly madeFor?: Readonly<Record<string, string>>
  readonly copies?: number
  /** Whether nodes hold what they know to refer to the newest whole; `null`: a node of before they were told. */
  readonly referrers?: Readonly<Record<string, Readonly<Record<string, boolean>> | null>>
  /** Nodes whose store is full. */
  readonly full?: readonly string[]
  /** What nodes say of their stores. */
  readonly rooms?: Readonly<Record<string, ToldRoom>>
  /** What each platform needs of an image, bytes. */
  readonly size?: number
  /** Digests that a node may answer with, where these are not all. */
  readonly knows?: Readonly<Record<string, readonly Digest[]>>
}

function toldOf(whole: Readonly<Record<string, boolean>> | null | undefined) {
  if (whole === null) return undefined
  const known = Object.entries(whole ?? {}).map(([text, isWhole]) => {
    return { digest: digest(text), artifactType: text, isWhole }
  })
  return tellReferrers(known)
}

/** The report on one tag in a made-up mesh. */
async function reportOn(
  {
    nodes,
    gaps = {},
    copies = 2,
    knows = {},
    full = [],
    madeFor = {},
    referrers = {},
    rooms = {},
    size,
  }: World,
  image = wanted('a'),
  only?: (node: ReportingNode) => boolean,
) {
  const make = createOfflineReport(
    {
      nodes: () =>
        Object.entries(nodes).map(([name, lacks]) => ({
          id: name,
          name,
          platforms: Object.keys(lacks ?? { 'linux/amd64': 0 }),
        })),
      async survey(id, images) {
        const lacks = nodes[id]
        if (lacks == null) return undefined
        const platforms = Object.keys(lacks)
        return {
          platforms,
          isFull: full.includes(id),
          room: rooms[id],
          reaches: new Map(),
          images: images.map(({ digests }) => ({
            lacks: platforms.map(platform => lacks[platform]),
            knows: knows[id] ?? digests,
            madeFor: new Map(madeFor[id] === undefined ? [] : [[newest, madeFor[id]]]),
            referrers: toldOf(referrers[id]),
          })),
        }
      },
      async findGaps({ target, platform }) {
        const key = `${target === newest ? 'new' : 'old'} ${platform}`
        return key in gaps ? gaps[key] : []
      },
      sizeOf: (_target, platforms) => size && size * platforms.length,
    },
    { copies },
  )
  const report = await make([image], { ...(only && { only }), signal })
  const [first] = report.images
  if (first === undefined) throw new Error('there is no image in the report')
  return { report, ...first, standings: Object.fromEntries(first.standings) }
}

const [amd, arm] = ['linux/amd64', 'linux/arm64'] as const

t.test('what is held in enough copies and can be had everywhere is ready', async t => {
  const made = await reportOn({ nodes: { a: { [amd]: 0 }, b: { [amd]: 0 }, c: { [amd]: 4 } } })
  t.match(made, {
    verdict: 'ready',
    standings: { a: 'here', b: 'here', c: 'in-reach' },
    copies: [{ platform: amd, held: 2, wanted: 2 }],
    gaps: [],
  })
  t.equal(made.report.verdict, 'ready')
})

t.test('a node alone need not have a second copy', async t => {
  t.match(await reportOn({ nodes: { a: { [amd]: 0 } } }), {
    verdict: 'ready',
    copies: [{ held: 1, wanted: 1 }],
  })
})

t.test('one copy where two nodes could hold it is a risk, also while the other is off', async t => {
  const copies = [{ platform: amd, held: 1, wanted: 2 }]
  t.match(await reportOn({ nodes: { a: { [amd]: 0 }, b: { [amd]: 3 } } }), {
    verdict: 'at-risk',
    copies,
  })
  const off = await reportOn({ nodes: { a: { [amd]: 0 }, b: null } })
  t.match(off, { verdict: 'at-risk', standings: { a: 'here' }, copies })
  t.strictSame(
    off.report.nodes.map(({ name, isHeard }) => [name, isHeard]),
    [
      ['a', true],
      ['b', false],
    ],
  )
})

t.test('what nobody holds does not start, and is told', async t => {
  const nodes = { a: { [amd]: 1 }, b: { [amd]: 1 } }
  const made = await reportOn({ nodes, gaps: { [`new ${amd}`]: [gap], [`old ${amd}`]: [gap] } })
  t.match(made, {
    verdict: 'not-ready',
    standings: { a: 'lacking', b: 'lacking' },
    gaps: [gap],
    older: undefined,
  })
})

t.test('an earlier image that can be had is what starts, and a risk', async t => {
  const nodes = { a: { [amd]: 1 }, b: { [amd]: 1 } }
  const made = await reportOn({ nodes, gaps: { [`new ${amd}`]: [gap] } })
  t.match(made, { verdict: 'at-risk', standings: { a: 'older', b: 'older' }, older: before })
  const pinned = await reportOn({ nodes, gaps: { [`new ${amd}`]: [gap] } }, wanted('a', [newest]))
  t.match(pinned, { verdict: 'not-ready' }, 'a pin is answered with nothing else')
})

t.test('a node answers with what its own ledger knows alone', async t => {
  const nodes = { a: { [amd]: 0 }, b: { [amd]: 0 }, c: { [amd]: 1 } }
  const knows = { b: [], c: [before] }
  t.match(await reportOn({ nodes, knows }), {
    verdict: 'not-ready',
    standings: { a: 'here', b: 'unaware', c: 'older' },
    copies: [{ held: 2, wanted: 2 }],
  })
  const gaps = { [`new ${amd}`]: [gap] }
  t.match(await reportOn({ nodes: { a: { [amd]: 1 } }, knows: { a: [newest] }, gaps }), {
    standings: { a: 'lacking' },
    older: undefined,
  })
})

t.test('platforms are judged and counted apart', async t => {
  const nodes = { a: { [amd]: 0 }, b: { [amd]: 0 }, c: { [arm]: 2 } }
  t.match(await reportOn({ nodes, gaps: { [`new ${arm}`]: [gap], [`old ${arm}`]: [gap] } }), {
    verdict: 'not-ready',
    standings: { a: 'here', b: 'here', c: 'lacking' },
    copies: [
      { platform: amd, held: 2, wanted: 2 },
      { platform: arm, held: 0, wanted: 1 },
    ],
  })
  const both = { a: { [amd]: 0, [arm]: 2 } }
  t.match(
    await reportOn({ nodes: both, gaps: { [`new ${arm}`]: [gap], [`old ${arm}`]: [gap] } }),
    { standings: { a: 'lacking' } },
    'a node with clients of two is as well off as the worse of them',
  )
})

t.test(
  'an image that is for no client of a node is no fault there, unless it is for nobody',
  async t => {
    const nodes = { a: { [amd]: 0 }, c: { [arm]: undefined } }
    t.match(await reportOn({ nodes, gaps: { [`new ${arm}`]: undefined } }), {
      verdict: 'ready',
      standings: { a: 'here', c: 'not-for' },
      copies: [{ platform: amd, held: 1, wanted: 1 }],
    })
    t.match(
      await reportOn({ nodes: { c: { [arm]: undefined } }, gaps: { [`new ${arm}`]: undefined } }),
      {
        verdict: 'not-ready',
      },
    )
  },
)

t.test('who holds its config says what an image is for; who holds nothing cannot know', async t => {
  const nodes = { a: { [amd]: 4 }, b: { [arm]: 0 } }
  const gaps = { [`new ${amd}`]: [], [`new ${arm}`]: [] }
  t.match(await reportOn({ nodes, gaps }), {
    standings: { a: 'in-reach', b: 'here' },
    copies: [
      { platform: amd, held: 0, wanted: 1 },
      { platform: arm, held: 1, wanted: 1 },
    ],
  })
  t.match(await reportOn({ nodes, gaps, madeFor: { b: arm } }), {
    verdict: 'ready',
    standings: { a: 'not-for', b: 'here' },
    copies: [{ platform: arm, held: 1, wanted: 1 }],
  })
  const one = { a: { [amd]: 4 } }
  t.match(await reportOn({ nodes: one, gaps, madeFor: { a: arm } }), {
    verdict: 'not-ready',
    standings: { a: 'not-for' },
    copies: [],
  })
  t.match(
    await reportOn({ nodes: one, gaps, madeFor: { a: 'linux/386' } }),
    { standings: { a: 'in-reach' } },
    'which runs there',
  )
  t.match(
    await reportOn({ nodes: one, gaps, madeFor: { a: 'a later word' } }),
    { standings: { a: 'in-reach' } },
    'what cannot be read may be for anybody',
  )
})

t.test('one node may be judged alone; copies count on all', async t => {
  const nodes = { a: { [amd]: 0 }, b: { [amd]: 0 } }
  const isB = ({ name }: ReportingNode) => name === 'b'
  t.match(await reportOn({ nodes }, wanted('a'), isB), {
    standings: { a: undefined, b: 'here' },
    copies: [{ held: 2, wanted: 2 }],
    holders: ['a', 'b'],
  })
  const thin = { a: { [amd]: 0 }, b: { [amd]: 3 }, c: null }
  t.strictSame((await reportOn({ nodes: thin }, wanted('a'), isB)).holders, ['a'])
})

t.test('a node whose store is full is told', async t => {
  const nodes = { a: { [amd]: 0 }, b: { [amd]: 3 }, c: null }
  const { report } = await reportOn({ nodes, full: ['b', 'c'] })
  t.strictSame(
    report.nodes.map(({ isFull }) => isFull),
    [false, true, false],
  )
})

t.test('where there is no room for it is told, of nodes that lack some of it', async t => {
  const room = (quotaBytes: number, fitsBytes?: number): ToldRoom => ({ quotaBytes, fitsBytes })
  const nodes = {
    holds: { [amd]: 0 },
    wide: { [amd]: 3 },
    small: { [amd]: 3 },
    busy: { [amd]: 3 },
    both: { [amd]: 3, [arm]: 3 },
    before: { [amd]: 3 },
    other: { [arm]: 3 },
    away: null,
  }
  const rooms = {
    holds: room(40),
    wide: room(60, 60),
    small: room(59),
    busy: room(200, 59),
    both: room(119),
    other: room(10),
  }
  const gaps = { [`new ${arm}`]: undefined }
  const world = { nodes, rooms, full: ['before'], size: 60 }
  const { noRoom } = await reportOn({ ...world, gaps })
  t.strictSame(Object.fromEntries(noRoom), {
    small: { why: 'quota', quotaBytes: 59, bytes: 60 },
    busy: { why: 'full', quotaBytes: 200, bytes: 60 },
    both: { why: 'quota', quotaBytes: 119, bytes: 120 },
    before: { why: 'full', quotaBytes: undefined, bytes: 60 },
  })
  const unknown = await reportOn(
    {
      nodes: { none: { [amd]: 0 }, some: { [amd]: 0 } },
      rooms: { none: room(200, 0), some: room(200, 1) },
    },
    wanted('a', []),
  )
  t.strictSame([...unknown.noRoom.keys()], ['none'], 'of one that nobody knows')
})

t.test('while a node that is judged does not answer nothing is ready', async t => {
  const nodes = { a: { [amd]: 0 }, b: { [amd]: 0 }, c: null }
  const { report, verdict } = await reportOn({ nodes })
  t.equal(verdict, 'ready', 'where it was looked it starts')
  t.equal(report.verdict, 'at-risk')
  const others = await reportOn({ nodes }, wanted('a'), ({ name }) => name !== 'c')
  t.equal(others.report.verdict, 'ready', 'it was not asked about')
})

t.test('a tag of which nothing is known is not ready, and so is an empty report', async t => {
  t.match(await reportOn({ nodes: { a: { [amd]: 0 } } }, wanted('a', [])), {
    verdict: 'not-ready',
    standings: { a: 'unaware' },
    copies: [],
  })
  const make = createOfflineReport(
    { nodes: () => [], survey: async () => undefined, findGaps: async () => [], sizeOf: () => 0 },
    { copies: 2 },
  )
  t.equal((await make([], { signal })).verdict, 'not-ready')
})

/** Of each referrer by its type: how many nodes hold it, of how many that should. */
const heldOf = ({ referrers }: Awaited<ReturnType<typeof reportOn>>) =>
  Object.fromEntries(referrers.map(one => [one.artifactType, `${one.held} of ${one.wanted}`]))

t.test('what refers to an image is told with who holds it, and changes no verdict', async t => {
  const nodes = { a: { [amd]: 0 }, b: { [amd]: 0 }, c: { [amd]: 0 } }
  const referrers = { a: { sig: true, sbom: true, torn: false }, b: { sig: true, torn: false } }
  const made = await reportOn({ nodes, referrers })
  t.strictSame(heldOf(made), { sig: '2 of 2', sbom: '1 of 2', torn: '0 of 2' })
  t.match(made, { verdict: 'ready', moreReferrers: 0 })
  t.match(await reportOn({ nodes }), { referrers: [], moreReferrers: 0 })
})

t.test('nodes that say nothing of referrers are not missed', async t => {
  const nodes = { a: { [amd]: 0 }, b: { [amd]: 0 }, c: null }
  t.strictSame(heldOf(await reportOn({ nodes, referrers: { a: { sig: true }, b: null } })), {
    sig: '1 of 1',
  })
  t.match(await reportOn({ nodes, referrers: { a: null, b: null } }), { referrers: [] })
  const mixed = { a: { [amd]: 0 }, b: { [arm]: undefined }, c: null }
  const gaps = { [`new ${arm}`]: undefined }
  t.strictSame(heldOf(await reportOn({ nodes: mixed, gaps, referrers: { a: { sig: true } } })), {
    sig: '1 of 1',
  })
})

t.test('of many referrers those are told of which every node said whether it has them', async t => {
  const nodes = { a: { [amd]: 0 }, b: { [amd]: 0 } }
  const all = Array.from({ length: 40 }, (_, at) => `${at}`)
  const inOrder = all.toSorted((one, other) => (digest(one) < digest(other) ? -1 : 1))
  const wholeOf = (texts: readonly string[]) => Object.fromEntries(texts.map(one => [one, true]))
  const odd = inOrder.filter((_, at) => at % 2 === 1)
  const made = await reportOn({
    nodes,
    referrers: { a: wholeOf(all), b: wholeOf(odd) },
  })
  t.strictSame(
    made.referrers.map(({ artifactType, held }) => [artifactType, held]),
    inOrder.slice(0, 20).map((text, at) => [text, at % 2 === 1 ? 2 : 1]),
  )
  t.equal(made.moreReferrers, 20)
  const apart = await reportOn({
    nodes,
    referrers: { a: wholeOf(inOrder.slice(0, 30)), b: wholeOf(inOrder.slice(15)) },
  })
  t.equal(apart.moreReferrers, 15, 'at least')
})
