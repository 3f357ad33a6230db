import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** An answer as it stood on the wire. */
export interface RawAnswer {
  readonly status: number
  /** Header lines as sent, without the status line. */
  readonly lines: readonly string[]
  /** Values by lower-case name; a repeated header has them joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** How the body ended: complete by its length, or by the connection's end. */
  readonly end: 'complete' | 'FIN' | 'RST'
}

/** A connection that speaks HTTP/1.1 by hand, so that every byte and the way it ends can be seen. */
export interface RawClient {
  readonly socket: Socket
  /** Sends one request and reads its answer. */
  ask(
    method: string,
    target: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<RawAnswer>
  /** Sends bytes as they are and reads one answer. */
  send(bytes: string, method?: string): Promise<RawAnswer>
  close(): void
}

/** Connects to a listener on this machine. */
export async function connectRaw(port: number, host = '127.0.0.1'): Promise<RawClient> {
  const socket = connect({ port, host, noDelay: true })
  await once(socket, 'connect')
  let received = Buffer.alloc(0)
  /** Came since `received` was last put together. */
  let parts: Buffer[] = []
  let length = 0
  let ended: 'FIN' | 'RST' | undefined
  let wake = (): void => {}
  socket.on('data', chunk => {
    parts.push(chunk)
    length += chunk.length
    wake()
  })
  socket.on('end', () => {
    ended ??= 'FIN'
    wake()
  })
  socket.on('error', () => {
    ended = 'RST'
    wake()
  })
  socket.on('close', () => {
    ended ??= 'RST'
    wake()
  })

  async function more(): Promise<boolean> {
    if (ended !== undefined) return false
    const before = length
    await new Promise<void>(resolve => {
      wake = resolve
      if (length > before || ended !== undefined) resolve()
    })
    return true
  }

  const join = (): void => {
    received = Buffer.concat([received, ...parts])
    parts = []
  }

  const take = (bytes: number): Buffer => {
    join()
    const taken = received.subarray(0, bytes)
    received = received.subarray(taken.length)
    length -= taken.length
    return taken
  }

  async function readHead(): Promise<string> {
    for (;;) {
      join()
      const at = received.indexOf('\r\n\r\n')
      if (at >= 0)
        return take(at + 4)
          .toString('latin1')
          .trimEnd()
      if (!(await more())) throw new Error(`the connection ended (${ended}) before an answer`)
    }
  }

  async function readAnswer(method: string): Promise<RawAnswer> {
    const [statusLine = '', ...lines] = (await readHead()).split('\r\n')
    const headers = readHeaders(lines)
    const wanted = method === 'HEAD' ? 0 : Number(headers['content-length'] ?? Number.NaN)
    while (!(length >= wanted) && (await more()));
    const isComplete = length >= wanted
    const body = take(isComplete ? wanted : length)
    const status = Number(statusLine.split(' ')[1])
    return { status, lines, headers, body, end: isComplete ? 'complete' : (ended ?? 'RST') }
  }

  const send = (bytes: string, method = 'GET'): Promise<RawAnswer> => {
    socket.write(bytes)
    return readAnswer(method)
  }

  return {
    socket,
    send,
    ask: (method, target, headers = {}) => {
      const lines = Object.entries({ Host: 'mirror', ...headers }).map(([k, v]) => `${k}: ${v}`)
      return send(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, method)
    },
    close: () => void socket.destroy(),
  }
}

function readHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return headers
}
