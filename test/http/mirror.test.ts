import { once } from 'node:events'
import t from 'tap'
import { silentObserver } from '../../src/http/mirror-observer.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { OciError } from '../../src/oci/errors.ts'
import { UpstreamFailure } from '../../src/ports/errors.ts'
import type { RequestKind, Target } from '../../src/ports/mirror-request.ts'
import { connectRaw } from '../support/raw-http.ts'
import {
  blobOf,
  errorOf,
  gotManifest,
  keepLog,
  manifestBytes,
  manifestDigest,
  manifestType,
  resolved,
  startMirror,
} from './support.ts'

const byTag = '/v2/lab/app/manifests/latest?ns=reg.lab%3A5000'
const byDigest = `/v2/lab/app/manifests/${manifestDigest}?ns=reg.lab%3A5000`

t.test('the base says that this is a registry', async t => {
  const { client } = await startMirror(t)
  for (const target of ['/v2/', '/v2', '/v2/?ns=docker.io', 'http://mirror/v2/']) {
    const got = await client.ask('GET', target)
    t.equal(got.status, 200, target)
    t.equal(got.headers['docker-distribution-api-version'], 'registry/2.0')
    t.equal(got.body.toString(), '{}')
    t.equal((await client.ask('HEAD', target)).status, 200)
  }
})

t.test("what is malformed gets a 4xx in the spec's form, and the connection lives on", async t => {
  const { client } = await startMirror(t)
  for (const [target, status, code] of [
    ['/v2/lab/app/manifests/latest?ns=%E0%A4%A', 400, 'NAME_INVALID'],
    ['/v2/lab/app/manifests/latest?ns=', 400, 'NAME_INVALID'],
    ['/v2/lab/app/manifests/latest?ns=a%0d%0ab.lab', 400, 'NAME_INVALID'],
    ['/v2/lab/app/manifests/%zz', 400, 'NAME_INVALID'],
    ['/v2/UPPER/app/manifests/latest', 400, 'NAME_INVALID'],
    ['/v2/lab/app/manifests/-latest', 400, 'TAG_INVALID'],
    ['/v2/lab/app/manifests/sha256:abc', 400, 'DIGEST_INVALID'],
    ['/v2/lab/app/blobs/sha256:abc', 400, 'DIGEST_INVALID'],
    ['/v2/lab/app/referrers/latest', 400, 'DIGEST_INVALID'],
    ['/v2/lab/../manifests/latest', 400, 'NAME_INVALID'],
    [`/v2/${'a/'.repeat(2000)}manifests/latest`, 404, 'NAME_UNKNOWN'],
    ['/v2/lab/app/tags/list?n=many', 400, 'PAGINATION_NUMBER_INVALID'],
    ['/v2/lab/app/tags/list?n=-1', 400, 'PAGINATION_NUMBER_INVALID'],
    ['/v2/lab/app/nonsense', 404, 'NAME_UNKNOWN'],
    ['/v2/_catalog', 404, 'NAME_UNKNOWN'],
    ['/', 404, 'NAME_UNKNOWN'],
    ['/v1/search', 404, 'NAME_UNKNOWN'],
    ['//v2/lab/app/manifests/latest', 404, 'NAME_UNKNOWN'],
    ['*', 404, 'NAME_UNKNOWN'],
  ] as const) {
    const got = await client.ask('GET', target)
    t.equal(got.status, status, target)
    t.equal(got.headers['content-type'], 'application/json', target)
    t.equal(errorOf(got.body).code, code, target)
    t.ok(got.body.length < 600, 'small')
    const head = await client.ask('HEAD', target)
    t.equal(head.status, status, `HEAD ${target}`)
  }
})

t.test('headers without end and bytes that are no request get a 4xx', async t => {
  const { port } = await startMirror(t)
  for (const [bytes, status] of [
    [`GET /v2/${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    [`GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    ['BREW /v2/ HTCPCP/1.0\r\n\r\n', 400],
  ] as const) {
    const client = await connectRaw(port)
    const got = await client.send(bytes)
    t.equal(got.status, status)
    t.ok(errorOf(got.body).code)
    client.close()
  }
})

t.test('writes are refused with what is allowed, without reading their bodies', async t => {
  const { client } = await startMirror(t)
  for (const [method, target] of [
    ['POST', '/v2/lab/app/blobs/uploads/'],
    ['PUT', '/v2/lab/app/manifests/latest'],
    ['PATCH', '/v2/lab/app/blobs/uploads/1'],
    ['DELETE', byDigest],
    ['PUT', '/elsewhere'],
    ['OPTIONS', '/v2/'],
  ] as const) {
    const body = 'x'.repeat(100_000)
    const got = await client.send(
      `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: nobody/knows\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    t.equal(got.status, 405, `${method} ${target}`)
    t.match(got.headers, { allow: 'GET, HEAD' })
    t.equal(errorOf(got.body).code, 'UNSUPPORTED')
  }
  t.equal((await client.ask('GET', '/v2/')).status, 200, 'and the connection is still good')
})

t.test('a registry nobody configured is refused with the key that would allow it', async t => {
  let isAsked = false
  const { client } = await startMirror(t, {
    resolveTag: async () => {
      isAsked = true
      return resolved()
    },
  })
  const got = await client.ask('GET', '/v2/lab/app/manifests/latest?ns=unknown.lab')
  t.equal(got.status, 404)
  t.match(errorOf(got.body), { code: 'NAME_UNKNOWN', message: /upstreams\."unknown\.lab"/ })
  t.notOk(isAsked)
})

t.test('a question of its own that comes back is ended, and no other', async t => {
  let asked = 0
  const { client } = await startMirror(t, {
    mark: 'me',
    resolveTag: async () => {
      asked += 1
      return resolved()
    },
  })
  const looped = await client.ask('GET', byTag, { 'Holdfast-Node': 'me' })
  t.equal(looped.status, 508, 'no status that a registry gives')
  t.match(errorOf(looped.body), { message: /its own upstream/ })
  t.equal((await client.ask('GET', '/v2/', { 'Holdfast-Node': 'me' })).status, 508)
  t.equal(asked, 0)
  t.equal((await client.ask('HEAD', byTag, { 'Holdfast-Node': 'another' })).status, 200)
})

t.test('an image of the check is made here, whole, and no journey is asked', async t => {
  const { client } = await startMirror(t, { isServed: () => false })
  const at = (kind: string, what: string) => `/v2/seed1/${kind}/${what}?ns=holdfast.check`
  const head = await client.ask('HEAD', at('manifests', 'check'))
  t.match(head, { status: 200, headers: { 'holdfast-source': 'check' } })
  const digest = head.headers['docker-content-digest'] ?? ''
  const got = await client.ask('GET', at('manifests', digest))
  t.equal(digestOf(got.body), digest)
  const { config, layers } = JSON.parse(got.body.toString())
  for (const { digest, size, mediaType } of [config, ...layers]) {
    const { body, headers } = await client.ask('GET', at('blobs', digest))
    t.strictSame([digestOf(body), body.length, headers['content-type']], [digest, size, mediaType])
  }
  const other = await client.ask('GET', at('manifests', 'check').replace('seed1', 'seed2'))
  t.not(digestOf(other.body), digest, 'another seed is another image')
  t.equal((await client.ask('GET', at('manifests', manifestDigest))).status, 404)
  t.equal((await client.ask('GET', at('tags', 'list'))).status, 404)
})

t.test('a HEAD by tag has digest, type, length, namespace and source', async t => {
  const asked: unknown[] = []
  const { client } = await startMirror(t, {
    resolveTag: async (key, { asking }) => {
      asked.push({ ...key, asking })
      return resolved()
    },
  })
  const got = await client.ask('HEAD', byTag, { Accept: 'text/html' })
  t.equal(got.status, 200)
  t.match(got.headers, {
    'docker-content-digest': manifestDigest,
    'content-type': manifestType,
    'content-length': String(manifestBytes.length),
    'oci-namespace': 'reg.lab:5000',
    'holdfast-source': 'upstream',
  })
  for (const absent of ['age', 'warning', 'etag', 'content-encoding', 'last-modified']) {
    t.notOk(absent in got.headers, absent)
  }
  t.same(asked, [
    { registry: 'reg.lab:5000', repository: 'lab/app', tag: 'latest', asking: 'HEAD' },
  ])
})

t.test('what is not fresh says how old it is and why', async t => {
  const { client } = await startMirror(t, {
    resolveTag: async () =>
      resolved({
        source: 'ledger',
        fresh: false,
        ageSeconds: 4711,
        reason: 'no "answer" — 1000 ms',
      }),
    getManifest: async () => gotManifest,
  })
  for (const method of ['HEAD', 'GET']) {
    const { headers } = await client.ask(method, byTag)
    t.match(headers, {
      age: '4711',
      warning: '299 - "no \\"answer\\" ? 1000 ms"',
      'holdfast-source': 'ledger',
    })
  }
})

t.test('a GET by tag or digest gives the bytes as they are, whatever is accepted', async t => {
  const { client } = await startMirror(t, {
    resolveTag: async () => resolved(),
    getManifest: async () => gotManifest,
  })
  for (const [target, source] of [
    [byTag, 'upstream'],
    [byDigest, 'store'],
  ] as const) {
    for (const headers of [
      {},
      { Accept: 'text/html' },
      { 'Accept-Encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' },
      { Range: 'bytes=0-' },
      { Range: 'bytes=5-9' },
      { 'If-None-Match': `"${manifestDigest}"` },
      { 'If-None-Match': '*' },
      { 'If-Modified-Since': 'Sat, 21 Nov 2099 00:00:00 GMT' },
      { 'If-Match': '"else"' },
      { Authorization: 'Basic dXNlcjpzZWNyZXQ=' },
    ]) {
      const got = await client.ask('GET', target, headers)
      t.equal(got.status, 200, JSON.stringify(headers))
      t.ok(got.body.equals(manifestBytes))
      t.equal(got.headers['content-type'], manifestType, 'without a charset')
      t.equal(got.headers['docker-content-digest'], manifestDigest)
      t.equal(got.headers['holdfast-source'], source)
      t.notOk('content-encoding' in got.headers)
      t.notOk('etag' in got.headers)
    }
    const head = await client.ask('HEAD', target)
    t.equal(head.headers['content-length'], String(manifestBytes.length))
  }
})

t.test('ns and path prefix give the same answer, but for the ns that is echoed', async t => {
  const { client } = await startMirror(t, {
    resolveTag: async key => resolved({ key, reason: JSON.stringify(key), fresh: false }),
    getManifest: async () => gotManifest,
    listTags: async () => ({ tags: ['latest'], source: 'upstream' }),
  })
  for (const forms of [
    [
      byTag,
      '/v2/reg.lab:5000/lab/app/manifests/latest',
      '/v2/reg.lab%3A5000/lab/app/manifests/latest',
    ],
    [
      '/v2/library/nginx/manifests/1?ns=docker.io',
      '/v2/docker.io/library/nginx/manifests/1',
      '/v2/docker.io/nginx/manifests/1',
      '/v2/nginx/manifests/1',
      '/v2/library/nginx/manifests/1',
    ],
    ['/v2/nginx/tags/list?ns=docker.io', '/v2/docker.io/library/nginx/tags/list'],
  ]) {
    const answers = await askAll(client, forms)
    for (const answer of answers) t.same(answer, answers[0])
    t.match(answers[0], { 0: 200 })
  }
  const alias = await client.ask('HEAD', '/v2/library/nginx/manifests/1?ns=registry-1.docker.io')
  t.equal(alias.headers['oci-namespace'], 'registry-1.docker.io', 'as it was written')
})

async function askAll(
  client: Awaited<ReturnType<typeof connectRaw>>,
  targets: readonly string[],
): Promise<readonly unknown[]> {
  const answers: unknown[] = []
  for (const target of targets) {
    const { status, headers, body } = await client.ask('GET', target)
    const { date: _, ...stable } = headers
    answers.push([status, stable, body.toString()])
  }
  return answers
}

t.test('a tag without an answer is a small 404 that says why, and never a challenge', async t => {
  const { client } = await startMirror(t, {
    resolveTag: async key => ({
      found: false,
      key,
      reason: `401 ${'x'.repeat(5000)}`,
      failure: 'denied',
      steps: [],
    }),
  })
  const got = await client.ask('GET', byTag)
  t.equal(got.status, 404)
  t.match(errorOf(got.body), {
    code: 'MANIFEST_UNKNOWN',
    message: /reg\.lab:5000\/lab\/app:latest/,
    detail: { failure: 'denied', reason: /^401/ },
  })
  t.ok(got.body.length < 1024)
  t.notOk('www-authenticate' in got.headers)
  const head = await client.ask('HEAD', byTag)
  t.equal(head.status, 404)
  t.equal(head.body.length, 0)
  t.equal((await client.ask('GET', '/v2/')).status, 200, 'the connection is kept')
})

t.test('a manifest that cannot be had is a 404 with the reason', async t => {
  const { client } = await startMirror(t, {
    resolveTag: async () => resolved(),
    getManifest: async () => ({ absent: true, reason: 'nobody has it', failure: 'unreachable' }),
  })
  for (const target of [byTag, byDigest]) {
    const got = await client.ask('GET', target)
    t.equal(got.status, 404)
    t.match(errorOf(got.body), {
      code: 'MANIFEST_UNKNOWN',
      detail: { reason: 'nobody has it', failure: 'unreachable' },
    })
  }
})

t.test('a fault of ours is a 503, logged as ours and not told in detail', async t => {
  const { log, lines } = keepLog()
  const fault = new TypeError('secret inner words')
  const { client } = await startMirror(t, {
    log,
    resolveTag: async () => {
      throw fault
    },
    getManifest: () => {
      throw fault
    },
    openBlob: async () => {
      throw fault
    },
  })
  for (const target of [byTag, byDigest, `/v2/lab/app/blobs/${manifestDigest}?ns=reg.lab`]) {
    const got = await client.ask('GET', target)
    t.equal(got.status, 503, target)
    t.match(errorOf(got.body), { code: 'UNKNOWN' })
    t.notMatch(got.body.toString(), /secret/)
  }
  const told = lines.filter(({ level, fields: { err } }) => level === 'error' && err === fault)
  t.equal(told.length, 3)
})

t.test('failures keep their meaning, and none is a 401, 429 or redirect', async t => {
  const { log, lines } = keepLog()
  let error: Error = new Error()
  const { client } = await startMirror(t, {
    log,
    listTags: async () => {
      throw error
    },
  })
  for (const [thrown, status] of [
    [new UpstreamFailure('unreachable', 'connect', 'refused'), 503],
    [new UpstreamFailure('rate-limited', 'rate-limited', 'slow down', { status: 429 }), 503],
    [new UpstreamFailure('denied', 'denied', 'no', { status: 401 }), 404],
    [new UpstreamFailure('not-found', 'not-found', 'no', { status: 404 }), 404],
    [new OciError('UNAUTHORIZED', 'no'), 404],
    [new OciError('TOOMANYREQUESTS', 'no'), 503],
  ] as const) {
    error = thrown
    t.equal((await client.ask('GET', '/v2/lab/app/tags/list?ns=reg.lab')).status, status)
  }
  t.same(lines, [], 'none of these is alarming')
})

t.test('an answer that never comes is a 503 in time, and its journey is told', async t => {
  const signals: AbortSignal[] = []
  const hang = (signal: AbortSignal): Promise<never> => {
    signals.push(signal)
    return new Promise(() => {})
  }
  const { port } = await startMirror(
    t,
    {
      resolveTag: (_key, { signal }) => hang(signal),
      getManifest: (_repository, _digest, signal) => hang(signal),
      openBlob: (_repository, _digest, { signal }) => hang(signal),
      listTags: (_repository, signal) => hang(signal),
      listReferrers: (_repository, _digest, signal) => hang(signal),
    },
    { answerWithinMs: 10 },
  )
  for (const target of [
    byTag,
    byDigest,
    `/v2/lab/app/blobs/${manifestDigest}?ns=reg.lab`,
    '/v2/lab/app/tags/list?ns=reg.lab',
    `/v2/lab/app/referrers/${manifestDigest}?ns=reg.lab`,
  ]) {
    const client = await connectRaw(port)
    const got = await client.ask('GET', target)
    t.equal(got.status, 503, target)
    t.match(errorOf(got.body), { message: 'not answered in time' })
    client.close()
  }
  t.equal(signals.length, 5)
  t.ok(signals.every(signal => signal.aborted))
})

t.test('a journey that ends after its answer was overdue changes nothing', async t => {
  const late = Promise.withResolvers<void>()
  const { client } = await startMirror(
    t,
    {
      resolveTag: async () => {
        await late.promise
        return resolved()
      },
    },
    { answerWithinMs: 10 },
  )
  t.equal((await client.ask('HEAD', byTag)).status, 503)
  late.resolve()
  t.equal((await client.ask('GET', '/v2/')).status, 200)
})

t.test('requests by further ways are counted apart, under a closed set', async t => {
  const ways: Target[] = []
  const { client } = await startMirror(t, {
    observer: { ...silentObserver, cameBy: target => ways.push(target) },
    resolveTag: async () => resolved(),
  })
  for (const way of [undefined, '2', '4', '99', 'x'.repeat(999)]) {
    const headers = way === undefined ? {} : { 'Holdfast-Target': way }
    t.equal((await client.ask('HEAD', byTag, headers)).status, 200)
  }
  t.same(ways, ['2', '4', 'other', 'other'])
})

t.test('every request is counted under a kind of a closed set', async t => {
  const counted: [RequestKind, number][] = []
  const { client } = await startMirror(t, {
    observer: { ...silentObserver, answered: (kind, status) => counted.push([kind, status]) },
    resolveTag: async () => resolved(),
    openBlob: async () => blobOf(Buffer.from('abc')),
  })
  await client.ask('HEAD', byTag)
  await client.ask('GET', byDigest)
  await client.ask('GET', `/v2/lab/app/blobs/${manifestDigest}?ns=reg.lab`)
  await client.ask('GET', '/v2/lab/app/tags/list?ns=reg.lab')
  await client.ask('GET', `/v2/lab/app/referrers/${manifestDigest}?ns=reg.lab`)
  await client.ask('GET', '/v2/')
  await client.ask('GET', '/v2/lab/app/manifests/a%20b')
  await client.ask('DELETE', byTag)
  t.same(counted, [
    ['manifest-by-tag', 200],
    ['manifest-by-digest', 404],
    ['blob', 200],
    ['tags', 404],
    ['referrers', 200],
    ['base', 200],
    ['other', 400],
    ['write', 405],
  ])
})

t.test(
  'connections are kept longer than any client keeps them, for as many requests as come',
  async t => {
    const { client } = await startMirror(t, { resolveTag: async () => resolved() })
    let first: Readonly<Record<string, string>> = {}
    for (let i = 0; i < 300; i++) first = (await client.ask('HEAD', byTag)).headers
    t.match(first, { 'keep-alive': /timeout=7[0-9]/, connection: 'keep-alive' })
  },
)

t.test(
  'a stop lets a running answer end, closes idle connections and cuts the rest by FIN',
  async t => {
    const asked = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    const { port, client, stop } = await startMirror(
      t,
      {
        resolveTag: async () => {
          asked.resolve()
          await go.promise
          return resolved()
        },
        openBlob: async () =>
          blobOf(Buffer.alloc(1000), position => (position === 0 ? 10 : new Promise(() => {}))),
      },
      { graceMs: 300 },
    )
    const idle = await connectRaw(port)
    const stuck = await connectRaw(port)
    const stuckAnswer = stuck.ask('GET', `/v2/lab/app/blobs/${manifestDigest}?ns=reg.lab`)
    await once(stuck.socket, 'data')
    const running = client.ask('HEAD', byTag)
    await asked.promise
    const stopped = stop()
    await once(idle.socket, 'close')
    await t.rejects(connectRaw(port), { code: 'ECONNREFUSED' })
    go.resolve()
    t.equal((await running).status, 200)
    t.match(await stuckAnswer, { status: 200, end: 'FIN' })
    await stopped
  },
)

t.test('a stop delivers what was written but not yet sent', async t => {
  const bytes = Buffer.alloc(32 * 1024 * 1024, 'x')
  const got = Promise.withResolvers<void>()
  const { client, stop } = await startMirror(
    t,
    {
      getManifest: async () => {
        got.resolve()
        return { ...gotManifest, bytes }
      },
    },
    { graceMs: 10_000 },
  )
  client.socket.pause()
  const answer = client.ask('GET', byDigest)
  await got.promise
  await new Promise(setImmediate)
  const stopped = stop()
  client.socket.resume()
  const { body, end } = await answer
  t.equal(end, 'complete')
  t.equal(body.length, bytes.length)
  await stopped
})
