import t from 'tap'
import { createAnswerNode } from '../../../src/http/admin/answer-node.ts'
import { adminSubject, createAskNode } from '../../../src/http/admin/ask-node.ts'
import { nodeOperations } from '../../../src/http/admin/node-operations.ts'
import type { RunNodeOperation } from '../../../src/http/admin/nodes.ts'
import type { Operation } from '../../../src/http/admin/operation.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import type { Member } from '../../../src/ports/members.ts'
import { type PeerAnswer, PeerFailure } from '../../../src/ports/peer-port.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { createPeerLab, nodeId } from '../../support/peer-lab.ts'
import { keepLog } from '../support.ts'
import { madeUpNode } from './node-support.ts'

const [one, two] = [nodeId('one'), nodeId('two')]

/** Node one, which asks, and node two, which answers as a made-up node does. */
function meet({
  mayOperate = () => true,
  run = madeUpNode({}, 'two'),
}: {
  mayOperate?: (id: string) => boolean
  run?: { readonly run: RunNodeOperation; readonly did: readonly unknown[] }
} = {}) {
  const lab = createPeerLab()
  const noted: Omit<AuditEntry, 'atMs'>[] = []
  const clock = createMovableClock(0)
  const { log, lines } = keepLog()
  const answer = createAnswerNode({
    run: run.run,
    self: 'two',
    mayOperate,
    nameOf: () => 'bridge',
    note: async entry => void noted.push(entry),
    clock,
    log,
  })
  lab.serve(one, {})
  const serve = (how: PeerAnswer) => lab.serve(two, { answers: new Map([[adminSubject, how]]) })
  serve(answer)
  const member = (change: Partial<Member> = {}): Member => {
    const found = lab.members(one).get(two)
    if (found === undefined) throw new Error('two is not there')
    return { ...found, name: 'two', ...change }
  }
  const askNode = createAskNode({ client: lab.client(one), monotonicMs: () => 60_000 })
  const ask = (
    operation: Operation,
    body?: unknown,
    { query = {}, ...change }: Partial<Member> & { query?: Record<string, unknown> } = {},
  ) => askNode(member(change), operation, { query, body, caller: 'captain' })
  return { lab, ask, serve, noted, clock, lines, did: run.did, answer }
}

const { nodeStore, nodeAudit, putNodeMode, nodeGc } = nodeOperations

t.test('another node is looked at, and answers under the name it is known by', async t => {
  const { ask, noted } = meet({ run: madeUpNode({}, 'liar') })
  t.match(await ask(nodeStore), { node: 'two', blobs: 3 })
  t.strictSame(noted, [], 'to look is nothing to note')
})

t.test('what it is asked for reaches it, and is checked there', async t => {
  const filters: unknown[] = []
  const find = (filter: unknown) => {
    filters.push(filter)
    return []
  }
  const { ask, answer } = meet({ run: madeUpNode({ audit: { find } }, 'two') })
  const since = '2026-11-21T12:00:00Z'
  await ask(nodeAudit, undefined, { query: { caller: 'ship', since, limit: 5 } })
  t.match(filters, [{ caller: 'ship', sinceMs: Date.parse(since), limit: 6 }])
  const wrong = { operation: 'listNodeAudit', caller: 'ship', query: { limit: 1e9 } }
  const reply = await answer(Buffer.from(JSON.stringify(wrong)), one, AbortSignal.any([]))
  t.match(JSON.parse(Buffer.from(reply).toString()), { status: 400, detail: /limit/ })
  const old = await answer(
    Buffer.from(JSON.stringify({ operation: 'getNodeStore', caller: 'ship' })),
    one,
    AbortSignal.any([]),
  )
  t.match(JSON.parse(Buffer.from(old).toString()), { status: 200 }, 'an older node sends none')
})

t.test('what is changed there is in its audit log, with who wanted it', async t => {
  const { ask, noted, did } = meet()
  t.match(await ask(putNodeMode, { mode: 'offline', forSeconds: 60 }), { mode: 'offline' })
  const who = `captain on bridge (${one.slice(0, 12)})`
  t.strictSame(did, [{ next: 'offline', by: who, forMs: 60_000 }])
  t.match(noted, [
    {
      caller: who,
      subject: 'two',
      operation: 'putNodeMode',
      status: 200,
      before: { mode: 'auto' },
      after: { mode: 'offline' },
    },
  ])
})

t.test('a node whose operators do not count may look and change nothing', async t => {
  const { ask, noted, did, lines } = meet({ mayOperate: id => id !== one })
  t.match(await ask(nodeStore), { blobs: 3 })
  await t.rejects(ask(nodeGc, { dryRun: false }), { status: 409, message: /two: mesh\.operators/ })
  t.strictSame(did, [])
  t.strictSame(noted, [], 'or it could wash the audit log away')
  t.match(lines, [{ level: 'warn' }])
})

t.test('a node that changes another too often is told to wait', async t => {
  const { ask, clock, did } = meet()
  for (let times = 0; times < 20; times++) await ask(nodeGc, { dryRun: true })
  await t.rejects(ask(nodeGc, { dryRun: true }), { status: 503, message: /too much/ })
  clock.pass(5_000)
  await ask(nodeGc, { dryRun: true })
  t.equal(did.length, 21)
})

t.test('a problem there is a problem here, a fault there is no fault of ours', async t => {
  const { ask, noted } = meet()
  await t.rejects(ask(putNodeMode, { mode: 'on' }), { status: 400, message: /^two: mode/ })
  t.match(noted, [{ status: 400 }])
  const failing = meet({ run: { run: () => Promise.reject(new Error('inner')), did: [] } })
  await t.rejects(failing.ask(putNodeMode, { mode: 'auto' }), { status: 502, message: /its log/ })
  t.match(failing.noted, [{ status: 500 }])
})

t.test('a node that is away is a problem that says what to do', async t => {
  const { ask, lab } = meet()
  await t.rejects(ask(nodeStore, undefined, { state: 'gone', lastSeenMs: 18_000 }), {
    status: 503,
    message: 'two is gone, last heard of 42 s ago: start it, or ask another node',
  })
  lab.kill(two)
  await t.rejects(ask(nodeStore), { status: 503, message: /cannot be reached.*holdfast peers/ })
  await t.rejects(ask(nodeGc, {}), { status: 503, message: /may have been done all the same/ })
})

t.test('what the peer port refuses is told', async t => {
  const { ask, serve } = meet()
  for (const [code, status, words] of [
    ['absent', 503, /upgrade it/],
    ['busy', 503, /try again/],
    ['refused', 503, /banned/],
  ] as const) {
    serve(async () => {
      throw new PeerFailure(code, 'no')
    })
    await t.rejects(ask(nodeStore), { status, message: words })
  }
})

t.test('an answer that makes no sense is a 502', async t => {
  const { ask, serve } = meet()
  for (const text of [
    '',
    '[]',
    '{"status":200,"answer":{"blobs":"many"}}',
    '{"status":302,"detail":"there"}',
    '{"status":500,"detail":"x"}',
  ]) {
    serve(async () => Buffer.from(text))
    await t.rejects(ask(nodeStore), { name: 'ProblemError', status: 502 }, text)
  }
})

t.test('what another node says moves no cursor', async t => {
  const { ask, serve } = meet()
  serve(async () => Buffer.from('{"status":409,"detail":"\\u001b[2Jno"}'))
  await t.rejects(ask(nodeStore), { status: 409, message: 'two:  [2Jno' })
})

t.test('a question that makes no sense is none', async t => {
  const { answer, did } = meet()
  const { signal } = new AbortController()
  const say = (question: unknown) => answer(Buffer.from(JSON.stringify(question)), one, signal)
  for (const [question, code] of [
    ['x', 'protocol'],
    [{ operation: 5, caller: 'a' }, 'protocol'],
    [{ operation: 'getNodeStore' }, 'protocol'],
    [{ operation: 'putPin', caller: 'a' }, 'absent'],
    [{ operation: '__proto__', caller: 'a' }, 'absent'],
  ] as const) {
    await t.rejects(say(question), { code }, JSON.stringify(question))
  }
  await t.rejects(answer(Buffer.from('{'), one, signal), { code: 'protocol' })
  t.strictSame(did, [])
})
