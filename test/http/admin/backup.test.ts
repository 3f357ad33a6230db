import t from 'tap'
import { maxBackupBytes } from '../../../src/http/admin/backup-contract.ts'
import type { ClusterModeState } from '../../../src/keep/mode-switch.ts'
import { Refusal } from '../../../src/keep/operator-word.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { manifestDigest, manifestType } from '../support.ts'
import {
  bookOf,
  listen,
  nothing,
  origin,
  other,
  outcomes,
  path,
  pinEntry,
  pinned,
  post,
  reference,
} from './backup-support.ts'
import { keyOf, nowMs, startAdmin } from './support.ts'

t.test(
  'what is in force is told, and nothing that is over or stands in a configuration',
  async t => {
    const states = [
      pinned({ note: 'voyage', expiresAtMs: nowMs + 1_000 }),
      pinned({ key: keyOf('b'), standing: 'expired' }),
      pinned({ key: keyOf('c'), standing: 'blocked' }),
    ]
    const { ask } = await startAdmin(t, {
      pinBook: { ...bookOf(undefined), each: () => states },
    })
    const { status, body } = await ask('/api/v1/backup')
    t.equal(status, 200)
    t.match(body, {
      ...nothing,
      node: 'van-1',
      at: '2026-11-21T12:00:00.000Z',
      pins: [
        { ...pinEntry, note: 'voyage' },
        { ...pinEntry, reference: 'reg.lab/lab/app:c' },
      ],
      schedules: [],
    })
    t.equal((body as { pins: object[] }).pins.length, 2)
  },
)

t.test('a pin elsewhere is left unless it is to be replaced, and then noted with both', async t => {
  const { heard, set } = listen()
  const noted: Omit<AuditEntry, 'atMs'>[] = []
  const { ask } = await startAdmin(t, {
    pinBook: bookOf(pinned({ target: { digest: other, mediaType: manifestType, size: 7 } })),
    pins: { set, remove: set },
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const document = { ...nothing, pins: [pinEntry] }
  const left = await ask(path, post(document))
  t.match(left.body, { items: [{ outcome: 'left', reason: `it is pinned to ${other}` }] })
  t.strictSame(heard, [])
  const { body } = await ask(`${path}?replace=true`, post(document))
  t.strictSame(outcomes(body), ['pin changed'])
  t.match(heard, [
    [{ tag: 'a' }, { to: manifestDigest, allowIncomplete: true, described: { size: 77 } }],
  ])
  t.match(noted, [
    { operation: 'restore', subject: 'backup of bridge, 2026-11-20T03:00:00.000Z', status: 200 },
    { subject: reference, status: 200, before: { digest: other }, after: pinEntry },
    { after: { dryRun: false, from: 0, changed: 1 } },
  ])
})

t.test('what has ended by now is over, and what stands is left alone', async t => {
  const { heard, set } = listen()
  const standing: ClusterModeState = {
    ...{ mode: 'offline', by: 'a', atMs: nowMs, untilMs: nowMs + 60_000, origin, note: undefined },
  }
  const { ask } = await startAdmin(t, {
    pinBook: bookOf(undefined),
    pins: { set, remove: set },
    clusterMode: { standing: () => standing, set, lift: set },
    exclusions: {
      find: (_, key) => ({ key, atMs: nowMs, origin, note: 'n', author: 'a' }),
      set,
      lift: set,
    },
  })
  const past = '2026-11-21T11:59:00.000Z'
  const mode = { mode: 'offline', until: '2026-11-21T12:01:00.500Z' }
  const first = await ask(
    path,
    post({ ...nothing, bans: [{ key: origin }], pins: [{ ...pinEntry, expiresAt: past }], mode }),
  )
  t.strictSame(outcomes(first.body), ['ban unchanged', 'pin over', 'mode unchanged'])
  const again = await ask(path, post({ ...nothing, mode: { ...mode, until: past } }))
  t.strictSame(outcomes(again.body), ['mode over'])
  const elsewhere = await ask(path, post({ ...nothing, mode: { mode: 'online' } }))
  t.match(elsewhere.body, { items: [{ outcome: 'left', reason: 'the mode is offline' }] })
  t.strictSame(heard, [])
})

t.test('an entry that is refused, or fails, is told and does not stop the others', async t => {
  const { heard, set } = listen()
  const noted: Omit<AuditEntry, 'atMs'>[] = []
  const { ask } = await startAdmin(t, {
    pinBook: { ...bookOf(undefined), isBlocked: digest => digest === other },
    pins: { set: async () => Promise.reject(new Error('oh')), remove: set },
    keeps: {
      find: () => undefined,
      set: async () => Promise.reject(new Refusal('too-many', 'there are too many')),
      remove: set,
    },
    exclusions: { find: () => undefined, set, lift: set },
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const { status, body } = await ask(
    path,
    post({
      ...nothing,
      bans: [{ key: origin }],
      blocks: [{ key: `sha256:${'b'.repeat(64)}` }],
      keeps: [{ pattern: 'docker.io/**' }],
      pins: [{ reference: `${reference}2`, digest: other }, pinEntry],
    }),
  )
  t.equal(status, 200)
  t.strictSame(outcomes(body), [
    'ban changed',
    'block changed',
    'keep refused',
    'pin refused',
    'pin failed',
  ])
  t.match(body, {
    items: [
      {},
      {},
      { reason: 'there are too many' },
      { reason: `${other} is blocked: no node answers a tag with it` },
      { reason: /the log of the node tells more/ },
    ],
  })
  t.equal(heard.length, 2)
  t.match(
    noted.map(({ subject, status }) => [subject.slice(0, 12), status]),
    [
      [origin.slice(0, 12), 200],
      [/^sha256:b/, 200],
      ['docker.io/**', 409],
      [reference.slice(0, 12), 500],
      ['backup of br', 200],
    ],
  )
})

t.test('a dry run tells the same of it and says nothing', async t => {
  const { heard, set } = listen()
  const { ask } = await startAdmin(t, {
    pinBook: bookOf(undefined),
    pins: { set, remove: set },
    exclusions: { find: () => undefined, set, lift: set },
  })
  const blocks = [{ key: other }]
  const pins = [pinEntry, { ...pinEntry, reference: 'reg.lab/lab/app:b', digest: other }]
  const { body } = await ask(`${path}?dryRun=true`, post({ ...nothing, blocks, pins }))
  t.match(body, { dryRun: true })
  t.strictSame(outcomes(body), ['block would-change', 'pin would-change', 'pin would-change'])
  t.strictSame(heard, [])
})

t.test('an answer takes a bounded time, and tells where the next one begins', async t => {
  const { heard, set } = listen()
  const keeps = Array.from({ length: 5 }, (_, i) => ({ pattern: `docker.io/a${i}/*:*` }))
  const { ask, clock } = await startAdmin(t, {
    keeps: {
      find: () => undefined,
      set: async (...given) => {
        clock.pass(10_000)
        return set(...given)
      },
      remove: set,
    },
  })
  const document = { ...nothing, keeps }
  const first = await ask(path, post(document))
  t.match(first.body, { items: [{}, {}], next: 2 })
  const second = await ask(`${path}?from=2`, post(document))
  t.match(second.body, { items: [{ what: keeps[2]?.pattern }, {}], next: 4 })
  const last = await ask(`${path}?from=4`, post(document))
  t.notOk('next' in (last.body as object))
  t.strictSame(
    heard.map(([pattern]) => pattern),
    keeps.map(({ pattern }) => pattern),
    'each once',
  )
})

t.test('what is no backup is refused as a whole, by the entry at fault', async t => {
  const { heard, set } = listen()
  const { ask } = await startAdmin(t, { exclusions: { find: () => undefined, set, lift: set } })
  const bans = [{ key: origin }]
  for (const [wrong, detail] of [
    [{ holdfastBackup: 2 }, /^holdfastBackup must be 1$/],
    [
      { pins: [pinEntry, { ...pinEntry, expiresat: 'x' }] },
      /^pins\[1\] has an unknown "expiresat"/,
    ],
    [{ pins: [{ reference }] }, /^pins\[0\] lacks digest$/],
    [{ pins: [{ ...pinEntry, expiresAt: 'soon' }] }, /^pins\[0\]\.expiresAt must be a time/],
    [{ pins: [{ ...pinEntry, author: 'a'.repeat(101) }] }, /^pins\[0\]\.author must have 100/],
    [{ keeps: [{ pattern: 'docker.io/**', note: '\ud800' }] }, /^keeps\[0\]\.note has half/],
    [{ mode: { mode: 'sleep' } }, /mode must be one of auto, offline, online/],
    [
      { pins: [pinEntry, { reference: `${reference}1`, digest: 'sha256:zzd0' }] },
      /^pins\[1\]\.digest: "sha256:zzd0" is no digest$/,
    ],
    [{ pins: [{ ...pinEntry, reference: 'a b' }] }, /^pins\[0\]\.reference: .*a b/],
    [{ bans: [...bans, { key: 'nobody' }] }, /^bans\[1\]\.key: "nobody" is no id of a node/],
    [{ blocks: [{ key: 'sha256:short' }] }, /^blocks\[0\]\.key: "sha256:short" is no digest/],
    [{ surprise: 1 }, /^the body has an unknown "surprise"/],
  ] as const) {
    const { status, body } = await ask(path, post({ ...nothing, bans, ...wrong }))
    t.equal(status, 400)
    t.match(body, { detail })
  }
  const { keeps: _, ...cut } = nothing
  t.match(await ask(path, post({ ...cut, bans })), { status: 400, body: { detail: /lacks keeps/ } })
  t.strictSame(heard, [])
})

t.test('it is a writer on a node that is believed who restores, and no more than fits', async t => {
  const { ask, setTokens } = await startAdmin(t, { isOperator: () => false })
  const refused = await ask(path, post(nothing))
  t.match(refused, { status: 409, body: { detail: /mesh\.operators/ } })
  t.equal((await ask(`${path}?dryRun=true`, post(nothing))).status, 409, 'also to try it')
  const reader = 'token-of-a-reader-0123456789'
  await setTokens(`${reader} read\n`)
  const headers = { authorization: `Bearer ${reader}`, 'content-type': 'application/json' }
  t.equal((await ask('/api/v1/backup', { headers })).status, 200)
  t.equal((await ask(path, { ...post(nothing), headers })).status, 403)
  const writer = 'token-of-a-writer-0123456789'
  await setTokens(`${writer} write\n`)
  const long = { authorization: `Bearer ${writer}`, 'content-length': maxBackupBytes + 1 }
  t.equal((await ask(path, { ...post(nothing), headers: long })).status, 413)
})
