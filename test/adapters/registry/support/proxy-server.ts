import { once } from 'node:events'
import { request as ask, createServer } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface ProxyOnLoopback {
  readonly port: number
  /** `CONNECT host:port` and `GET URL`, as they came. */
  readonly seen: string[]
  /** `Proxy-Authorization` of each. */
  readonly credentials: (string | undefined)[]
}

/** A forward proxy that leads every name to loopback; ended with the test. `refuse`: the status for every CONNECT. */
export async function startProxy(
  t: Test,
  options: { readonly tls?: ServerOptions; readonly refuse?: string } = {},
): Promise<ProxyOnLoopback> {
  const seen: string[] = []
  const credentials: (string | undefined)[] = []
  const open = new Set<Socket>()
  const server = options.tls === undefined ? createServer() : createTlsServer(options.tls)

  function keep(socket: Socket) {
    open.add(socket)
    socket.on('error', () => undefined).once('close', () => open.delete(socket))
  }
  server.on('connection', keep)
  server.on('request', (request, response) => {
    seen.push(`${request.method} ${request.url}`)
    credentials.push(request.headers['proxy-authorization'])
    const { port, pathname, host } = new URL(request.url ?? '')
    const onward = ask({ host: '127.0.0.1', port, path: pathname, headers: { host } }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.end()
  })
  server.on('connect', (request, socket: Socket) => {
    seen.push(`CONNECT ${request.url}`)
    credentials.push(request.headers['proxy-authorization'])
    if (options.refuse !== undefined) return socket.end(`HTTP/1.1 ${options.refuse}\r\n\r\n`)
    const port = Number(request.url?.split(':').at(-1))
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    keep(onward)
    return undefined
  })

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { port: (server.address() as AddressInfo).port, seen, credentials }
}
