import t from 'tap'
import { Value } from 'typebox/value'
import {
  auditAnswer,
  pinAnswer,
  pinChangeAnswer,
  pinRemovalAnswer,
  pinsAnswer,
} from '../../../src/http/admin/pin-contract.ts'
import { problem } from '../../../src/http/admin/shapes.ts'
import { Refusal } from '../../../src/keep/operator-word.ts'
import type { Pins, PinTerms, PinWish } from '../../../src/keep/pins.ts'
import type { Digest } from '../../../src/oci/digest.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { HoldfastError } from '../../../src/ports/errors.ts'
import type { Member } from '../../../src/ports/members.ts'
import type { PinState } from '../../../src/ports/pin-book.ts'
import { manifestDigest } from '../support.ts'
import { madeUpNode } from './node-support.ts'
import { keyOf, nowMs, observation, startAdmin } from './support.ts'

const { mediaType, size } = observation
const state: PinState = {
  key: keyOf('a'),
  standing: 'in-force',
  target: { digest: manifestDigest, mediaType, size },
  stamp: { wallMs: nowMs, counter: 3 },
  origin: 'ab'.repeat(32),
  note: 'n',
  author: undefined,
  expiresAtMs: nowMs + 1_000,
}
const path = '/api/v1/pins/reg.lab%2Flab%2Fapp%3Aa'
const version = `${nowMs}.3.abababab`

/** An admin API whose pins remember what they were asked for. */
async function start(t: Parameters<typeof startAdmin>[0], standing: PinState | undefined = state) {
  const asked: { wish?: PinWish; author?: string | undefined; terms: PinTerms }[] = []
  const noted: AuditEntry[] = []
  const change = (after: PinState): Awaited<ReturnType<Pins['set']>> => ({
    before: standing,
    after,
    stored: { nodes: 2, members: 3, away: 0 },
    isComplete: true,
    isFetching: false,
    skipped: [],
    basis: { source: 'ledger', isFresh: false, reason: 'it was so', confirmedAtMs: nowMs },
  })
  const admin = await startAdmin(t, {
    pinBook: {
      get: () => standing,
      history: () => [
        {
          atMs: nowMs,
          origin: state.origin,
          digest: undefined,
          note: undefined,
          author: 'u',
          expiresAtMs: undefined,
          isConflict: true,
        },
      ],
      list: (after, limit) =>
        ['a', 'b', 'c']
          .map(tag => ({ ...state, key: keyOf(tag) }))
          .filter(({ key }) => `reg.lab/lab/app:${key.tag}` > after)
          .slice(0, limit),
      each: () => [],
      isBlocked: () => false,
    },
    pins: {
      async set(_, wish, terms) {
        terms.check(standing)
        asked.push({ wish, terms })
        return change(state)
      },
      async remove(_, author, terms) {
        terms.check(standing)
        asked.push({ author, terms })
        return change({ ...state, standing: 'removed', target: undefined })
      },
    },
    audit: {
      note: async entry => void noted.push(entry),
      find: () => noted.map((entry, id) => ({ ...entry, id: id + 1 })),
    },
  })
  return { ...admin, asked, noted }
}

t.test('pins are listed in pages, and one is told with its history', async t => {
  const { ask } = await start(t)
  const first = await ask('/api/v1/pins?limit=2')
  t.ok(Value.Check(pinsAnswer, first.body))
  t.match(first.body, {
    items: [
      {
        reference: 'reg.lab/lab/app:a',
        standing: 'in-force',
        digest: manifestDigest,
        note: 'n',
        setAt: '2026-11-21T12:00:00.000Z',
        expiresAt: '2026-11-21T12:00:01.000Z',
        version,
      },
      {},
    ],
    next: 'reg.lab/lab/app:b',
  })
  const second = await ask('/api/v1/pins?limit=2&after=reg.lab%2Flab%2Fapp%3Ab')
  t.match(second.body, { items: [{ reference: 'reg.lab/lab/app:c' }], next: undefined })
  const one = await ask(path)
  t.ok(Value.Check(pinAnswer, one.body))
  t.equal(one.headers['etag'], `"${version}"`)
  t.match(one.body, { history: [{ author: 'u', conflict: true }] })
})

t.test('a pin in conflict tells with what, and nodes go by their names', async t => {
  const event = { atMs: nowMs, note: undefined, author: 'u', expiresAtMs: undefined }
  const other = `sha256:${'e'.repeat(64)}` as Digest
  const history = [
    { ...event, origin: state.origin, digest: manifestDigest, isConflict: true },
    { ...event, origin: 'cd'.repeat(32), digest: other, isConflict: false },
  ]
  const galley = { id: 'cd'.repeat(32), name: 'galley' } as Member
  const { ask } = await startAdmin(t, {
    pinBook: {
      get: () => state,
      list: () => [state],
      history: () => history,
      each: () => [],
      isBlocked: () => false,
    },
    node: { ...madeUpNode(), nodes: { ...madeUpNode().nodes, members: () => [galley] } },
  })
  const conflict = { setOnName: 'galley', digest: other, author: 'u' }
  const told = { setOnName: 'van-1', conflict }
  const list = await ask('/api/v1/pins')
  t.ok(Value.Check(pinsAnswer, list.body))
  t.match(list.body, { items: [told] })
  t.match((await ask(path)).body, {
    ...told,
    history: [
      {
        setOnName: 'van-1',
        conflict: true,
        conflictsWith: [{ setOnName: 'galley', digest: other }],
      },
      { setOnName: 'galley', conflict: true, conflictsWith: [{ setOnName: 'van-1' }] },
    ],
  })
  t.match((await ask('/api/v1/tags/reg.lab%2Flab%2Fapp%3Aa')).body, { pin: told })
  history.splice(0, 1, { ...history[0], isConflict: false } as (typeof history)[0])
  t.notOk('conflict' in ((await ask(path)).body as object))
})

t.test(
  'a tag that was never pinned has no pin to look at, and one that is none is told',
  async t => {
    const { ask, noted } = await startBare(t)
    t.equal((await ask(path)).status, 404)
    for (const [method, name] of [
      ['GET', `nginx%40${manifestDigest}`],
      ['PUT', 'UPPER'],
      ['DELETE', '%3A'],
    ] as const) {
      const got = await ask(`/api/v1/pins/${name}`, {
        method,
        ...(method === 'PUT' && { body: {} }),
      })
      t.equal(got.status, 400, name)
      t.ok(Value.Check(problem, got.body))
    }
    t.match(
      noted.map(({ operation, status }) => [operation, status]),
      [
        ['putPin', 400],
        ['deletePin', 400],
      ],
      'what was refused is in the audit log as well',
    )
  },
)

const startBare = async (t: Parameters<typeof startAdmin>[0]) => {
  const noted: AuditEntry[] = []
  const audit = { note: async (entry: AuditEntry) => void noted.push(entry), find: () => [] }
  return { ...(await startAdmin(t, { audit })), noted }
}

t.test('a pin is set as it was wished, and noted', async t => {
  const { ask, asked, noted } = await start(t)
  const plain = await ask(path, { method: 'PUT' })
  t.equal(plain.status, 200)
  t.ok(Value.Check(pinChangeAnswer, plain.body))
  t.match(plain.body, {
    complete: true,
    completeHere: true,
    fetching: false,
    restsOn: { source: 'ledger', fresh: false, confirmedAt: '2026-11-21T12:00:00.000Z' },
    storedOn: { nodes: 2, members: 3, away: 0 },
  })
  t.equal(plain.headers['etag'], `"${version}"`)
  t.match(asked[0], {
    wish: { to: 'now', author: 'token 1', allowIncomplete: false },
    terms: { copies: 1 },
  })
  const body = {
    to: manifestDigest,
    note: 'voyage',
    author: 'captain',
    expiresAt: '2026-12-01T00:00:00Z',
    allowIncomplete: true,
  }
  await ask(`${path}?copies=3`, { method: 'PUT', body })
  t.match(asked[1], {
    wish: { ...body, expiresAt: undefined, expiresAtMs: Date.parse('2026-12-01T00:00:00Z') },
    terms: { copies: 3 },
  })
  t.match(noted, [
    {
      atMs: nowMs,
      caller: 'token 1',
      operation: 'putPin',
      subject: 'reg.lab/lab/app:a',
      status: 200,
      before: { digest: manifestDigest },
      after: { digest: manifestDigest },
    },
    { status: 200 },
  ])
  const told = await ask('/api/v1/audit')
  t.ok(Value.Check(auditAnswer, told.body))
  t.match(told.body, { items: [{ caller: 'token 1', operation: 'putPin' }, {}] })
})

t.test('a pin is removed', async t => {
  const { ask, asked } = await start(t)
  const got = await ask(path, { method: 'DELETE' })
  t.ok(Value.Check(pinChangeAnswer, got.body))
  t.match(got.body, { standing: 'removed', changed: true, digest: undefined })
  t.match(got.body, { before: { standing: 'in-force', digest: manifestDigest, setOn: /./ } })
  t.equal(asked[0]?.author, 'token 1')
})

t.test('the type of a body may come without one where none is needed, and not else', async t => {
  const { ask, asked, token } = await start(t)
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  t.match(await ask(path, { method: 'DELETE', headers }), { status: 200 })
  t.equal(asked.length, 1)
  t.match(await ask(path, { method: 'PUT', headers }), {
    status: 400,
    body: { detail: 'the body is empty: send JSON, or leave Content-Type out' },
  })
  t.equal(asked.length, 1)
})

t.test(
  'a pin that is not there is removed, too, and it is told that nothing had to be',
  async t => {
    const stored = { nodes: 1, members: 3, away: 0 }
    for (const [is, standing] of [
      [undefined, 'none'],
      [{ ...state, standing: 'removed', target: undefined } as const, 'removed'],
    ] as const) {
      const { ask, token } = await startAdmin(t, {
        pins: {
          set: () => Promise.reject(new Error('nothing is pinned')),
          async remove(_, __, terms) {
            terms.check(is)
            return {
              before: is,
              after: is,
              stored,
              isComplete: true,
              isFetching: false,
              skipped: [],
            }
          },
        },
      })
      const got = await ask(path, { method: 'DELETE' })
      t.equal(got.status, 200)
      t.ok(Value.Check(pinRemovalAnswer, got.body))
      t.match(got.body, {
        reference: 'reg.lab/lab/app:a',
        standing,
        changed: false,
        storedOn: stored,
      })
      const headers = { 'if-match': '*', authorization: `Bearer ${token}` }
      t.equal((await ask(path, { method: 'DELETE', headers })).status, 412, 'who saw one is told')
    }
  },
)

t.test('who has seen something else changes nothing', async t => {
  const { ask, asked, token } = await start(t)
  const authorization = `Bearer ${token}`
  const put = async (headers: Record<string, string>) =>
    (await ask(path, { method: 'PUT', headers: { ...headers, authorization }, body: {} })).status
  t.equal(await put({ 'if-match': '"other"' }), 412)
  t.equal(await put({ 'if-none-match': '*' }), 412)
  t.equal(await put({ 'if-none-match': `"x", "${version}"` }), 412)
  t.equal(await put({ 'if-none-match': `W/"${version}"` }), 412, 'compared weakly')
  t.equal(await put({ 'if-match': `W/"${version}"` }), 412, 'compared strongly')
  t.equal(asked.length, 0)
  t.equal(await put({ 'if-match': `"other", "${version}"` }), 200)
  t.equal(await put({ 'if-match': '*' }), 200)
  t.equal(await put({ 'if-none-match': '"other"' }), 200)

  const removed = await start(t, { ...state, standing: 'removed', target: undefined })
  const putThere = async (headers: Record<string, string>) =>
    (
      await removed.ask(path, {
        method: 'PUT',
        headers: { ...headers, authorization: `Bearer ${removed.token}` },
        body: {},
      })
    ).status
  t.equal(await putThere({ 'if-none-match': '*' }), 200, 'what was removed is not there')
  t.equal(await putThere({ 'if-match': '*' }), 412)
  t.equal(await putThere({ 'if-match': `"${version}"` }), 200, 'but may be what was seen')
})

t.test('bodies that make no sense are 400 with what is wrong', async t => {
  const { ask, asked, token } = await start(t)
  for (const [body, words] of [
    [{ to: 'sha256:1' }, /neither a digest/],
    [{ to: 5 }, /to/],
    [{ expire: '2026-12-01T00:00:00Z' }, /expire|body/],
    [{ expiresAt: 'tomorrow' }, /expiresAt/],
    [{ note: 'x'.repeat(1_001) }, /note/],
    [[], /body/],
  ] as const) {
    const got = await ask(path, { method: 'PUT', body })
    t.equal(got.status, 400, JSON.stringify(body))
    t.match((got.body as { detail: string }).detail, words)
  }
  t.equal((await ask(`${path}?copies=0`, { method: 'PUT', body: {} })).status, 400)
  const headers = { 'content-type': 'text/plain', authorization: `Bearer ${token}` }
  t.match(await ask(path, { method: 'PUT', body: {}, headers }), {
    status: 415,
    body: { detail: 'send a body as JSON, with "Content-Type: application/json"' },
  })
  t.equal(asked.length, 0)
})

t.test('what the journey refuses is told in the words of HTTP', async t => {
  for (const [error, status] of [
    [new Refusal('not-held', 'nobody holds it'), 409],
    [new Refusal('past', 'in the past'), 400],
    [new Refusal('changed', 'changed'), 412],
    [new HoldfastError('ledger-unusable', 'the disk is full'), 503],
    [new Error('inner secret'), 500],
  ] as const) {
    const fail = async () => {
      throw error
    }
    const { ask } = await startAdmin(t, { pins: { set: fail, remove: fail } })
    const got = await ask(path, { method: 'PUT', body: {} })
    t.equal(got.status, status)
    t.ok(Value.Check(problem, got.body))
    t.equal(JSON.stringify(got.body).includes(error.message), status !== 500)
  }
})

t.test('nodes that have another image under a pinned tag are told with it', async t => {
  const asked: (readonly string[])[] = []
  const states = { a: state, b: { ...state, key: keyOf('b'), standing: 'expired' as const } }
  const other = `sha256:${'e'.repeat(64)}` as Digest
  const { ask } = await startAdmin(t, {
    pinBook: {
      get: ({ tag }) => states[tag as 'a' | 'b'],
      history: () => [],
      list: () => Object.values(states),
      each: () => [],
      isBlocked: () => false,
    },
    async findStrays(wanted) {
      asked.push(wanted.map(({ tag, digest }) => `${tag} ${digest}`))
      return new Map(wanted.map(({ tag }) => [tag, [{ node: 'galley', digest: other }]]))
    },
  })
  const heldOtherwise = [{ node: 'galley', digest: other }]
  const { body } = await ask('/api/v1/pins')
  t.ok(Value.Check(pinsAnswer, body))
  t.match(body, { items: [{ heldOtherwise }, { heldOtherwise: undefined }] })
  t.match((await ask(path)).body, { heldOtherwise, history: [] })
  const inForce = [`reg.lab/lab/app:a ${manifestDigest}`]
  t.strictSame(asked, [inForce, inForce], 'only of what is in force')
})

t.test('an end is a time that a backup can hold', async t => {
  const { ask, asked } = await start(t)
  for (const expiresAt of ['9999-12-31T23:59:59-14:00', '2026-12-31T23:59:60Z']) {
    const body = { to: 'now', expiresAt }
    t.match(await ask(path, { method: 'PUT', body }), {
      status: 400,
      body: { detail: /no time up to the year 9999/ },
    })
  }
  t.strictSame(asked, [])
})
