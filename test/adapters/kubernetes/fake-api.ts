import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

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
  const server = createServer((request, response) => {
    void text(request).then(body => {
      const url = new URL(request.url ?? '', 'http://api')
      const one: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body,
      }
      asked.push(one)
      const said = answer(one)
      if (said === 'silence') return
      response.writeHead(said.status ?? 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(said.json))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
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
