import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { createAuthorizer } from '../../../src/adapters/registry/authorize.ts'
import type { Credential } from '../../../src/adapters/registry/credential.ts'
import type { EndpointSettings } from '../../../src/adapters/registry/settings.ts'
import { endpointAt, keepLog, makeTransport, serve } from './support/transport.ts'

const never = new AbortController().signal
const scope = 'repository:a/b:pull'
const basic: Credential = { kind: 'basic', username: 'user', password: 's3cret' }

type TokenAnswer = (request: IncomingMessage, response: ServerResponse, body: string) => void

interface Setting {
  readonly credential?: Credential | undefined
  readonly say?: TokenAnswer
  readonly endpoint?: (port: number) => Partial<EndpointSettings>
}

const grant: TokenAnswer = (_, response) => {
  response.end(JSON.stringify({ token: 'granted', expires_in: 300 }))
}

/** A token host on loopback, and an authorizer that asks it. */
async function setUp(t: Test, { credential, say = grant, endpoint }: Setting = {}) {
  const seen: { method: string; url: URL; authorization: string | undefined; body: string }[] = []
  const arrived = new EventTarget()
  const { port } = await serve(t, async (request, response) => {
    const body = (await request.toArray()).join('')
    const url = new URL(request.url ?? '', 'http://host')
    const { method = '', headers } = request
    seen.push({ method, url, authorization: headers.authorization, body })
    arrived.dispatchEvent(new Event('asked'))
    say(request, response, body)
  })
  const clock = { now: 0, wallMs: () => 0, monotonicMs: () => clock.now }
  const { log, lines } = keepLog()
  const authorizer = createAuthorizer({
    transport: makeTransport(t, { log, names: { localhost: ['127.0.0.1'] } }),
    findCredential: async () => credential,
    clock,
    log,
  })
  t.teardown(() => authorizer.close())
  const more = endpoint?.(port) ?? {}
  const timeouts = { connectMs: 10_000, headersMs: 10_000, stallMs: 10_000 }
  const settings = endpointAt(`http://127.0.0.1:${port}`, {
    registry: 'reg.test',
    timeouts,
    ...more,
  })
  const challenge = `Bearer realm="http://127.0.0.1:${port}/token?account=x",service="reg",scope="${scope}"`
  const answer = (text: string | string[] = challenge, wanted = scope) =>
    authorizer.answer(settings, wanted, text, never)
  const header = (wanted = scope) => authorizer.header(settings, wanted, never)
  return { authorizer, settings, clock, seen, lines, answer, header, challenge, port, arrived }
}

t.test('without credentials an anonymous token is fetched, and kept', async t => {
  const { answer, header, seen } = await setUp(t)
  t.equal(await header(), undefined, 'nothing is known yet')
  t.equal(await answer(), 'Bearer granted')
  t.equal(await header(), 'Bearer granted')
  t.equal(seen.length, 1)
  const [asked] = seen
  t.equal(asked?.authorization, undefined)
  t.strictSame(Object.fromEntries(asked?.url.searchParams ?? []), {
    account: 'x',
    service: 'reg',
    scope,
  })
})

t.test('user and password go to the own host as Basic', async t => {
  const { answer, seen } = await setUp(t, { credential: basic })
  t.equal(await answer(), 'Bearer granted')
  t.equal(seen[0]?.authorization, `Basic ${Buffer.from('user:s3cret').toString('base64')}`)
})

t.test('a realm on a foreign host is asked without credentials, unless it is listed', async t => {
  const foreign = (realms: readonly string[]) => (port: number) => ({
    url: `http://localhost:${port}`,
    realms,
  })
  const withheld = await setUp(t, { credential: basic, endpoint: foreign([]) })
  t.equal(await withheld.answer(), 'Bearer granted')
  t.equal(withheld.seen[0]?.authorization, undefined)
  t.match(withheld.lines.join(), /not sent to a foreign token host/)

  const listed = await setUp(t, {
    credential: basic,
    endpoint: port => foreign([`127.0.0.1:${port}`])(port),
  })
  await listed.answer()
  t.ok(listed.seen[0]?.authorization)

  const otherPort = await setUp(t, { credential: basic, endpoint: foreign(['127.0.0.1']) })
  await otherPort.answer()
  t.equal(otherPort.seen[0]?.authorization, undefined, 'a host without port means its usual one')
})

t.test('a plain http realm of an https registry gets no credentials', async t => {
  const { answer, seen } = await setUp(t, {
    credential: basic,
    endpoint: port => ({ url: `https://127.0.0.1:${port}` }),
  })
  t.equal(await answer(), 'Bearer granted')
  t.equal(seen[0]?.authorization, undefined)
})

/** For hosts that do not answer to the end. */
const short = { connectMs: 1_000, headersMs: 500, stallMs: 500 }

t.test('one dance a scope at a time, whoever asks', async t => {
  const { answer, seen } = await setUp(t)
  const headers = await Promise.all([answer(), answer(), answer(), answer(undefined, 'other')])
  t.strictSame(new Set(headers), new Set(['Bearer granted']))
  t.equal(seen.length, 2)
})

t.test('a dance that hangs is joined for a moment only: its connection may be dead', async t => {
  let count = 0
  const { answer, clock, seen, arrived } = await setUp(t, {
    endpoint: () => ({ timeouts: { ...short, connectMs: 5_000 } }),
    say: (request, response, body) => {
      count += 1
      if (count > 1) grant(request, response, body)
    },
  })
  const asked = once(arrived, 'asked')
  const hanging = answer()
  await asked
  clock.now += 1_999
  const joined = answer()
  await new Promise(setImmediate)
  clock.now += 1
  t.equal(await answer(), 'Bearer granted')
  t.equal(seen.length, 2)
  await t.rejects(hanging, { code: 'unreachable' })
  await t.rejects(joined, { code: 'unreachable' })
})

t.test('a new scope of a known endpoint needs no refusal first', async t => {
  const { answer, header, seen } = await setUp(t)
  await answer()
  t.equal(await header('repository:c/d:pull'), 'Bearer granted')
  t.equal(seen[1]?.url.searchParams.get('scope'), 'repository:c/d:pull')
})

t.test('where scopes have names of their own, they are learned from challenges', async t => {
  const { answer, header, seen, challenge } = await setUp(t)
  await answer(challenge.replace(scope, 'repository:tenant/a/b:pull'))
  t.equal(seen[0]?.url.searchParams.get('scope'), 'repository:tenant/a/b:pull')
  t.equal(await header('repository:c/d:pull'), undefined)
  t.equal(seen.length, 1)
})

t.test('a token is refreshed before it ends, behind the one still good', async t => {
  let count = 0
  const { answer, header, clock, seen, arrived } = await setUp(t, {
    say: (_, response) => {
      count += 1
      response.end(JSON.stringify({ access_token: `token-${count}`, expires_in: 100 }))
    },
  })
  await answer()
  clock.now = 74_000
  t.equal(await header(), 'Bearer token-1')
  t.equal(seen.length, 1)
  clock.now = 76_000
  const asked = new Promise(resolve => arrived.addEventListener('asked', resolve, { once: true }))
  t.equal(await header(), 'Bearer token-1', 'nobody waits')
  await asked
  while ((await header()) !== 'Bearer token-2') await new Promise(setImmediate)
  t.equal(seen.length, 2)
  clock.now = 400_000
  t.equal(await header(), 'Bearer token-3', 'an ended one is not sent')
})

t.test('a token without expires_in holds for a minute, and its age counts', async t => {
  const { answer, header, clock, seen } = await setUp(t, {
    say: (_, response) => {
      response.setHeader('date', 'Sat, 21 Nov 2026 10:00:30 GMT')
      response.end(JSON.stringify({ token: 'aged', issued_at: '2026-11-21T10:00:00Z' }))
    },
  })
  await answer()
  clock.now = 22_000
  await header()
  t.equal(seen.length, 1)
  clock.now = 30_000
  await header()
  t.equal(seen.length, 2, 'half of its minute was over when it came')
})

t.test('a forgotten token is fetched anew', async t => {
  const { authorizer, settings, answer, header, seen } = await setUp(t)
  await answer()
  authorizer.forget(settings, scope)
  t.equal(await header(), 'Bearer granted')
  t.equal(seen.length, 2)
})

t.test('a refresh token is exchanged by POST', async t => {
  const { answer, seen } = await setUp(t, {
    credential: { kind: 'identity', token: 'refr3sh', username: '<token>' },
  })
  t.equal(await answer(), 'Bearer granted')
  const [asked] = seen
  t.equal(asked?.method, 'POST')
  t.strictSame(Object.fromEntries(new URLSearchParams(asked?.body)), {
    grant_type: 'refresh_token',
    client_id: 'holdfast',
    refresh_token: 'refr3sh',
    service: 'reg',
    scope,
  })
})

t.test('a host that knows no POST gets the refresh token as password', async t => {
  const { answer, seen } = await setUp(t, {
    credential: { kind: 'identity', token: 'refr3sh', username: 'user' },
    say: (request, response, body) => {
      if (request.method === 'POST') response.writeHead(404).end()
      else grant(request, response, body)
    },
  })
  t.equal(await answer(), 'Bearer granted')
  t.equal(seen[1]?.authorization, `Basic ${Buffer.from('user:refr3sh').toString('base64')}`)
})

t.test('a foreign host never sees a refresh token', async t => {
  const { answer, seen } = await setUp(t, {
    credential: { kind: 'identity', token: 'refr3sh', username: 'user' },
    endpoint: port => ({ url: `http://localhost:${port}` }),
  })
  await answer()
  t.equal(seen[0]?.method, 'GET')
  t.notMatch(JSON.stringify(seen), /refr3sh/)
})

t.test('a Basic challenge is answered with Basic, and remembered', async t => {
  const { answer, header, seen } = await setUp(t, { credential: basic })
  const expected = `Basic ${Buffer.from('user:s3cret').toString('base64')}`
  t.equal(await answer('Basic realm="x"'), expected)
  t.equal(await header('repository:other:pull'), expected)
  t.equal(seen.length, 0)
})

t.test('of several challenges the token is taken, and Basic when it is denied', async t => {
  const { answer, challenge } = await setUp(t, { credential: basic })
  t.equal(await answer(['Negotiate', 'Basic realm="x"', challenge]), 'Bearer granted')
  const denying = await setUp(t, {
    credential: basic,
    say: (_, response) => response.writeHead(401).end(),
  })
  t.match(await denying.answer(['Basic realm="x"', denying.challenge]), /^Basic /)
})

t.test('without credentials a Basic challenge is a denial', async t => {
  const { answer } = await setUp(t)
  t.equal(await answer('Basic realm="x"'), undefined)
  t.equal(await answer('Digest realm="x"'), undefined)
  t.equal(await answer(''), undefined)
  t.equal(await answer('Bearer service="no realm"'), undefined)
})

t.test('a fixed token is sent as it is, and nothing replaces it', async t => {
  const { answer, header, seen } = await setUp(t, { credential: { kind: 'bearer', token: 'fix' } })
  t.equal(await header(), 'Bearer fix')
  t.equal(await answer(), undefined)
  t.equal(seen.length, 0)
})

for (const status of [401, 403]) {
  t.test(`${status} from the token host is a denial`, async t => {
    const { answer, seen } = await setUp(t, {
      credential: basic,
      say: (_, response) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}'),
    })
    t.equal(await answer(), undefined)
    t.equal(seen.length, 1)
  })
}

const portal = { 'content-type': 'text/html' }
const broken: Readonly<Record<string, TokenAnswer>> = {
  'answers 500': (_, response) => response.writeHead(500).end(),
  'answers 429': (_, response) => response.writeHead(429).end(),
  'shows a login page': (_, response) => response.writeHead(200, portal).end('<html>log in</html>'),
  'shows a login page as 403': (_, response) => response.writeHead(403, portal).end('<html>'),
  'redirects to a login page': (_, response) => response.writeHead(302, { location: '/in' }).end(),
  'sends JSON without a token': (_, response) => response.end('{"hello":"world"}'),
  'sends a token that is none': (_, response) => response.end('{"token":"a\\r\\nb: c"}'),
  'sends null': (_, response) => response.end('null'),
  'hangs up': request => request.socket.destroy(),
  'stays silent': () => undefined,
  'stalls in the body': (_, response) => response.write('{"token":'),
  'sends without end': (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(60_000))) {
        // until the buffer is full
      }
    }
    response.on('drain', more)
    more()
  },
  'sends one byte at a time': (_, response) => {
    const timer = setInterval(() => response.write(' '), 50)
    response.once('close', () => clearInterval(timer))
  },
}

const slow = ['stays silent', 'stalls in the body', 'sends one byte at a time']

for (const [what, say] of Object.entries(broken)) {
  t.test(`a token host that ${what} is unreachable`, async t => {
    const endpoint = () => (slow.includes(what) ? { timeouts: short } : {})
    const { answer, seen, lines } = await setUp(t, { credential: basic, say, endpoint })
    const before = performance.now()
    const error: unknown = await answer().catch((cause: unknown) => cause)
    t.match(error, { code: 'unreachable', reason: 'token', message: /reg\.test/ })
    t.ok(performance.now() - before < 10_000)
    t.ok(seen.length > 0, 'the fault did fire')
    const shown = `${(error as Error).stack} ${JSON.stringify(error)} ${lines.join()}`
    t.notMatch(shown, /s3cret|dXNlcjpzM2NyZXQ/)
  })
}

t.test('a dead token host is a token failure that keeps its cause', async t => {
  const { answer } = await setUp(t)
  await t.rejects(answer('Bearer realm="http://127.0.0.1:1/token"'), {
    code: 'unreachable',
    reason: 'token',
    cause: { reason: 'connect' },
  })
})

t.test('a token host that failed is asked again only after the endpoint named it anew', async t => {
  let isDead = false
  const { answer, header, seen } = await setUp(t, {
    say: (request, response, body) =>
      isDead ? request.socket.destroy() : grant(request, response, body),
  })
  await answer()
  isDead = true
  await t.rejects(header('repository:c/d:pull'), { code: 'unreachable' })
  const asked = seen.length
  t.ok(asked > 1, 'it was asked')
  t.equal(await header('repository:e/f:pull'), undefined, 'the endpoint may want no token by now')
  t.equal(seen.length, asked)
  isDead = false
  t.equal(await answer(), 'Bearer granted')
  t.equal(await header('repository:e/f:pull'), 'Bearer granted')
})

t.test('a realm never leads to a private address', async t => {
  const { authorizer } = await setUp(t)
  const endpoint = endpointAt('https://93.184.216.34')
  const asking = authorizer.answer(endpoint, scope, 'Bearer realm="http://127.0.0.1:1/"', never)
  await t.rejects(asking, { reason: 'token', cause: { reason: 'forbidden-address' } })
})

t.test('who leaves does not end the dance for the others', async t => {
  const held = Promise.withResolvers<() => void>()
  const { authorizer, settings, challenge, seen } = await setUp(t, {
    say: (request, response, body) => held.resolve(() => grant(request, response, body)),
  })
  const leaver = new AbortController()
  const left = authorizer.answer(settings, scope, challenge, leaver.signal)
  const stays = authorizer.answer(settings, scope, challenge, never)
  const release = await held.promise
  leaver.abort(new Error('left'))
  await t.rejects(left, { message: 'left' })
  release()
  t.equal(await stays, 'Bearer granted')
  t.equal(seen.length, 1)
})

t.test('tokens of one registry are not lent to another at the same URL', async t => {
  const { authorizer, settings, answer } = await setUp(t, { credential: basic })
  await answer()
  t.equal(await authorizer.header({ ...settings, registry: 'other.test' }, scope, never), undefined)
})

t.test('close ends a dance', async t => {
  const asked = Promise.withResolvers<void>()
  const { authorizer, answer } = await setUp(t, { say: () => asked.resolve() })
  const dancing = t.rejects(answer())
  await asked.promise
  await authorizer.close()
  await dancing
})
