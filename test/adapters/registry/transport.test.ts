import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { failureOf } from '../../../src/adapters/registry/failure.ts'
import {
  bodyOf,
  endpointAt,
  keepLog,
  makeTransport,
  question,
  serve,
  serveTcp,
} from './support/transport.ts'

const short = { connectMs: 400, headersMs: 300, stallMs: 300 }
const long = { connectMs: 20_000, headersMs: 20_000, stallMs: 20_000 }

t.test('an answer comes as it is, redirects included', async t => {
  const { port } = await serve(t, (request, response) => {
    response.writeHead(307, { location: '/elsewhere', 'x-twice': ['a', 'b'] })
    response.end(`${request.method} ${request.url} ${request.headers.accept}`)
  })
  const url = `http://127.0.0.1:${port}`
  const answer = await makeTransport(t).request(
    question(`${url}/v2/a?n=1`, endpointAt(url), { headers: { accept: 'text/x' } }),
  )
  t.equal(answer.status, 307)
  const { location } = answer.headers
  t.equal(location, '/elsewhere')
  t.strictSame(answer.headers['x-twice'], ['a', 'b'])
  t.equal(answer.url, `${url}/v2/a`, 'the query is left out')
  t.equal(answer.overVerifiedTls, false)
  t.equal(await bodyOf(answer), 'GET /v2/a?n=1 text/x')
})

t.test('every question carries the mark of its process, where it has one', async t => {
  const { port } = await serve(t, (request, response) => {
    response.end(`${request.headers['holdfast-node']} ${request.headers.accept}`)
  })
  const url = `http://127.0.0.1:${port}`
  const ask = async (mark: { readonly mark?: string }) => {
    const asked = question(`${url}/v2/a`, endpointAt(url), { headers: { accept: 'text/x' } })
    return bodyOf(await makeTransport(t, mark).request(asked))
  }
  t.equal(await ask({ mark: 'me' }), 'me text/x')
  t.equal(await ask({}), 'undefined text/x')
})

t.test('a HEAD needs no reading, and a POST sends its body', async t => {
  const { port, connections } = await serve(t, async (request, response) => {
    const sent = (await request.toArray()).join('')
    response.setHeader('x-sent', `${request.method} ${sent}`)
    response.end()
  })
  const url = `http://127.0.0.1:${port}/`
  const transport = makeTransport(t)
  const endpoint = endpointAt(url)
  for (let i = 0; i < 3; i += 1) {
    const head = await transport.request(question(url, endpoint, { method: 'HEAD' }))
    t.equal(head.headers['x-sent'], 'HEAD ')
  }
  const post = await transport.request(question(url, endpoint, { method: 'POST', body: 'a=b' }))
  t.equal(post.headers['x-sent'], 'POST a=b')
  await bodyOf(post)
  t.equal(connections(), 1, 'the connection is kept')
})

t.test('a body after a HEAD, which must not be, is not taken for an answer', async t => {
  const answers: string[] = []
  const { port } = await serveTcp(t, socket => {
    socket.on('data', data => {
      const [method = ''] = data.toString().split(' ')
      answers.push(method)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')
      socket.write(method === 'HEAD' ? 'login' : 'hello')
    })
  })
  const url = `http://127.0.0.1:${port}/`
  const transport = makeTransport(t)
  const endpoint = endpointAt(url)
  for (let i = 0; i < 3; i += 1) {
    await transport.request(question(url, endpoint, { method: 'HEAD' }))
    t.equal(await bodyOf(await transport.request(question(url, endpoint))), 'hello')
  }
  t.ok(answers.includes('HEAD'))
})

t.test('a fresh connection is a new one, and it is the one kept', async t => {
  const { port, connections } = await serve(t, (_, response) => response.end('yes'))
  const url = `http://127.0.0.1:${port}/`
  const transport = makeTransport(t)
  const endpoint = endpointAt(url)
  const ask = async (freshConnection: boolean) =>
    bodyOf(await transport.request(question(url, endpoint, { freshConnection })))
  await ask(false)
  await ask(true)
  t.equal(connections(), 2)
  await ask(false)
  t.equal(connections(), 2)
})

t.test('a fresh connection aside leaves the kept one alone, and is closed after use', async t => {
  const { port, connections } = await serve(t, (request, response) => {
    if (request.url === '/aside') request.socket.once('close', () => closed.resolve())
    response.end('yes')
  })
  const closed = Promise.withResolvers<void>()
  const url = `http://127.0.0.1:${port}/`
  const transport = makeTransport(t)
  const endpoint = endpointAt(url)
  const ask = async (path: string, freshConnection: boolean | 'aside') => {
    const asked = question(`${url}${path}`, endpoint, { freshConnection })
    t.equal(await bodyOf(await transport.request(asked)), 'yes')
  }
  await ask('', false)
  await ask('aside', 'aside')
  t.equal(connections(), 2)
  await closed.promise
  await ask('', false)
  t.equal(connections(), 2)
})

t.test('a kept connection that was closed meanwhile is no failure', async t => {
  const sockets: Socket[] = []
  const { port, connections } = await serve(t, (request, response) => {
    sockets.push(request.socket)
    if (sockets.length === 2) return request.socket.destroy()
    return response.end('yes')
  })
  const url = `http://127.0.0.1:${port}/`
  const transport = makeTransport(t)
  const endpoint = endpointAt(url)
  await bodyOf(await transport.request(question(url, endpoint)))
  t.equal(await bodyOf(await transport.request(question(url, endpoint))), 'yes')
  t.equal(sockets.length, 3, 'the second request was cut')
  t.equal(connections(), 2)
})

t.test('a new connection that is closed without an answer is a reset', async t => {
  const { port, connections } = await serveTcp(t, socket => {
    socket.once('data', () => socket.destroy())
  })
  const url = `http://127.0.0.1:${port}/`
  await t.rejects(makeTransport(t).request(question(url, endpointAt(url))), {
    code: 'unreachable',
    reason: 'reset',
  })
  t.equal(connections(), 1, 'asked once')
})

t.test('nobody listening is a connect failure', async t => {
  const url = 'http://127.0.0.1:1/'
  await t.rejects(makeTransport(t).request(question(url, endpointAt(url))), {
    code: 'unreachable',
    reason: 'connect',
    message: /127\.0\.0\.1:1 .*ECONNREFUSED/,
  })
})

const bad: Readonly<Record<string, { send: (socket: Socket) => void; reason: string }>> = {
  'bytes that are not HTTP': {
    send: socket => socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
    reason: 'protocol',
  },
  'endless headers': {
    send: socket => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const more = () => {
        while (socket.writable && socket.write(`x-filler: ${'a'.repeat(1000)}\r\n`)) {
          // until the buffer is full
        }
      }
      socket.on('drain', more)
      more()
    },
    reason: 'protocol',
  },
  silence: { send: () => undefined, reason: 'timeout' },
  'dribbling headers': {
    send: socket => {
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ')
      const timer = setInterval(() => socket.write('a'), 20)
      socket.once('close', () => clearInterval(timer))
    },
    reason: 'timeout',
  },
  'endless interim answers': {
    send: socket => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20)
      socket.once('close', () => clearInterval(timer))
    },
    reason: 'timeout',
  },
}

for (const [what, { send, reason }] of Object.entries(bad)) {
  t.test(`${what}: ended in bounded time as ${reason}`, async t => {
    let fired = 0
    const { port } = await serveTcp(t, socket => {
      socket.once('data', () => {
        fired += 1
        send(socket)
      })
    })
    const url = `http://127.0.0.1:${port}/`
    const timeouts = reason === 'timeout' ? short : long
    // On a busy machine its time may be over before it arrives.
    while (fired === 0) {
      const before = performance.now()
      const failed = makeTransport(t).request(question(url, endpointAt(url, { timeouts })))
      await t.rejects(failed, { code: 'unreachable', reason })
      t.ok(performance.now() - before < 10_000)
    }
    t.equal(fired, 1, 'the fault did fire')
  })
}

t.test(
  'a body that stalls fails as stalled, one that the reader leaves alone does not',
  async t => {
    const { port } = await serve(t, (request, response) => {
      response.writeHead(200, { 'content-length': '1000000' })
      response.write(Buffer.alloc(request.url === '/stall' ? 1_000 : 999_999))
      if (request.url !== '/stall') response.end('a')
    })
    const url = `http://127.0.0.1:${port}`
    const transport = makeTransport(t)
    const stallMs = 600
    const endpoint = endpointAt(url, { timeouts: { ...long, stallMs } })
    const stalled = await transport.request(question(`${url}/stall`, endpoint))
    const error = await bodyOf(stalled).catch((cause: unknown) => cause)
    t.match(failureOf(error, 'h'), { code: 'unreachable', reason: 'stalled' })

    const left = await transport.request(question(`${url}/slow-reader`, endpoint))
    await once(left.body, 'readable')
    // Time itself is what is tested: that nothing happens while it passes.
    await new Promise(resolve => setTimeout(resolve, 2 * stallMs))
    t.equal((await bodyOf(left)).length, 1_000_000)
  },
)

t.test('a body cut short is a failure, never an end', async t => {
  const { port } = await serve(t, (request, response) => {
    if (request.url === '/length') response.writeHead(200, { 'content-length': '100' })
    response.write('abc', () => request.socket.end())
  })
  const url = `http://127.0.0.1:${port}`
  const transport = makeTransport(t)
  for (const path of ['/length', '/chunked']) {
    const answer = await transport.request(question(`${url}${path}`, endpointAt(url)))
    const error = await bodyOf(answer).catch((cause: unknown) => cause)
    t.match(failureOf(error, 'h'), { code: 'unreachable', reason: /reset|protocol/ }, path)
  }
})

t.test('an abort rejects with its reason and cuts the connection', async t => {
  const closed = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const { port } = await serveTcp(t, socket => {
    socket.once('data', () => arrived.resolve())
    socket.once('close', () => closed.resolve())
  })
  const url = `http://127.0.0.1:${port}/`
  const controller = new AbortController()
  const { signal } = controller
  const asking = makeTransport(t).request(question(url, endpointAt(url), { signal }))
  await arrived.promise
  controller.abort(new Error('not wanted any more'))
  await t.rejects(asking, { message: 'not wanted any more' })
  await closed.promise
})

t.test('an abort also ends a body, and a read body leaves no listener behind', async t => {
  const { port } = await serve(t, (request, response) => {
    if (request.url === '/whole') return response.end('all')
    return response.write('some')
  })
  const url = `http://127.0.0.1:${port}`
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...all: Parameters<typeof addEventListener>) => {
    listeners += 1
    addEventListener.apply(signal, all)
  }
  signal.removeEventListener = (...all: Parameters<typeof removeEventListener>) => {
    listeners -= 1
    removeEventListener.apply(signal, all)
  }
  const transport = makeTransport(t)
  const whole = await transport.request(question(`${url}/whole`, endpointAt(url), { signal }))
  t.ok(listeners > 0)
  const closed = once(whole.body, 'close')
  await bodyOf(whole)
  await closed
  t.equal(listeners, 0)
  const part = await transport.request(question(url, endpointAt(url), { signal }))
  const reading = bodyOf(part)
  controller.abort(new Error('enough'))
  await t.rejects(reading, { message: 'enough' })
})

t.test('a silent host fails within the connect deadline, whatever the phase', async t => {
  const { port, connections } = await serveTcp(t, () => undefined)
  const url = `https://127.0.0.1:${port}/`
  const before = performance.now()
  const timeouts = { ...long, connectMs: 400 }
  const failed = makeTransport(t).request(question(url, endpointAt(url, { timeouts })))
  await t.rejects(failed, { code: 'unreachable', reason: 'timeout' })
  t.ok(performance.now() - before < 10_000)
  while (connections() === 0) await new Promise(setImmediate)
  t.equal(connections(), 1, 'TCP was accepted, TLS never answered')
})

t.test('a frozen resolver is bounded by the connect deadline', async t => {
  const resolveName = () => new Promise<never>(() => undefined)
  const url = 'http://registry.test/'
  const transport = makeTransport(t, { resolveName })
  await t.rejects(transport.request(question(url, endpointAt(url, { timeouts: short }))), {
    code: 'unreachable',
    reason: 'timeout',
  })
})

t.test('a dead address does not keep the living one waiting', async t => {
  const { port } = await serve(t, (_, response) => response.end('alive'))
  const url = `http://registry.test:${port}/`
  const transport = makeTransport(t, { names: { 'registry.test': ['127.0.0.2', '127.0.0.1'] } })
  t.equal(await bodyOf(await transport.request(question(url, endpointAt(url)))), 'alive')
})

t.test('close cuts what is under way, in bounded time', async t => {
  const arrived = Promise.withResolvers<void>()
  const { port } = await serveTcp(t, socket => {
    socket.once('data', () => arrived.resolve())
  })
  const url = `http://127.0.0.1:${port}/`
  const { log } = keepLog()
  const transport = makeTransport(t, { log })
  const asking = transport.request(question(url, endpointAt(url)))
  const rejected = t.rejects(asking)
  await arrived.promise
  await transport.close()
  await rejected
})
