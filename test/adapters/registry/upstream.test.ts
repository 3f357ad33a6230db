import type { Test } from 'tap'
import t from 'tap'
import { makeAuthority } from './support/certificates.ts'
import { stopTime } from './support/stopped-time.ts'
import { makeTransport } from './support/transport.ts'
import {
  askLatest,
  at,
  bytesOf,
  contents,
  failsAs,
  image,
  layer,
  makeUpstream,
  never,
  otherImage,
  repository,
  serveRegistry,
} from './support/upstream.ts'

const { digest } = image
const long = { connectMs: 20_000, headersMs: 20_000, stallMs: 20_000 }

/** A registry, a mirror before it, and a client that asks the mirror first. */
async function makeMirrored(t: Test, settings: object = {}) {
  const mirror = await serveRegistry(t)
  const owner = await serveRegistry(t)
  const time = stopTime()
  const upstreams = {
    'hub.example': {
      url: owner.url,
      endpoints: [{ url: mirror.url }],
      timeouts: long,
      ...settings,
    },
  }
  const upstream = makeUpstream(t, upstreams, { ...time, random: () => 0 })
  const ask = () => askLatest(upstream, 'hub.example', { deadlineMs: 900 })
  return { mirror, owner, time, upstream, ask }
}

const hub = { registry: 'hub.example', repository }

t.test('endpoints are asked in order, the registry itself last', async t => {
  const { mirror, owner, ask, upstream } = await makeMirrored(t)
  t.match(await ask(), { digest, endpoint: mirror.url })
  t.equal(owner.log.length, 0)
  t.match(mirror.log[0]?.path, /\?ns=hub\.example$/, 'a mirror is told whose repository it is')
  t.strictSame(
    upstream.endpoints().map(({ url }) => url),
    [mirror.url, owner.url],
  )
})

t.test('what an endpoint does not have is asked of the next', async t => {
  const { mirror, owner, ask, upstream } = await makeMirrored(t)
  mirror.removeTag(repository, 'latest')
  mirror.removeBlob(repository, layer.digest)
  t.match(await ask(), { digest, endpoint: owner.url })
  const blob = await upstream.getBlob(hub, layer.digest, 0, never)
  t.ok((await bytesOf(blob.body)).equals(layer.bytes))
  t.notMatch(owner.log[0]?.path, /ns=/)
})

t.test('a refusing endpoint is passed over, and soon not asked at all', async t => {
  const { mirror, owner, ask, upstream } = await makeMirrored(t)
  await mirror.refuse()
  for (let n = 0; n < 3; n += 1) t.match(await ask(), { endpoint: owner.url })
  t.match(upstream.endpoints(), [{ state: 'open' }, { state: 'closed' }])
  t.equal(upstream.reach(hub).state, 'reachable')
})

t.test('a silent endpoint costs a third of the deadline, once', async t => {
  const { mirror, owner, time, ask, upstream } = await makeMirrored(t)
  mirror.freeze()
  const answer = ask()
  await mirror.waitFor(log => log.length > 0)
  t.equal(owner.log.length, 0)
  time.advance(300)
  t.match(await answer, { digest, endpoint: owner.url })
  t.match(upstream.endpoints(), [{ state: 'closed' }, { state: 'closed' }])
  time.advance(600)
  t.match(
    upstream.endpoints(),
    [{ state: 'open' }, { state: 'closed' }],
    'its silence still counts',
  )
  const asked = mirror.log.length
  t.match(await ask(), { digest, endpoint: owner.url })
  t.equal(mirror.log.length, asked)
})

t.test('when all are silent, all are known to be down by the deadline', async t => {
  const { mirror, owner, time, ask, upstream } = await makeMirrored(t)
  mirror.freeze()
  owner.freeze()
  const late = ask()
  await mirror.waitFor(log => log.length > 0)
  time.advance(300)
  await owner.waitFor(log => log.length > 0)
  time.advance(600)
  t.match(upstream.endpoints(), [{ state: 'open' }, { state: 'open' }])
  await failsAs(t, ask(), 'unreachable', 'known-down')
  owner.thaw()
  t.match(await late, { endpoint: owner.url })
  t.equal(upstream.reach(hub).state, 'reachable')
})

t.test('the registry itself has the last word', async t => {
  const { mirror, owner, ask } = await makeMirrored(t)
  mirror.fault({ do: 'status', status: 403, code: 'DENIED' })
  owner.fault({ do: 'status', status: 429 })
  await failsAs(t, ask(), 'rate-limited', 'rate-limited')
})

t.test("a mirror's no does not stand for a registry that is down", async t => {
  const { mirror, owner, ask } = await makeMirrored(t)
  mirror.removeTag(repository, 'latest')
  await owner.refuse()
  await failsAs(t, ask(), 'unreachable', 'connect')
  await failsAs(t, ask(), 'unreachable', 'connect')
  await failsAs(t, ask(), 'unreachable', 'known-down')
  t.equal(mirror.count('manifest-tag', 'HEAD'), 3)
})

t.test('a blob that comes second is dropped', async t => {
  const { mirror, time, upstream } = await makeMirrored(t)
  const late = mirror.fault({ do: 'freeze' }, { kind: 'blob' })
  mirror.fault({ do: 'slow', bytesPerSecond: 1_000_000 })
  const opened = upstream.getBlob(hub, layer.digest, 0, never)
  await mirror.waitFor(() => late.hits === 1)
  time.advance(5_000)
  const blob = await opened
  late.heal()
  await mirror.waitFor(log => log.some(({ kind, isAborted }) => kind === 'blob' && isAborted))
  t.ok((await bytesOf(blob.body)).equals(layer.bytes))
})

t.test('repositories are rewritten for endpoints, and not for the registry itself', async t => {
  const { digest, mediaType, blobs } = otherImage
  const tags = new Map([['latest', { digest, mediaType }]])
  const mirror = await serveRegistry(t, { images: { 'proxy/hub/lab/app': { blobs, tags } } })
  const owner = await serveRegistry(t)
  const upstream = makeUpstream(t, {
    'hub.example': {
      url: owner.url,
      endpoints: [{ url: mirror.url }],
      rewrite: { '^lab/(.*)': 'proxy/hub/lab/$1' },
    },
  })
  t.match(await askLatest(upstream, 'hub.example'), { digest, endpoint: mirror.url })
  await mirror.refuse()
  t.match(await askLatest(upstream, 'hub.example'), { digest: image.digest, endpoint: owner.url })
  t.match(owner.log[0]?.path, /^\/v2\/lab\/app\/manifests\/latest$/)
})

t.test('an endpoint with a path below /v2/ is asked there', async t => {
  const images = { 'hub/lab/app': contents()[repository] ?? { blobs: new Map(), tags: new Map() } }
  const mirror = await serveRegistry(t, { images })
  const upstream = makeUpstream(t, {
    'hub.example': { url: 'http://127.0.0.1:1', endpoints: [{ url: `${mirror.url}/v2/hub` }] },
  })
  t.match(await askLatest(upstream, 'hub.example'), { digest })
})

t.test('what is remembered of a registry is told without its credentials', async t => {
  const registry = await serveRegistry(t)
  const url = registry.url.replace('://', '://user:secret@')
  const upstream = makeUpstream(t, { [registry.host]: { url } })
  await registry.refuse()
  for (let n = 0; n < 2; n += 1) await askLatest(upstream, registry).catch(() => {})
  t.notMatch(JSON.stringify(upstream.endpoints()), /secret/)
})

t.test('"*" allows registries that are not named, at public addresses only', async t => {
  const registry = await serveRegistry(t)
  const upstream = makeUpstream(t, { '*': {} })
  t.equal(upstream.isConfigured('any.example'), true)
  t.equal(upstream.isConfigured('Not A Registry'), false)
  t.strictSame(upstream.reach({ registry: 'any.example', repository }), { state: 'reachable' })
  await failsAs(t, askLatest(upstream, registry), 'unreachable', 'forbidden-address')
  t.equal(registry.log.length, 0)
})

t.test('of registries that only "*" allows, the oldest are forgotten', async t => {
  const upstream = makeUpstream(t, { '*': {} })
  for (let n = 0; n < 300; n += 1) upstream.isConfigured(`r${n}.example`)
  t.equal(upstream.endpoints().length, 200)
})

t.test('docker.io is asked where its registry is, and named as it is', async t => {
  const upstream = makeUpstream(t, { 'docker.io': {} })
  t.match(upstream.endpoints(), [{ registry: 'docker.io', url: 'https://registry-1.docker.io' }])
})

t.test('over verified TLS, the time told can be trusted', async t => {
  const authority = makeAuthority()
  const registry = await serveRegistry(t, { tls: authority.issue({ hosts: ['127.0.0.1'] }) })
  const caFile = `${t.testdir({ 'ca.pem': authority.cert })}/ca.pem`
  const trusting = makeUpstream(t, { [registry.host]: { url: registry.url, tls: { caFile } } })
  t.match(await askLatest(trusting, registry), { digest, overTls: true })
  const careless = makeUpstream(t, {
    [registry.host]: { url: registry.url, tls: { insecureSkipVerify: true } },
  })
  t.match(await askLatest(careless, registry), { digest, overTls: false })
  const strict = makeUpstream(t, { [registry.host]: { url: registry.url } })
  await failsAs(t, askLatest(strict, registry), 'unreachable', 'tls')
})

t.test('a redirect that gives up TLS is not followed', async t => {
  const authority = makeAuthority()
  const plain = await serveRegistry(t)
  const registry = await serveRegistry(t, { tls: authority.issue({ hosts: ['127.0.0.1'] }) })
  registry.fault({ do: 'redirect', to: plain.url })
  const caFile = `${t.testdir({ 'ca.pem': authority.cert })}/ca.pem`
  const upstream = makeUpstream(t, { [registry.host]: { url: registry.url, tls: { caFile } } })
  await failsAs(t, askLatest(upstream, registry), 'unreachable', 'portal')
  t.equal(plain.log.length, 0)
})

t.test('a certificate of another time, while our own clock is wrong, is told as that', async t => {
  const authority = makeAuthority()
  const notBefore = new Date(Date.now() + 86_400_000)
  const notAfter = new Date(Date.now() + 2 * 86_400_000)
  const certificate = authority.issue({ hosts: ['127.0.0.1'], notBefore, notAfter })
  const registry = await serveRegistry(t, { tls: certificate })
  const caFile = `${t.testdir({ 'ca.pem': authority.cert })}/ca.pem`
  const transport = makeTransport(t, { earliestTimeMs: () => Date.now() + 86_400_000 })
  const upstream = makeUpstream(
    t,
    { [registry.host]: { url: registry.url, tls: { caFile } } },
    { transport },
  )
  await failsAs(t, askLatest(upstream, registry), 'clock', 'clock')
  await failsAs(t, askLatest(upstream, registry), 'clock', 'clock')
  t.match(upstream.reach(at(registry)), { state: 'down', failure: 'clock' })
  await failsAs(t, askLatest(upstream, registry), 'clock', 'known-down')
})

t.test('who was never heard is asked whether it is there, and nobody else', async t => {
  const { mirror, owner, upstream } = await makeMirrored(t)
  const answered = () => upstream.endpoints().map(({ hasAnswered }) => hasAnswered)
  t.strictSame(answered(), [false, false], 'nothing is known at the start')
  await mirror.refuse()
  upstream.tryUnheard()
  await owner.waitFor(log => log.length > 0)
  t.match(owner.log, [{ method: 'GET', path: '/v2/' }])
  while (answered()[1] !== true) await new Promise(setImmediate)
  t.strictSame(answered(), [false, true])
  t.match(
    upstream.endpoints(),
    [{ state: 'closed' }, { state: 'closed' }],
    'and blamed for nothing',
  )
  upstream.tryUnheard()
  await mirror.accept()
  upstream.tryUnheard()
  await mirror.waitFor(log => log.length > 0)
  t.equal(owner.log.length, 1)
})

t.test('when the registry itself was heard is told, until it is known to be down', async t => {
  const { owner, mirror, time, upstream, ask } = await makeMirrored(t)
  t.equal(upstream.heardAtMs('hub.example'), undefined)
  await ask()
  t.equal(upstream.heardAtMs('hub.example'), undefined, 'its mirror does not speak for it')
  t.equal(await upstream.isThere('hub.example'), true)
  t.match(owner.log, [{ method: 'GET', path: '/v2/' }])
  const heardAtMs = upstream.heardAtMs('hub.example')
  t.equal(heardAtMs, time.clock.monotonicMs())
  await owner.refuse()
  await mirror.refuse()
  time.advance(1_000)
  t.equal(await upstream.isThere('hub.example'), false)
  t.equal(upstream.heardAtMs('hub.example'), heardAtMs, 'one silence is not an outage')
  await t.rejects(ask())
  await t.rejects(ask())
  t.equal(upstream.heardAtMs('hub.example'), undefined, 'two are')
  const connections = owner.log.length
  t.equal(await upstream.isThere('hub.example'), false)
  t.equal(owner.log.length, connections, 'and then it is not asked')
  t.equal(await upstream.isThere('other.example'), false)
})
