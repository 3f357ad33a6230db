import t from 'tap'
import { Value } from 'typebox/value'
import { ProblemError } from '../../../src/http/admin/problem.ts'
import { createNodeWhy } from '../../../src/http/admin/why.ts'
import { nodeWhyAnswer, whyOperation } from '../../../src/http/admin/why-contract.ts'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import { formatTag } from '../../../src/oci/reference.ts'
import type { Member } from '../../../src/ports/members.ts'
import type { ResolutionEntry } from '../../../src/ports/resolution-log.ts'
import { madeUpNode, selfId } from './node-support.ts'
import { startAdmin } from './support.ts'

const d = (text: string) => digestOf(Buffer.from(text))
const hour = 3_600_000
const startMs = Date.parse('2026-11-20T03:00:00Z')
const web = 'docker.io/library/web:1'
const fixed = `docker.io/library/web@${d('new')}`

const line = (digest: Digest | undefined, atMs: number): ResolutionEntry => ({
  firstAtMs: atMs,
  lastAtMs: atMs,
  count: 1,
  reference: web,
  digest,
  source: digest === undefined ? 'none' : 'upstream',
  reason: 'said so',
  saidBy: selfId,
})

/** A node that gave these answers, the newest first, and whose pod `web-0` was made an hour after `startMs`. */
function nodeOf(
  lines: readonly ResolutionEntry[],
  digest: Digest | 'none' = d('old'),
  made: { readonly madeMs?: number } = {},
) {
  const looks: string[] = []
  const why = createNodeWhy({
    pods: {
      state: () => ({ state: 'seen', failure: undefined }),
      look: async () => void looks.push('look'),
      containers: () => [
        {
          namespace: 'default',
          pod: 'web-0',
          container: 'main',
          images: [web, fixed],
          digest: digest === 'none' ? undefined : digest,
          firstMs: startMs + hour,
          ...made,
          lastMs: startMs + 2 * hour,
          unseenMs: 0,
        },
      ],
    },
    resolutions: {
      find: ({ reference, atMs = Number.POSITIVE_INFINITY, limit }) =>
        lines.filter(one => one.reference === reference && one.firstAtMs <= atMs).slice(0, limit),
    },
    resolution: async key => ({ found: true, digest: d(`now ${formatTag(key)}`), reason: 'now' }),
    nameOf: id => (id === selfId ? 'bridge' : undefined),
  })
  return { why, looks, node: madeUpNode({ why }, 'bridge') }
}

t.test('a container is told with the answer that it was made by', async t => {
  const lines = [
    line(d('new'), startMs + 2 * hour),
    line(undefined, startMs + hour - 1_000),
    line(d('old'), startMs),
  ]
  const { why, looks } = nodeOf(lines)
  const told = await why({ subject: 'default/web-0', limit: 20 })
  t.match(told, { isPod: true, pods: { state: 'seen' }, resolutions: [] })
  t.match(told.containers, [
    {
      running: true,
      firstAt: '2026-11-20T04:00:00.000Z',
      digest: d('old'),
      images: [
        {
          reference: web,
          answered: { digest: d('old'), saidByName: 'bridge' },
          now: { digest: d(`now ${web}`) },
        },
        { reference: fixed, answered: undefined, now: undefined },
      ],
    },
  ])
  t.strictSame(looks, ['look'])
})

t.test('one of a pod that was made anew is told with the answer to that', async t => {
  const lines = [
    { ...line(d('old'), startMs + 2 * hour), reason: 'again' },
    line(d('old'), startMs),
  ]
  const { why } = nodeOf(lines, d('old'), { madeMs: startMs + 2 * hour })
  const first = async (at?: string) =>
    (await why({ subject: 'web-0', limit: 20, ...(at !== undefined && { at }) })).containers[0]
  t.match(await first(), {
    firstAt: '2026-11-20T04:00:00.000Z',
    madeAt: '2026-11-20T05:00:00.000Z',
    images: [{ answered: { reason: 'again' } }, {}],
  })
  const before = await first('2026-11-20T04:30:00Z')
  t.match(before, { images: [{ answered: { reason: 'said so' } }, {}] }, 'and nothing of after')
})

t.test('what runs was never answered: the last answer before is told, and none after', async t => {
  const { why } = nodeOf([line(d('new'), startMs + 2 * hour), line(d('other'), startMs)])
  const [container] = (await why({ subject: 'web-0', limit: 20 })).containers
  t.match(container?.images[0], { answered: { digest: d('other') } })
  const later = nodeOf([line(d('new'), startMs + 2 * hour)])
  const [alone] = (await later.why({ subject: 'web-0', limit: 20 })).containers
  t.equal(alone?.images[0]?.answered, undefined)
  const unknown = nodeOf([line(undefined, startMs)], 'none')
  const [lost] = (await unknown.why({ subject: 'web-0', limit: 20 })).containers
  t.match(lost, { digest: undefined, images: [{ answered: { source: 'none' } }, {}] })
})

t.test('of a tag the answers are told, and what runs it; at a time those before', async t => {
  const { why, looks } = nodeOf([line(d('new'), startMs + 2 * hour), line(d('old'), startMs)])
  t.match(await why({ subject: 'web:1', limit: 20 }), {
    isPod: false,
    containers: [{ pod: 'web-0' }],
    resolutions: [{ digest: d('new') }, { digest: d('old') }],
  })
  t.equal((await why({ subject: 'web:1', limit: 1 })).resolutions.length, 1)
  const at = '2026-11-20T03:30:00Z'
  const then = await why({ subject: 'web:1', at, limit: 20 })
  t.match(then, { containers: [], resolutions: [{ digest: d('old') }] })
  t.equal(looks.length, 2, 'what runs now matters to nobody who asks for then')
  t.match(await why({ subject: fixed, limit: 20 }), { containers: [{}], resolutions: [] })
})

t.test('any node tells of all, and of whom it could not ask', async t => {
  const { node } = nodeOf([line(d('old'), startMs)])
  const member = (name: string, state = 'alive') => ({ id: `${name}0`, name, state }) as Member
  const asked: unknown[] = []
  const { ask } = await startAdmin(t, {
    node: {
      ...node,
      nodes: {
        ...node.nodes,
        members: () => [member('galley'), member('hold'), member('lost', 'gone')],
      },
      async ask({ name }, _operation, { query }) {
        asked.push(query)
        if (name !== 'galley') throw new ProblemError(503, `${name} is silent`)
        const { why } = nodeOf([])
        return { node: name, asOf: '2026-11-20T03:00:00.000Z', ...(await why(query as never)) }
      },
    },
  })
  const { status, body } = await ask('/api/v1/why?subject=web:1&limit=3')
  t.equal(status, 200)
  t.ok(Value.Check(whyOperation.answer, body))
  t.match(body, {
    nodes: [
      { node: 'bridge', resolutions: [{ digest: d('old') }] },
      { node: 'galley', resolutions: [] },
    ],
    silent: [
      { node: 'hold', detail: 'hold is silent' },
      { node: 'lost', detail: 'lost is silent' },
    ],
  })
  t.strictSame(asked, [
    { subject: 'web:1', limit: 3 },
    { subject: 'web:1', limit: 3 },
    { subject: 'web:1', limit: 3 },
  ])
  const own = await ask('/api/v1/nodes/self/why?subject=web-0')
  t.ok(Value.Check(nodeWhyAnswer, own.body))
  t.match(own.body, { isPod: true })
  for (const bad of ['', '?subject=', '?subject=:::', '?subject=a&at=never']) {
    t.equal((await ask(`/api/v1/why${bad}`)).status, 400, bad)
  }
})
