import t from 'tap'
import { Value } from 'typebox/value'
import { problem } from '../../../src/http/admin/shapes.ts'
import {
  forgetAnswer,
  refreshAnswer,
  tagAnswer,
  tagsAnswer,
} from '../../../src/http/admin/tag-contract.ts'
import type { Digest } from '../../../src/oci/digest.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { manifestDigest, resolved } from '../support.ts'
import { keyOf, nowMs, observation, startAdmin } from './support.ts'

t.test('tags come in pages that follow each other', async t => {
  const { ask } = await startAdmin(t)
  const first = await ask('/api/v1/tags?limit=2')
  t.ok(Value.Check(tagsAnswer, first.body))
  t.match(first.body, {
    items: [
      {
        reference: 'reg.lab/lab/app:a',
        digest: manifestDigest,
        source: 'upstream',
        confirmedAt: '2026-11-21T11:59:00.000Z',
        firstSeenAt: '2026-11-21T11:00:00.000Z',
        complete: true,
        pinned: false,
      },
      { reference: 'reg.lab/lab/app:b', pinned: true, pinnedDigest: manifestDigest },
    ],
    next: 'reg.lab/lab/app:b',
  })
  const second = await ask('/api/v1/tags?limit=2&after=reg.lab%2Flab%2Fapp%3Ab')
  t.match(second.body, { items: [{ reference: 'reg.lab/lab/app:c' }] })
  t.notOk('next' in (second.body as object))
})

t.test('what is looked for reaches the search', async t => {
  const searches: unknown[] = []
  const { ask } = await startAdmin(t, {
    async findTags(...search) {
      searches.push(search)
      return { tags: [], next: 'reg.lab/lab/app:z' }
    },
  })
  const narrow = await ask(
    '/api/v1/tags?registry=reg.lab&repository=lab%2Fapp&prefix=reg.lab%2Fl&contains=app&staleForSeconds=60&incomplete=true&source=import&after=a&limit=5',
  )
  t.ok(Value.Check(tagsAnswer, narrow.body))
  t.match(narrow.body, { items: [], next: 'reg.lab/lab/app:z' }, 'there may be more')
  await ask('/api/v1/tags')
  t.same(searches, [
    [
      {
        registry: 'reg.lab',
        repository: 'lab/app',
        prefix: 'reg.lab/l',
        contains: 'app',
        source: 'import',
        confirmedBeforeMs: nowMs - 60_000,
        isIncomplete: true,
      },
      { after: 'a', limit: 5 },
    ],
    [
      { confirmedBeforeMs: undefined, isIncomplete: false },
      { after: undefined, limit: 100 },
    ],
  ])
})

t.test('a search that makes no sense is told so', async t => {
  const { ask } = await startAdmin(t)
  for (const query of ['staleForSeconds=-1', 'staleForSeconds=7d', 'source=peer', 'incomplete=x']) {
    const got = await ask(`/api/v1/tags?${query}`)
    t.equal(got.status, 400, query)
    t.ok(Value.Check(problem, got.body))
  }
})

const bad = `sha256:${'e'.repeat(64)}` as Digest
const older = `sha256:${'b'.repeat(64)}` as Digest
const path = '/api/v1/tags/reg.lab%2Flab%2Fapp%3Aa'

t.test('a tag is explained: what is answered, what is known, what is held and by whom', async t => {
  const asked: unknown[] = []
  const { ask } = await startAdmin(t, {
    resolveTag: async (key, options) => {
      asked.push([key, options.asking])
      return resolved({ key, digest: older, steps: [{ rung: 'pin', outcome: 'no pin' }] })
    },
    ledger: {
      live: () => observation,
      pin: () => undefined,
      stats: () => t.fail() as never,
      countTags: () => t.fail() as never,
      trustedNowMs: () => nowMs,
    },
    blockedAnswers: {
      tagsOf: async () => [],
      history: () => [
        { ...observation, digest: bad },
        observation,
        { ...observation, digest: older, source: 'import' },
      ],
    },
    pinBook: {
      get: key => ({
        key,
        standing: 'removed',
        target: undefined,
        stamp: { wallMs: nowMs, counter: 0 },
        origin: 'ab'.repeat(32),
        note: undefined,
        author: 'u',
        expiresAtMs: undefined,
      }),
      history: () => [],
      list: () => [],
      each: () => [],
      isBlocked: digest => digest === bad,
    },
    isComplete: digest => digest === older,
    platforms: () => [{ os: 'linux', architecture: 'amd64' }],
    platformStates(target, wanted) {
      asked.push([target, wanted.length])
      return [
        {
          platform: 'linux/amd64',
          isWanted: true,
          state: 'incomplete',
          manifest: undefined,
          missing: [{ digest: target, kind: 'manifest', size: undefined }],
        },
      ]
    },
    imageHolders: async target => {
      asked.push(target)
      return [{ id: 'cd'.repeat(32), holds: 2, of: 3 }]
    },
    resolutions: {
      find: filter => {
        asked.push(filter)
        return [
          {
            firstAtMs: nowMs - 1000,
            lastAtMs: nowMs,
            count: 3,
            reference: 'reg.lab/lab/app:a',
            digest: undefined,
            source: 'none',
            reason: 'nothing was known',
            saidBy: undefined,
          },
        ]
      },
    },
  })
  const { body } = await ask(path)
  t.ok(Value.Check(tagAnswer, body))
  t.match(body, {
    reference: 'reg.lab/lab/app:a',
    live: { digest: manifestDigest, source: 'upstream', saidBy: 'aa', complete: false },
    history: [
      { digest: bad, blocked: true },
      { digest: older, source: 'import', complete: true, blocked: false },
    ],
    pin: { standing: 'removed', author: 'u' },
    digest: manifestDigest,
    platforms: [{ state: 'incomplete', wanted: true, missing: [{ kind: 'manifest' }] }],
    holders: [{ id: 'cd'.repeat(32), holds: 2, of: 3 }],
    resolution: { found: true, digest: older, steps: [{ rung: 'pin' }] },
    answers: [{ reason: 'nothing was known', count: 3 }],
  })
  t.equal((body as { history: unknown[] }).history.length, 2, 'the newest is not told twice')
  t.match(asked, [
    [keyOf('a'), 'explain'],
    [manifestDigest, 1],
    manifestDigest,
    { reference: 'reg.lab/lab/app:a', limit: 5 },
  ])
})

t.test('the platforms and holders of a pinned tag are those of its pin', async t => {
  const { ask } = await startAdmin(t, {
    ledger: {
      live: () => observation,
      pin: () => ({
        ...observation,
        digest: older,
        note: undefined,
        author: undefined,
        expiresAtMs: undefined,
      }),
      stats: () => t.fail() as never,
      countTags: () => t.fail() as never,
      trustedNowMs: () => nowMs,
    },
  })
  t.match((await ask(path)).body, { digest: older, live: { digest: manifestDigest } })
})

t.test('a tag that nobody knows is explained as well', async t => {
  const { ask } = await startAdmin(t, {
    resolveTag: async key => ({
      found: false,
      key,
      reason: 'the tag was never seen',
      failure: 'unreachable',
      steps: [],
    }),
    platformStates: () => t.fail('there is nothing to look for') as never,
  })
  const { status, body } = await ask(path)
  t.equal(status, 200)
  t.ok(Value.Check(tagAnswer, body))
  t.match(body, { history: [], holders: [], resolution: { found: false, failure: 'unreachable' } })
  for (const name of [`nginx%40${manifestDigest}`, 'UPPER', '%3A']) {
    const got = await ask(`/api/v1/tags/${name}`)
    t.equal(got.status, 400, name)
    t.ok(Value.Check(problem, got.body))
  }
})

const refreshed = {
  outcome: 'moved',
  before: older,
  after: manifestDigest,
  reason: 'the registry said so just now',
  failure: undefined,
  saidBy: 'https://reg.lab',
  tookMs: 12,
} as const

t.test('a tag is refreshed for who may write, and noted', async t => {
  const noted: AuditEntry[] = []
  const { ask } = await startAdmin(t, {
    refreshTag: async key => (key.tag === 'a' ? refreshed : { ...refreshed, outcome: 'not-asked' }),
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const moved = await ask(`${path}/refresh`, { method: 'POST' })
  t.ok(Value.Check(refreshAnswer, moved.body))
  t.match(moved.body, { outcome: 'moved', before: older, after: manifestDigest, tookMs: 12 })
  const refused = await ask('/api/v1/tags/nginx/refresh', { method: 'POST' })
  t.equal(refused.status, 409)
  t.ok(Value.Check(problem, refused.body))
  t.match(
    noted.map(({ operation, subject, status, before, after }) => ({
      operation,
      subject,
      status,
      before,
      after,
    })),
    [
      {
        operation: 'refreshTag',
        subject: 'reg.lab/lab/app:a',
        status: 200,
        before: { digest: older },
        after: { digest: manifestDigest },
      },
      { subject: 'docker.io/library/nginx:latest', status: 409, before: undefined },
    ],
  )
})

t.test('a tag is forgotten for who saw what is there, and noted', async t => {
  const noted: AuditEntry[] = []
  const asked: unknown[] = []
  let live: typeof observation | undefined = observation
  const { ask, token } = await startAdmin(t, {
    ledger: {
      live: () => live,
      pin: () => undefined,
      stats: () => t.fail() as never,
      countTags: () => t.fail() as never,
      trustedNowMs: () => nowMs,
    },
    async forgetTag(key, { check, author, copies }) {
      check(live)
      asked.push([key, author, copies])
      return { before: live, stored: { nodes: 1, members: 2, away: 0 } }
    },
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const version = (await ask(path)).headers['etag'] as string
  t.equal(version, '"1.0.aa"')
  const forget = (ifMatch: string) =>
    ask(`${path}?copies=2`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}`, 'if-match': ifMatch },
    })
  const stale = await forget('"other"')
  t.equal(stale.status, 412)
  t.ok(Value.Check(problem, stale.body))
  t.strictSame(asked, [])
  const done = await forget(version)
  t.ok(Value.Check(forgetAnswer, done.body))
  t.match(done.body, { forgotten: manifestDigest, storedOn: { nodes: 1, members: 2, away: 0 } })
  t.strictSame(asked, [[keyOf('a'), 'token 1', 2]])
  live = undefined
  t.equal((await forget('*')).status, 404, 'there is nothing more to forget')
  t.equal((await ask(path)).headers['etag'], undefined)
  t.match(
    noted.map(({ operation, status, before, after }) => [operation, status, before, after]),
    [
      ['forgetTag', 412, undefined, undefined],
      ['forgetTag', 200, { digest: manifestDigest }, undefined],
      ['forgetTag', 404, undefined, undefined],
    ],
  )
})
