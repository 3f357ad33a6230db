import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { makeAuthority } from '../registry/support/certificates.ts'

/** A question that came. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** What is answered: JSON with a status, or nothing at all. */
export type Answer = { readonly status?: number; readonly json: unknown } | 'silence'

/** A plain HTTP server in the place of Kubernetes' API, and a kubeconfig that leads to it. */
export async function startFakeApi(t: Test, answer: (asked: Asked) => Answer) {
  const asked: Asked[] = []
  const port = await listen(t, createServer(answerBy(answer, asked)))
  const kubeconfig = join(t.testdir({}), 'kubeconfig')
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'lab',
          cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true },
        },
      ],
      users: [{ name: 'node', user: { token: 'token-of-the-pod' } }],
      contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'node', namespace: 'mesh' } }],
      'current-context': 'lab',
    }),
  )
  return { kubeconfig, asked }
}

/** The same over TLS, and what a pod is given to reach it. */
export async function startPodApi(t: Test, answer: (asked: Asked) => Answer) {
  const asked: Asked[] = []
  const authority = makeAuthority()
  const tls = authority.issue({ hosts: ['127.0.0.1'] })
  const port = await listen(t, createTlsServer(tls, answerBy(answer, asked)))
  const directory = t.testdir({ 'ca.crt': authority.cert, token: 'token-of-the-pod\n' })
  return { access: { url: `https://127.0.0.1:${port}`, directory }, asked }
}

const answerBy =
  (answer: (asked: Asked) => Answer, asked: Asked[]): RequestListener =>
  (request, response) =>
    void answerOne(answer, asked, request, response)

async function answerOne(
  answer: (asked: Asked) => Answer,
  asked: Asked[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await text(request)
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://api')
  const { method = '', headers } = request
  const one: Asked = { method, path: pathname, query: searchParams, headers, body }
  asked.push(one)
  const said = answer(one)
  if (said === 'silence') return
  response.writeHead(said.status ?? 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(said.json))
}

async function listen(t: Test, server: ReturnType<typeof createServer>): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}
