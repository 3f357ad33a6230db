import t from 'tap'
import type { OfflineReport } from '../../../src/keep/offline-report.ts'
import type { RegistryReach } from '../../../src/keep/registry-reach.ts'
import type { WantedImage } from '../../../src/keep/wanted-images.ts'
import type { Member } from '../../../src/ports/members.ts'
import { manifestDigest } from '../support.ts'
import { madeUpNode } from './node-support.ts'
import { keyOf, nowMs, startAdmin } from './support.ts'

const wanted = (tag: string, why: WantedImage['why'] = 'keep'): WantedImage => ({
  key: keyOf(tag),
  why,
  isPinned: tag === 'b',
  digests: tag === 'unknown' ? [] : [manifestDigest],
  confirmedAtMs: tag === 'unknown' ? undefined : nowMs - 60_000,
})

const kept = ['a', 'b', 'c'].map(tag => wanted(tag))

/** A mesh of two where everything is held by one. */
function start(
  t: Parameters<typeof startAdmin>[0],
  reach: RegistryReach = { state: 'answers', forMs: 5_000 },
) {
  const reaches = new Map([['reg.lab', reach]])
  const asked: { images: readonly WantedImage[]; judged: readonly string[] }[] = []
  const nodes = ['van-1', 'van-2'].map((name, at) => ({
    id: `${at}a`.repeat(32),
    name,
    platforms: ['linux/amd64'],
    isHeard: at === 0,
    isFull: at === 1,
    room: undefined,
    reaches: at === 0 ? reaches : new Map<string, RegistryReach>(),
  }))
  const [self, other] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
  const members = () => [{ ...other, state: 'alive' } as unknown as Member]
  return startAdmin(t, {
    node: { ...madeUpNode(), nodes: { self, members } },
    report: {
      copies: 2,
      cutOff: () => 'it is banned',
      keepSet: async limit => kept.slice(0, limit),
      emptyKeeps: images =>
        images.length === kept.length
          ? [
              { pattern: 'reg.lab/none/**', isSaid: true },
              { pattern: 'reg.lab/fleet/**', isSaid: false },
            ]
          : [],
      isKept: ({ tag }) => tag === 'a',
      named: (key, why = 'named') => wanted(key.tag ?? 'digest', why),
      running: async () => ({
        images: [
          { name: 'reg.lab/lab/app:a', digests: [manifestDigest], nodes: [self.id] },
          { name: 'reg.lab/lab/app:b', digests: [manifestDigest], nodes: [self.id, other.id] },
          {
            name: `reg.lab/lab/app@${manifestDigest}`,
            digests: [manifestDigest],
            nodes: [self.id],
          },
        ],
        nodes: [
          { id: self.id, name: 'van-1', state: 'seen', failure: undefined },
          { id: other.id, name: 'van-2', state: 'unseen', failure: 'no containerd' },
        ],
      }),
      async make(images, { only = () => true }): Promise<OfflineReport> {
        const judged = nodes.filter(only)
        asked.push({ images, judged: judged.map(({ name }) => name) })
        return {
          verdict: 'at-risk',
          nodes,
          images: images.map(image => ({
            wanted: image,
            verdict: image.digests.length === 0 ? 'not-ready' : 'at-risk',
            standings: new Map(judged.map(({ id }) => [id, 'here'])),
            copies: [{ platform: 'linux/amd64', held: 1, wanted: 2 }],
            holders: [self.id],
            noRoom: new Map([[other.id, { why: 'quota', quotaBytes: 40, bytes: 60 }]]),
            gaps: [{ digest: manifestDigest, kind: 'blob', size: undefined }],
            older: undefined,
            referrers: [{ digest: manifestDigest, artifactType: 'a/sig', held: 0, wanted: 2 }],
            moreReferrers: 1,
          })),
        }
      },
    },
  }).then(admin => ({ ...admin, asked }))
}

t.test('the keep set is what a report is about', async t => {
  const { ask } = await start(t)
  const { status, body } = await ask('/api/v1/report')
  t.equal(status, 200)
  t.match(body, {
    node: 'van-1',
    asOf: '2026-11-21T12:00:00.000Z',
    verdict: 'at-risk',
    counts: { ready: 0, atRisk: 3, notReady: 0, unmetKeeps: 1 },
    truncated: false,
    cutOff: 'it is banned',
    emptyKeeps: ['reg.lab/none/**', 'reg.lab/fleet/**'],
    nodes: [
      { name: 'van-1', heard: true, full: false },
      { name: 'van-2', heard: false, full: true },
    ],
    items: [
      {
        reference: 'reg.lab/lab/app:a',
        why: 'keep',
        digest: manifestDigest,
        confirmedAt: '2026-11-21T11:59:00.000Z',
        standings: [
          { node: 'van-1', standing: 'here' },
          { node: 'van-2', standing: 'here' },
        ],
        copies: [{ platform: 'linux/amd64', held: 1, wanted: 2 }],
        holders: ['van-1'],
        noRoom: [{ node: 'van-2', why: 'quota', quotaBytes: 40, bytes: 60 }],
        missing: [{ digest: manifestDigest, kind: 'blob' }],
        referrers: [{ digest: manifestDigest, artifactType: 'a/sig', held: 0, wanted: 2 }],
        moreReferrers: 1,
      },
      {},
      {},
    ],
  })
  t.match(await ask('/api/v1/report?limit=2'), {
    body: { truncated: true, emptyKeeps: [], items: [{}, {}] },
  })
})

t.test(
  'what an operator keeps and nothing fits is a risk, and what a configuration does is not',
  async t => {
    for (const [isSaid, verdict, unmetKeeps] of [
      [true, 'at-risk', 1],
      [false, 'ready', 0],
    ] as const) {
      const { ask } = await startAdmin(t, {
        report: {
          copies: 2,
          cutOff: () => undefined,
          keepSet: async () => [],
          emptyKeeps: () => [{ pattern: 'reg.lab/none/**', isSaid }],
          isKept: () => true,
          named: key => wanted(key.tag ?? ''),
          running: async () => ({ images: [], nodes: [] }),
          make: async () => ({ verdict: 'ready', nodes: [], images: [] }),
        },
      })
      t.match((await ask('/api/v1/report')).body, { verdict, counts: { unmetKeeps } })
      t.match((await ask('/api/v1/report?ref=reg.lab/lab/app:a')).body, { verdict: 'ready' })
    }
  },
)

t.test(
  'whether registries can be reached is told, and the job that fetches what is not ready',
  async t => {
    const { ask } = await start(t)
    t.match((await ask('/api/v1/report')).body, {
      items: [{ pinned: false }, { pinned: true }, { pinned: false }],
      registries: [
        {
          registry: 'reg.lab',
          nodes: [{ node: 'van-1', state: 'answers', answeredAt: '2026-11-21T11:59:55.000Z' }],
        },
      ],
    })
    const unknown = '/api/v1/report?ref=reg.lab/lab/app:unknown'
    t.match((await ask(unknown)).body, {
      mend: {
        job: {
          images: ['reg.lab/lab/app:unknown'],
          nodes: ['0a'.repeat(32)],
          referrers: true,
        },
        bytes: 0,
        unsized: 1,
        leftOut: 0,
      },
    })
    const down = await start(t, { state: 'down', forMs: 90_000 })
    const { body } = await down.ask(unknown)
    t.match(body, {
      registries: [{ nodes: [{ state: 'down', downSince: '2026-11-21T11:58:30.000Z' }] }],
    })
    t.notMatch(body, { mend: {} }, 'no node has what is missing')
  },
)

t.test('tags that are named are looked at, each once', async t => {
  const { ask, asked } = await start(t)
  const { body } = await ask(
    '/api/v1/report?ref=reg.lab/lab/app:a&ref=reg.lab/lab/app:a&ref=reg.lab/lab/app:unknown',
  )
  t.match(body, {
    items: [
      { why: 'named', kept: true },
      { verdict: 'not-ready', kept: false, digest: undefined, confirmedAt: undefined },
    ],
    counts: { atRisk: 1, notReady: 1 },
  })
  t.equal(asked[0]?.images.length, 2)
  t.match(await ask('/api/v1/report?ref=:::'), { status: 400 })
})

t.test('one node is judged by its name or its id; a name that nobody has is told', async t => {
  const { ask, asked } = await start(t)
  t.match(await ask('/api/v1/report?node=van-2'), { body: { nodes: [{ name: 'van-2' }] } })
  t.match(await ask(`/api/v1/report?node=${'0a'.repeat(32)}`), {
    body: { nodes: [{ name: 'van-1' }], items: [{ standings: [{ node: 'van-1' }] }, {}, {}] },
  })
  t.strictSame(
    asked.map(({ judged }) => judged),
    [['van-2'], ['van-1']],
  )
  t.match(await ask('/api/v1/report?node=van-2,self'), {
    body: { nodes: [{ name: 'van-1' }, { name: 'van-2' }] },
  })
  t.match(await ask('/api/v1/report?node=van-9'), {
    status: 404,
    body: { detail: /van-9.*van-1, van-2/ },
  })
  t.match(await ask('/api/v1/report?node=self'), { body: { nodes: [{ name: 'van-1' }] } })
})

t.test('what runs is looked at, on one node or on all', async t => {
  const { ask, asked } = await start(t)
  t.match(await ask('/api/v1/report?running=true'), {
    body: {
      items: [{ why: 'running' }, { why: 'running' }, { why: 'running' }],
      pods: [
        { name: 'van-1', state: 'seen' },
        { name: 'van-2', state: 'unseen', failure: 'no containerd' },
      ],
    },
  })
  t.match(await ask('/api/v1/report?running=true&node=van-2'), {
    body: { items: [{ reference: 'reg.lab/lab/app:b' }], pods: [{ name: 'van-2' }] },
  })
  t.strictSame(
    asked.map(({ images }) => images.length),
    [3, 1],
  )
  t.match(await ask('/api/v1/report?running=true&limit=2'), {
    body: { truncated: true, items: [{}, {}] },
  })
  t.match(await ask('/api/v1/report?running=true&ref=a:1'), { status: 400 })
})
