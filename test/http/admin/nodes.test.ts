import t from 'tap'
import { Value } from 'typebox/value'
import { peersAnswer, statusAnswer } from '../../../src/http/admin/contract.ts'
import { modeAnswer } from '../../../src/http/admin/mode-contract.ts'
import {
  configAnswer,
  gcAnswer,
  logLevelAnswer,
  nodesAnswer,
  scrubAnswer,
  storeAnswer,
} from '../../../src/http/admin/node-contract.ts'
import { auditAnswer } from '../../../src/http/admin/pin-contract.ts'
import { problem } from '../../../src/http/admin/shapes.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { HoldfastError } from '../../../src/ports/errors.ts'
import type { Member } from '../../../src/ports/members.ts'
import { manifestDigest } from '../support.ts'
import { madeUpNode, selfId } from './node-support.ts'
import { startAdmin } from './support.ts'

const at = (what: string, name = 'self') => `/api/v1/nodes/${name}/${what}`

async function start(t: Parameters<typeof startAdmin>[0], node = madeUpNode()) {
  const noted: AuditEntry[] = []
  const audit = { note: async (entry: AuditEntry) => void noted.push(entry), find: () => [] }
  return { ...(await startAdmin(t, { node, audit })), ...node, noted }
}

t.test('every answer about a node has the shape that the document promises', async t => {
  const { ask } = await start(t)
  for (const [what, shape] of [
    ['status', statusAnswer],
    ['peers', peersAnswer],
    ['audit', auditAnswer],
    ['store', storeAnswer],
    ['store/scrub', scrubAnswer],
    ['mode', modeAnswer],
    ['log-level', logLevelAnswer],
    ['config', configAnswer],
  ] as const) {
    const got = await ask(at(what))
    t.equal(got.status, 200, what)
    t.ok(Value.Check(shape, got.body), what)
    t.match(got.body, { node: 'van-1', asOf: '2026-11-21T12:00:00.000Z' }, what)
  }
})

t.test('a node is this one by its name, its id, the beginning of that, or self', async t => {
  const { ask } = await start(t)
  for (const name of ['self', 'van-1', selfId, selfId.slice(0, 8)]) {
    t.equal((await ask(at('store', name))).status, 200, name)
  }
  const got = await ask(at('store', 'galley'))
  t.equal(got.status, 404)
  t.ok(Value.Check(problem, got.body))
  t.match(got.body, { detail: 'no node is called "galley"; known are van-1' })
})

t.test('the nodes that may be asked are listed, this one first', async t => {
  const member = {
    id: 'cd'.repeat(32),
    name: 'galley',
    version: '1.2.2',
    zone: 'aft',
    state: 'gone',
    lastSeenMs: -10_000,
  } as Member
  const node = madeUpNode()
  const self = { ...node.nodes.self, zone: 'fore' }
  const nodes = { self, members: () => [member] }
  const { ask, clock } = await start(t, { ...node, nodes })
  clock.pass(5_000)
  const { body } = await ask('/api/v1/nodes')
  t.ok(Value.Check(nodesAnswer, body))
  t.match(body, {
    node: 'van-1',
    items: [
      { id: selfId, name: 'van-1', version: '1.2.3', zone: 'fore', self: true, state: 'alive' },
      { name: 'galley', version: '1.2.2', zone: 'aft', self: false, state: 'gone' },
    ],
  })
})

t.test('a banned node is told as banned, and not asked', async t => {
  const id = 'cd'.repeat(32)
  const member = { id, name: 'galley', version: '1.2.2', state: 'alive', lastSeenMs: 0 } as Member
  const node = madeUpNode()
  const nodes = { ...node.nodes, members: () => [member], isBanned: (one: string) => one === id }
  const asked: unknown[] = []
  const askOthers = async (...given: readonly unknown[]) => {
    asked.push(given)
    return {}
  }
  const { ask } = await startAdmin(t, { node: { ...node, nodes, ask: askOthers } })
  t.match((await ask('/api/v1/nodes')).body, { items: [{}, { name: 'galley', state: 'banned' }] })
  for (const [path, status] of [
    [at('store', 'galley'), 503],
    ['/api/v1/report?node=galley', 409],
  ] as const) {
    const got = await ask(path)
    t.equal(got.status, status)
    t.match(got.body, { detail: /^galley is banned, .*`holdfast unban galley`/ })
  }
  t.strictSame(asked, [])
})

t.test('the store tells its room, its quarantine and its limits', async t => {
  const { ask } = await start(t)
  t.match((await ask(at('store'))).body, {
    blobs: 3,
    blobBytes: 300,
    quotaBytes: 1_000,
    capacityBytes: 1_000,
    protectedBytes: 200,
    droppableBytes: 120,
    full: false,
    quarantine: { blobs: 1, bytes: 7 },
  })
})

t.test('a collection is run or only thought through, and noted', async t => {
  const { ask, did, noted } = await start(t)
  const dry = await ask(at('store/gc'), { method: 'POST', body: { dryRun: true } })
  t.ok(Value.Check(gcAnswer, dry.body))
  const item = { digest: manifestDigest, kind: 'blob', reason: 'room', size: 9 }
  t.match(dry.body, { dryRun: true, dropped: 1, bytes: 9, items: [item] })
  t.match((await ask(at('store/gc'), { method: 'POST' })).body, { dryRun: false })
  t.strictSame(did, [{ dryRun: true }, { dryRun: false }])
  t.match(noted, [
    { operation: 'collectNodeStore', subject: 'van-1', after: { dryRun: true, bytes: 9 } },
    { operation: 'collectNodeStore', status: 200, after: { dryRun: false } },
  ])
})

t.test('a scrub is begun and told', async t => {
  const { ask, did } = await start(t)
  const got = await ask(at('store/scrub'), { method: 'POST' })
  t.ok(Value.Check(scrubAnswer, got.body))
  t.strictSame(did, ['scrub'])
  t.match(got.body, {
    running: true,
    pass: { blobs: 3, doneBlobs: 1 },
    findings: [{ digest: manifestDigest, verdict: 'damaged' }],
    quarantine: [{ digest: manifestDigest, size: 7 }],
  })
})

t.test('of a mode of all nodes it is told by name where it was set', async t => {
  const cluster = {
    mode: 'offline',
    by: 'u',
    atMs: 0,
    origin: selfId,
    note: undefined,
    untilMs: undefined,
  } as const
  const state = { mode: 'offline', decidedBy: 'cluster', configured: 'auto', cluster } as const
  const { ask } = await start(
    t,
    madeUpNode({ mode: { state: () => state, set: async () => {}, reset: async () => {} } }),
  )
  t.match((await ask(at('mode'))).body, { cluster: { setOn: selfId, setOnName: 'van-1' } })
})

t.test('a mode is set for a while, shown in the configuration, and taken back', async t => {
  const { ask, did, noted } = await start(t)
  const body = { mode: 'offline', forSeconds: 3_600 }
  const put = await ask(at('mode'), { method: 'PUT', body })
  t.ok(Value.Check(modeAnswer, put.body))
  t.match(put.body, { mode: 'offline', configured: 'auto', set: { by: 'u' } })
  t.strictSame(did, [{ next: 'offline', by: 'token 1', forMs: 3_600_000 }])
  t.match((await ask(at('config'))).body, {
    config: { mode: 'offline' },
    changed: [{ key: 'mode', configured: 'auto', inForce: 'offline', by: 'u' }],
  })
  t.match((await ask(at('mode'), { method: 'DELETE' })).body, { mode: 'auto', set: undefined })
  t.match(noted, [
    { operation: 'putNodeMode', before: { mode: 'auto' }, after: { mode: 'offline' } },
    { operation: 'deleteNodeMode', before: { mode: 'offline' }, after: { mode: 'auto' } },
  ])
})

t.test('a log level is set', async t => {
  const { ask, did, noted } = await start(t)
  const got = await ask(at('log-level'), { method: 'PUT', body: { level: 'debug' } })
  t.ok(Value.Check(logLevelAnswer, got.body))
  t.match(got.body, { level: 'debug', configured: 'info' })
  t.strictSame(did, [{ level: 'debug', forMs: undefined }])
  t.match(noted, [{ operation: 'putNodeLogLevel', before: 'info', after: 'debug' }])
  t.match((await ask(at('config'))).body, {
    config: { log: { level: 'debug', format: 'json' } },
    changed: [{ key: 'log.level', inForce: 'debug' }],
  })
})

t.test('what makes no sense is a 400, and nothing is done', async t => {
  const { ask, did } = await start(t)
  for (const [method, what, body] of [
    ['PUT', 'mode', {}],
    ['PUT', 'mode', { mode: 'on' }],
    ['PUT', 'mode', { mode: 'auto', forSeconds: 0 }],
    ['PUT', 'mode', { mode: 'auto', for: '1h' }],
    ['PUT', 'log-level', { level: 'trace' }],
    ['POST', 'store/gc', { dryRun: 'yes' }],
    ['POST', 'store/gc', { dry: true }],
  ] as const) {
    const got = await ask(at(what), { method, body })
    t.equal(got.status, 400, JSON.stringify(body))
    t.ok(Value.Check(problem, got.body))
  }
  t.strictSame(did, [])
})

t.test('who may only read changes nothing', async t => {
  const { ask, setTokens, did, noted } = await start(t)
  await setTokens('looker-uOa0T9IgRa7XqJqVw0X1Xw read watch')
  const headers = { authorization: 'Bearer looker-uOa0T9IgRa7XqJqVw0X1Xw' }
  t.equal((await ask(at('store'), { headers })).status, 200)
  t.match((await ask(at('store/gc'), { headers })).body, { dryRun: true }, 'what would go')
  for (const [method, what] of [
    ['POST', 'store/gc'],
    ['POST', 'store/scrub'],
    ['DELETE', 'mode'],
  ] as const) {
    t.equal((await ask(at(what), { method, headers })).status, 403, what)
  }
  t.strictSame(did, [{ dryRun: true }])
  t.match(noted, Array(3).fill({ status: 403, caller: 'watch', subject: 'van-1' }))
})

t.test('a mode that cannot be kept is a 503, and says that it was not written', async t => {
  const fail = async () => {
    throw new HoldfastError('ledger-unusable', 'the disk is full')
  }
  const mode = {
    state: () => ({ mode: 'auto', decidedBy: 'configuration', configured: 'auto' }) as const,
    set: fail,
    reset: fail,
  }
  const { ask } = await start(t, madeUpNode({ mode }))
  const got = await ask(at('mode'), { method: 'PUT', body: { mode: 'offline' } })
  t.equal(got.status, 503)
  t.match(got.body, { detail: /not written: the disk is full/ })
})
