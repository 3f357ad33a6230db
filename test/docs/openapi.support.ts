import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import { startDaemon } from '../../src/daemon.ts'
import { silentLog } from '../../src/ports/log.ts'
import { type DocumentedOperation, type Given, readApiDocument } from '../support/api-document.ts'
import { startRegistry } from '../support/registry.ts'
import { configIn, runningLog } from '../support/start-node.ts'
import { pull } from '../system/support/client.ts'
import { makeKey } from '../system/support/mesh.ts'
import { freePorts, until } from '../system/support/process.ts'
import { type Exercise, exercises, image, registryName } from './openapi-exercises.ts'

export const document = readApiDocument()
/** Tokens of callers who are called `writer` and `reader`. */
export const tokens = {
  writer: 'token-of-the-writer-0123456789',
  reader: 'token-of-the-reader-0123456789',
} as const

const tokenLines = `${tokens.writer} write writer\n${tokens.reader} read reader\n`

/** A question to a node. */
interface Question extends Exercise {
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  /** The address that it comes from. */
  readonly from?: string
}

/** What came of it. */
export interface Answered extends Given {
  readonly etag: string | undefined
}

/** An entry of the audit log. */
export interface Entry {
  readonly operation: string
  readonly caller: string
  readonly status: number
}

/** A node that is asked. */
export interface AskedNode {
  /** Exercises an operation, in a changed way, and holds what comes to the document. */
  exercise(t: Test, operation: DocumentedOperation, change?: Question): Promise<Answered>
  /** Brings about what an operation needs. */
  prepare(t: Test, operation: DocumentedOperation): Promise<void>
  /** Does something, and gives what the audit log has more after it, newest first. */
  newEntries(t: Test, work: () => Promise<unknown>): Promise<readonly Entry[]>
}

export const exerciseOf = (id: string): Exercise => exercises[id] ?? {}

export function operationOf(id: string): DocumentedOperation {
  const found = document.operations.find(one => one.id === id)
  if (found === undefined) throw new Error(`the document has no ${id}`)
  return found
}

/** Two whole nodes of a mesh, `a` and `b`; `a` holds the image of the tag. */
export async function startNodes(t: Test): Promise<{ a: AskedNode; b: AskedNode }> {
  const registry = await startRegistry({
    images: { 'lab/app': { blobs: image.blobs, tags: new Map([['a', image]]) } },
  })
  t.teardown(() => registry.close())
  const dir = t.testdir({ secret: `${makeKey(1)}\n`, a: { data: {} }, b: { data: {} } })
  const [seed = 0, other = 0] = await freePorts(2)
  const start = async (name: string, port: number) => {
    await writeFile(join(dir, name, 'data', 'admin.token'), tokenLines)
    const secretFile = join(dir, 'secret')
    const seeds = port === seed ? [] : [`127.0.0.1:${seed}`]
    const config = await configIn(join(dir, name), {
      node: { name },
      upstreams: { [registryName]: { url: registry.url } },
      peer: { listen: '127.0.0.1:0' },
      mesh: { enabled: true, listen: `127.0.0.1:${port}`, seeds, secretFile },
    })
    const node = await startDaemon(config, { version: '0', log: runningLog(silentLog) })
    t.teardown(() => node.close())
    return node.addresses
  }
  const [a, b] = await Promise.all([start('a', seed), start('b', other)])
  await until('the nodes have met', async () => {
    const { body } = await send(`${a.admin}`, 'GET', '/api/v1/peers')
    const { members } = body as { members: readonly { state: string }[] }
    return members.some(({ state }) => state === 'alive')
  })
  await pull(`http://${a.mirror}`, registryName, 'lab/app', 'a')
  return { a: createAskedNode(`${a.admin}`), b: createAskedNode(`${b.admin}`) }
}

function createAskedNode(address: string): AskedNode {
  const node: AskedNode = {
    async exercise(t, operation, change = {}) {
      const question = { ...exerciseOf(operation.id), ...change }
      const given = await send(address, operation.method, urlOf(operation, question), question)
      const faults = document.faultsOf(operation, given)
      t.strictSame(faults, [], `${operation.id} ${given.status} is as the document says`)
      return given
    },
    async prepare(t, { id }) {
      for (const earlier of exerciseOf(id).after ?? []) {
        const { status } = await node.exercise(t, operationOf(earlier))
        t.equal(status, 200, `${earlier} before it`)
      }
    },
    async newEntries(t, work) {
      const before = await auditOf(t)
      await work()
      const after = await auditOf(t)
      return after.slice(0, after.length - before.length)
    },
  }

  async function auditOf(t: Test): Promise<readonly Entry[]> {
    const { body } = await node.exercise(t, operationOf('listAudit'), { query: 'limit=1000' })
    return (body as { items: readonly Entry[] }).items
  }

  return node
}

const urlOf = ({ path }: DocumentedOperation, { path: values = {}, query }: Exercise): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? '')) +
  (query === undefined ? '' : `?${query}`)

async function send(
  address: string,
  method: string,
  path: string,
  { body, token = tokens.writer, headers, from: localAddress = '127.0.0.1' }: Question = {},
): Promise<Answered> {
  const [host, port] = address.split(':')
  const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json'
  const asking = request({
    ...{ host, port, method, path, localAddress, agent: false },
    headers: {
      ...(token !== '' && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': type }),
      ...headers,
    },
  }).end(body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body))
  const [response] = await once(asking, 'response')
  const bytes = await buffer(response)
  const { 'content-type': given, etag } = response.headers
  const isJson = given?.includes('json') === true
  const answer = isJson ? JSON.parse(String(bytes)) : bytes
  return { status: response.statusCode, type: given, body: answer, etag }
}
