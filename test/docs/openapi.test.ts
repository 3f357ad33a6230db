import t, { type Test } from 'tap'
import type { DocumentedOperation } from '../support/api-document.ts'
import {
  type Answered,
  type AskedNode,
  document,
  type Entry,
  exerciseOf,
  operationOf,
  startNodes,
  tokens,
} from './openapi.support.ts'
import { exercises } from './openapi-exercises.ts'

type Proof = (t: Test, node: AskedNode, operation: DocumentedOperation) => Promise<unknown>

const strangersAreRefused: Proof = async (t, node, operation) => {
  // Each from an address of its own: who guesses often is told to wait.
  const from = `127.0.1.${document.operations.indexOf(operation) + 1}`
  for (const token of ['', 'x'.repeat(40)]) {
    const { status } = await node.exercise(t, operation, { token, from })
    t.equal(status, 401, token === '' ? 'no token' : 'a wrong token')
  }
}

const readersChangeNothing: Proof = async (t, node, operation) => {
  const { id, needsWrite } = operation
  const entries = await node.newEntries(t, async () => {
    const { status } = await node.exercise(t, operation, { token: tokens.reader })
    t.equal(status === 403, needsWrite, `a token that may read: ${status}`)
  })
  t.match(entries, needsWrite ? [{ operation: id, caller: 'reader', status: 403 }] : [])
  t.equal(entries.length, needsWrite ? 1 : 0)
}

/** Resolves with the answer. */
async function isDoneAndNotedOnce(t: Test, node: AskedNode, operation: DocumentedOperation) {
  const { id, needsWrite } = operation
  let given: Answered | undefined
  const entries = await node.newEntries(t, async () => {
    given = await node.exercise(t, operation)
    t.equal(given.status, 200, JSON.stringify(given.body).slice(0, 300))
  })
  t.equal(entries.length, needsWrite ? 1 : 0, 'an entry in the audit log for each change')
  if (needsWrite) isNoted(t, entries, id)
  return given
}

function isNoted(t: Test, entries: readonly Entry[], operation: string): void {
  const { noted } = exerciseOf(operation)
  t.ok(noted?.before ?? noted?.after, 'what was there before it, or after it, is noted')
  t.match(entries, [{ operation, caller: 'writer', status: 200, ...noted }])
}

const anew = ['asOf', 'at', 'until', 'changed', 'before']

/** Without what each answer has anew. A mode ends by when it is said: each time it is another word. */
function lasting(body: unknown, { id }: DocumentedOperation): unknown {
  const left = id === 'putMode' ? [...anew, 'version'] : anew
  return JSON.parse(JSON.stringify(body, (key, value) => (left.includes(key) ? null : value)))
}

const hasChanged = (body: unknown): unknown => (body as { changed?: unknown } | undefined)?.changed

/** A `DELETE` of what is there no longer is done, but for what is known no longer. */
async function mayBeRepeated(
  t: Test,
  node: AskedNode,
  operation: DocumentedOperation,
  first: Answered | undefined,
): Promise<void> {
  const { status, body } = await node.exercise(t, operation)
  if (operation.method === 'PUT') {
    t.strictSame(lasting(body, operation), lasting(first?.body, operation), 'and again')
  }
  if (operation.method === 'DELETE') {
    const isForgotten = ['deleteJob', 'forgetTag'].includes(operation.id)
    t.ok(status === 200 || (status === 404 && isForgotten), `again: ${status}`)
  }
  if (operation.method === 'GET' || !hasChanged(first?.body)) return
  // A mode ends by when it is said, and a job that is called off once more goes from the list.
  if (['putMode', 'deleteJob'].includes(operation.id)) return
  t.equal(hasChanged(body), false, 'and nothing had to be done')
}

const brokenBodiesAreRefused: Proof = async (t, node, operation) => {
  t.equal((await node.exercise(t, operation, { body: [] })).status, 400)
  const headers = { 'content-type': 'text/plain' }
  t.equal((await node.exercise(t, operation, { headers, body: {} })).status, 415)
  const { largest } = exerciseOf(operation.id)
  // That much is not sent: a client that is still sending may not come to read why it is not heard out.
  const long =
    largest === undefined
      ? { body: { note: 'x'.repeat(2 ** 20) } }
      : { body: {}, headers: { 'content-length': String(largest + 1) } }
  t.equal((await node.exercise(t, operation, long)).status, 413)
}

const unknownParametersAreRefused: Proof = async (t, node, operation) => {
  const { query } = exerciseOf(operation.id)
  const asked = { query: [query, 'surprise=1'].filter(Boolean).join('&') }
  const { status, body } = await node.exercise(t, operation, asked)
  t.equal(status, 400, 'a parameter that it does not have')
  t.match(body, { detail: /^the query has an unknown "surprise": it / })
}

/** A body that an operation does not have is no reason to break the document. */
const bodiesAreNoSurprise: Proof = async (t, node, operation) => {
  const headers = { 'content-type': 'text/plain' }
  const { status } = await node.exercise(t, operation, { headers, body: {} })
  t.equal(status, 415)
  if (!Buffer.isBuffer(exerciseOf(operation.id).body)) return
  const json = await node.exercise(t, operation, { body: {} })
  t.equal(json.status, 415, 'JSON is no bytes')
  t.match(json.body, { detail: /^send the body with "Content-Type: / })
}

const isDoneOnAnother = async (
  t: Test,
  [asked, other]: readonly [AskedNode, AskedNode],
  operation: DocumentedOperation,
): Promise<void> => {
  let there: readonly Entry[] = []
  const here = await asked.newEntries(t, async () => {
    there = await other.newEntries(t, async () => {
      const { status, body } = await asked.exercise(t, operation, { path: { name: 'b' } })
      t.equal(status, 200, operation.id)
      t.match(body, { node: 'b' })
    })
  })
  const { id, needsWrite } = operation
  const noted = { operation: id, status: 200, subject: 'b' }
  t.match(here, needsWrite ? [{ ...noted, caller: 'writer' }] : [])
  t.match(there, needsWrite ? [{ ...noted, caller: /^writer on a \(/ }] : [])
  t.strictSame([here.length, there.length], Array(2).fill(needsWrite ? 1 : 0))
  t.equal((await asked.exercise(t, operation, { path: { name: 'nobody' } })).status, 404)
}

/** The tag of what stands at an operation's path. */
async function etagAt(t: Test, node: AskedNode, { path }: DocumentedOperation): Promise<string> {
  const reading = document.operations.find(one => one.method === 'GET' && one.path === path)
  const { etag } = reading === undefined ? {} : await node.exercise(t, reading)
  if (etag === undefined) throw new Error(`what stands at ${path} has no ETag`)
  return etag
}

const oneOfTheRacersWins: Proof = async (t, node, operation) => {
  await node.prepare(t, operation)
  if (operation.method === 'PUT') await node.exercise(t, operation)
  const headers = { 'if-match': await etagAt(t, node, operation) }
  const statuses = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const { body: usual } = exerciseOf(operation.id)
      const body = operation.takesJson ? { body: { ...usual, note: `racer ${i}` } } : {}
      return (await node.exercise(t, operation, { headers, ...body })).status
    }),
  )
  const losers = statuses.filter(status => status !== 200)
  t.equal(losers.length, 9, `${operation.id}: ${statuses}`)
  const late = await node.exercise(t, operation, { headers })
  const isTold = (status: number) =>
    status === 412 || (status === 404 && operation.method !== 'PUT')
  t.ok([...losers, late.status].every(isTold), 'and the others are told')
}

t.test('every operation of the document', async t => {
  const ids = document.operations.map(({ id }) => id)
  t.strictSame(Object.keys(exercises).sort(), ids.toSorted(), 'has its exercise')
  const { a, b } = await startNodes(t)
  for (const operation of document.operations) {
    await t.test(`${operation.id} answers as the document says`, async t => {
      await a.prepare(t, operation)
      await strangersAreRefused(t, a, operation)
      await readersChangeNothing(t, a, operation)
      const first = await isDoneAndNotedOnce(t, a, operation)
      await mayBeRepeated(t, a, operation, first)
      await unknownParametersAreRefused(t, a, operation)
      if (operation.takesJson) await brokenBodiesAreRefused(t, a, operation)
      else if (operation.method !== 'GET') await bodiesAreNoSurprise(t, a, operation)
    })
  }
  await t.test('of one node is done on another', async t => {
    const ofNodes = document.operations.filter(({ path }) => path.includes('/nodes/{name}/'))
    for (const operation of ofNodes) await isDoneOnAnother(t, [a, b], operation)
  })
  await t.test('that looks at what stands there lets one of several writers win', async t => {
    const racing = document.operations.filter(({ statuses }) => statuses.includes(412))
    t.ok(racing.map(({ id }) => id).includes(operationOf('putPin').id))
    for (const operation of racing) await oneOfTheRacersWins(t, a, operation)
  })
})
