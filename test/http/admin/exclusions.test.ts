import t from 'tap'
import { Value } from 'typebox/value'
import {
  exclusionChangeAnswer,
  exclusionsAnswer,
} from '../../../src/http/admin/exclusion-contract.ts'
import { Refusal } from '../../../src/keep/operator-word.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { HoldfastError } from '../../../src/ports/errors.ts'
import type { Exclusion } from '../../../src/ports/exclusion-book.ts'
import type { Member } from '../../../src/ports/members.ts'
import { manifestDigest } from '../support.ts'
import { madeUpNode } from './node-support.ts'
import { keyOf, nowMs, startAdmin } from './support.ts'

const id = 'cd'.repeat(32)
const word: Exclusion = { key: id, atMs: nowMs, origin: 'ab'.repeat(32), note: 'n', author: 'a' }
const hold = { id, name: 'hold' } as Member
const stored = { nodes: 1, members: 2, away: 0 }

t.test('bans and blocks are listed, set and lifted', async t => {
  const asked: unknown[] = []
  const noted: AuditEntry[] = []
  const { ask } = await startAdmin(t, {
    node: { ...madeUpNode(), nodes: { ...madeUpNode().nodes, members: () => [hold] } },
    exclusionBook: { list: kind => [{ ...word, key: kind === 'ban' ? id : manifestDigest }] },
    blockedAnswers: { history: () => [], tagsOf: async () => [keyOf('a')] },
    exclusions: {
      find: (_, key) => ({ ...word, key }),
      async set(...given) {
        asked.push(given)
        return { before: undefined, after: word, stored }
      },
      async lift(...given) {
        asked.push(given)
        return { before: word, after: undefined, stored }
      },
    },
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const bans = await ask('/api/v1/bans')
  t.ok(Value.Check(exclusionsAnswer, bans.body))
  t.match(bans.body, {
    items: [
      { key: id, name: 'hold', setOnName: 'van-1', note: 'n', setAt: '2026-11-21T12:00:00.000Z' },
    ],
  })
  t.match((await ask('/api/v1/blocks')).body, { items: [{ key: manifestDigest }] })

  const put = await ask(`/api/v1/bans/${id}?copies=2`, { method: 'PUT', body: { note: 'why' } })
  t.ok(Value.Check(exclusionChangeAnswer, put.body))
  t.match(put.body, { key: id, name: 'hold', inForce: true, changed: true, storedOn: stored })
  t.match(asked[0], ['ban', id, { note: 'why', author: 'token 1' }, { copies: 2 }])
  const lifted = await ask(`/api/v1/blocks/${manifestDigest}`, { method: 'DELETE' })
  t.match(lifted.body, { inForce: false, changed: true })
  t.match(lifted.body, { tags: [{ reference: 'reg.lab/lab/app:a', reason: String }], moreTags: 0 })
  t.notOk('tags' in (put.body as object), 'a ban is of no digest')
  t.match(lifted.body, { before: { setAt: '2026-11-21T12:00:00.000Z', note: 'n', author: 'a' } })
  t.notOk('before' in (put.body as object), 'nothing stood there')
  t.match(asked[1], ['block', manifestDigest, 'token 1', { copies: 1 }])
  t.match(noted, [
    { operation: 'putBan', subject: id, after: { key: id } },
    { operation: 'deleteBlock', subject: manifestDigest, before: { key: id, setAt: String } },
  ])
})

t.test('what is not there is lifted, too, and it is told that nothing had to be done', async t => {
  const { ask } = await startAdmin(t, {
    exclusions: {
      find: () => undefined,
      set: async () => ({ before: word, after: word, stored }),
      lift: async () => ({ before: undefined, after: undefined, stored }),
    },
  })
  for (const path of [`/api/v1/bans/${id}`, `/api/v1/blocks/${manifestDigest}`]) {
    t.match(await ask(`${path}?copies=2`, { method: 'DELETE' }), {
      status: 200,
      body: { inForce: false, changed: false, storedOn: stored },
    })
    const same = await ask(path, { method: 'PUT' })
    t.match(same, { body: { inForce: true, changed: false } })
    t.notOk('before' in (same.body as object), 'nothing was changed')
  }
})

t.test('what is wrong is told', async t => {
  const { ask } = await startAdmin(t)
  for (const [method, path, status] of [
    ['PUT', '/api/v1/bans/galley', 400],
    ['PUT', '/api/v1/blocks/sha256:1', 400],
  ] as const) {
    t.equal((await ask(path, { method })).status, status, path)
  }
  for (const [error, status] of [
    [new Refusal('self', 'not itself'), 409],
    [new HoldfastError('ledger-unusable', 'full'), 503],
    [new Error('inner'), 500],
  ] as const) {
    const fail = async () => {
      throw error
    }
    const failing = await startAdmin(t, {
      exclusions: { find: () => word, set: fail, lift: fail },
    })
    t.equal((await failing.ask(`/api/v1/bans/${id}`, { method: 'PUT' })).status, status)
  }
})
