import t from 'tap'
import { Value } from 'typebox/value'
import { keepChangeAnswer, keepsAnswer } from '../../../src/http/admin/keep-contract.ts'
import type { KeptPattern } from '../../../src/keep/keep-set.ts'
import { Refusal } from '../../../src/keep/operator-word.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { HoldfastError } from '../../../src/ports/errors.ts'
import { keyOf, nowMs, startAdmin } from './support.ts'

const said = { atMs: nowMs, origin: 'ab'.repeat(32), note: 'n', author: 'a' }
const pattern = 'docker.io/library/*:latest'
const path = `/api/v1/keeps/${encodeURIComponent(pattern)}`
const kept = (one: string, more: Partial<KeptPattern> = {}): KeptPattern => ({
  pattern: one,
  isConfigured: false,
  said: { pattern: one, ...said },
  beginning: '',
  matches: () => true,
  ...more,
})
const stored = { nodes: 1, members: 2, away: 0 }

t.test('patterns are listed with what they cover, those of the configuration too', async t => {
  const configured = kept('a.lan/**', { isConfigured: true, said: undefined })
  const { ask } = await startAdmin(t, {
    keepSet: { patterns: () => [configured, kept(pattern)] },
    coveredTags: async patterns => ({
      byPattern: patterns.map((_, i) => i + 2),
      any: 4,
      first: [keyOf('a')],
    }),
  })
  const { body } = await ask('/api/v1/keeps')
  t.ok(Value.Check(keepsAnswer, body))
  t.match(body, {
    items: [
      { pattern: 'a.lan/**', configured: true, tags: 2 },
      {
        pattern,
        configured: false,
        setOnName: 'van-1',
        tags: 3,
        setAt: '2026-11-21T12:00:00.000Z',
        note: 'n',
      },
    ],
    tags: 4,
  })
  t.notOk('setAt' in ((body as { items: object[] }).items[0] ?? {}))
})

t.test('a keep is set and removed, and noted', async t => {
  const asked: unknown[] = []
  const newer = { said: { pattern, ...said, note: 'newer' } }
  const noted: AuditEntry[] = []
  const { ask } = await startAdmin(t, {
    keeps: {
      find: text => kept(text),
      async set(...given) {
        asked.push(given)
        const [, details] = given
        const before = details.note === 'why' ? undefined : kept(pattern)
        return { pattern, before, after: kept(pattern, newer), stored }
      },
      async remove(...given) {
        asked.push(given)
        return { pattern, before: kept(pattern), after: undefined, stored }
      },
    },
    coveredTags: async ([one]) => ({
      byPattern: [5],
      any: one === undefined ? 0 : 5,
      first: [keyOf('a')],
    }),
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const put = await ask(`${path}?copies=2`, { method: 'PUT', body: { note: 'why' } })
  t.ok(Value.Check(keepChangeAnswer, put.body))
  t.match(put.body, {
    ...{ pattern, inForce: true, configured: false, tags: 5 },
    ...{ changed: true, storedOn: stored },
  })
  t.match(asked[0], [pattern, { note: 'why', author: 'token 1' }, { copies: 2 }])
  const gone = await ask(path, { method: 'DELETE' })
  const was = { setAt: '2026-11-21T12:00:00.000Z', setOnName: 'van-1', note: 'n', author: 'a' }
  t.match(gone.body, { inForce: false, tags: 5, changed: true, before: was })
  t.notOk('before' in (put.body as object), 'nothing stood there')
  t.match((await ask(path, { method: 'PUT', body: {} })).body, { changed: true, before: was })
  t.match(asked[1], [pattern, 'token 1', { copies: 1 }])
  t.match(noted, [
    { operation: 'putKeep', subject: pattern, after: { pattern, note: 'newer' } },
    { operation: 'deleteKeep', subject: pattern, before: { pattern } },
    { operation: 'putKeep', before: { note: 'n' }, after: { note: 'newer' } },
  ])
})

t.test('a pattern may be long', async t => {
  const long = `a.lan/${'b'.repeat(400)}/**`
  const { ask } = await startAdmin(t, {
    keeps: {
      find: text => kept(text),
      set: async text => ({ pattern: text, before: undefined, after: kept(text), stored }),
      remove: async text => ({ pattern: text, before: kept(text), after: undefined, stored }),
    },
  })
  const url = `/api/v1/keeps/${encodeURIComponent(long)}`
  t.match(await ask(url, { method: 'PUT' }), { status: 200, body: { pattern: long } })
})

t.test('what is wrong is told', async t => {
  const configured = kept(pattern, { isConfigured: true, said: undefined })
  const fixed = await startAdmin(t, {
    keeps: {
      find: () => configured,
      set: async () => ({ pattern, before: undefined, after: undefined, stored }),
      remove: async () => ({ pattern, before: configured, after: configured, stored }),
    },
  })
  t.match(await fixed.ask(path, { method: 'DELETE' }), {
    status: 200,
    body: { inForce: true, configured: true, changed: false },
  })
  for (const [error, status] of [
    [new Refusal('no-pattern', 'none'), 400],
    [new Refusal('too-many', 'many'), 409],
    [new Refusal('no-operator', 'no'), 409],
    [new HoldfastError('ledger-unusable', 'full'), 503],
  ] as const) {
    const fail = async () => {
      throw error
    }
    const failing = await startAdmin(t, {
      keeps: { find: () => kept(pattern), set: fail, remove: fail },
    })
    t.equal((await failing.ask(path, { method: 'PUT' })).status, status, error.code)
  }
})
