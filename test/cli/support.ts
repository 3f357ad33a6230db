import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { Parts } from '../../src/cli/command.ts'
import { runCli } from '../../src/cli/run.ts'

/** What a run of the command line left behind. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** What a command may load, but for a node. */
export const noParts: Parts = {
  loadDaemon: () => Promise.reject(new Error('this test starts no node')),
  loadKeyFiles: () => import('../../src/adapters/cluster-keys/key-file.ts'),
  loadEarlierBundle: () => import('../../src/daemon/earlier-bundle.ts'),
  loadSupport: () => import('../../src/daemon/pack-support.ts'),
  loadContainerdSetup: () => import('../../src/daemon/containerd-setup.ts'),
  loadUninstall: () => import('../../src/daemon/uninstall.ts'),
  loadNodeWork: () => import('../../src/adapters/kubernetes/node-work.ts'),
}

/** Runs a command line in this process; only the variables given are there. */
export async function cli(
  argv: readonly string[],
  { env = {}, parts = noParts }: { env?: Record<string, string>; parts?: Partial<Parts> } = {},
): Promise<Ran> {
  let out = ''
  let err = ''
  const terminal = {
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
    isTerminal: false,
  }
  const code = await runCli(argv, { ...noParts, ...parts }, { env, terminal })
  return { code, out, err }
}

/** What was asked of a scripted admin API. */
export interface AdminQuestion {
  readonly url: URL
  readonly method: string | undefined
  readonly authorization: string | undefined
  /** `If-Match` or `If-None-Match`. */
  readonly precondition: string | undefined
  /** As JSON says it; `undefined` when there was none. */
  readonly body: unknown
}

/** A node's admin API as a script: answers by path, and remembers what was asked. */
export interface ScriptedAdmin {
  readonly address: string
  readonly asked: readonly AdminQuestion[]
  /** Those that change something. */
  readonly changes: () => readonly AdminQuestion[]
  readonly env: Record<string, string>
}

type Answer = readonly [status: number, body: unknown]

/** A list as a node gives it, which names itself and the time, where the script does not. */
const signed = (given: unknown): unknown =>
  typeof given === 'object' && given !== null && 'items' in given ? { ...origin, ...given } : given

/** Of a list that tells nothing else of it. */
const origin = { node: 'bridge', asOf: '2026-11-20T03:00:00.000Z' }

/** Listens on loopback until the test ends. `answer` sees the URL with its query. */
export async function scriptAdmin(
  t: Test,
  answer: (url: URL, method: string | undefined) => Answer,
): Promise<ScriptedAdmin> {
  const asked: AdminQuestion[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '/', 'http://admin')
    const { method, headers } = request
    const isJson = headers['content-type'] === 'application/json'
    const body = isJson ? JSON.parse(await text(request)) : undefined
    const precondition = headers['if-match'] ?? headers['if-none-match']
    asked.push({ url, method, authorization: headers.authorization, precondition, body })
    const [status, given] = answer(url, method)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof given === 'string' ? given : JSON.stringify(signed(given)))
  })
  const port = await listen(t, server)
  const address = `127.0.0.1:${port}`
  const changes = () => asked.filter(one => one.method !== 'GET')
  return {
    address,
    asked,
    changes,
    env: { HOLDFAST_ADDRESS: address, HOLDFAST_ADMIN_TOKEN: 'sesame' },
  }
}

/** Listens on a free port of loopback, or on a path, until the test ends. */
export async function listen(t: Test, server: Server, path?: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  if (path === undefined) server.listen(0, '127.0.0.1', resolve)
  else server.listen(path, resolve)
  await promise
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return path === undefined ? (server.address() as AddressInfo).port : 0
}
