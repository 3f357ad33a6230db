import t from 'tap'
import {
  askLatest,
  at,
  failsAs,
  image,
  never,
  otherImage,
  repository,
  serveRegistry,
  unknownDigest,
  upstreamOf,
} from './support/upstream.ts'

const { digest, mediaType, size, bytes } = image

t.test('a HEAD with all headers tells digest, type, size, time and who said so', async t => {
  const registry = await serveRegistry(t)
  const date = registry.fault({
    do: 'headers',
    headers: { date: 'Tue, 03 Mar 2026 10:00:00 GMT', age: '120' },
  })
  const { sender, ...answer } = await askLatest(upstreamOf(t, registry), registry)
  t.equal(sender?.name, registry.url)
  t.strictSame(answer, {
    digest,
    mediaType,
    size,
    dateMs: Date.parse('2026-03-03T10:02:00Z'),
    overTls: false,
    manifest: undefined,
    endpoint: registry.url,
  })
  t.equal(date.hits, 1)
  t.strictSame(
    registry.log.map(({ method, kind }) => [method, kind]),
    [['HEAD', 'manifest-tag']],
    'one request is all',
  )
})

t.test('it asks with our own Accept list, for plain bytes', async t => {
  const registry = await serveRegistry(t)
  await askLatest(upstreamOf(t, registry), registry)
  const [asked] = registry.log
  t.match(asked?.headers, {
    accept: /application\/vnd\.oci\.image\.index\.v1\+json/,
    'accept-encoding': 'identity',
  })
})

t.test('questions one after the other share a connection', async t => {
  const registry = await serveRegistry(t)
  const upstream = upstreamOf(t, registry)
  for (let n = 0; n < 5; n += 1) await askLatest(upstream, registry)
  await upstream.getManifest(at(registry), digest, never)
  t.equal(registry.connections(), 1)
})

for (const headers of [
  { 'docker-content-digest': undefined },
  { 'docker-content-digest': 'sha256:abc' },
  { 'content-type': 'application/json' },
  { 'content-length': undefined },
  { 'content-length': '0' },
  { 'content-length': '5000000' },
  { 'content-encoding': 'gzip' },
]) {
  const [name, value] = Object.entries(headers)[0] ?? []
  t.test(`a HEAD whose ${name} is ${value} is followed by a GET`, async t => {
    const registry = await serveRegistry(t)
    const fault = registry.fault({ do: 'headers', headers }, { method: 'HEAD' })
    const answer = await askLatest(upstreamOf(t, registry), registry)
    t.match(answer, { digest, mediaType, size })
    t.strictSame(answer.manifest, bytes, 'the manifest comes with the answer')
    t.equal(fault.hits, 1)
    t.equal(registry.count('manifest-tag', 'GET'), 1)
  })
}

t.test('where the registry never says the digest, the body is hashed', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'headers', headers: { 'docker-content-digest': undefined } })
  t.match(await askLatest(upstreamOf(t, registry), registry), { digest, mediaType, size })
})

t.test('a type that is missing is told from the content', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'headers', headers: { 'content-type': undefined } })
  t.match(await askLatest(upstreamOf(t, registry), registry), { digest, mediaType })
  t.match(await upstreamOf(t, registry).getManifest(at(registry), digest, never), { mediaType })
})

t.test('a digest header that the body does not hash to is not believed', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'headers', headers: { 'content-type': undefined } }, { method: 'HEAD' })
  const lie = registry.fault(
    { do: 'headers', headers: { 'docker-content-digest': otherImage.digest } },
    { method: 'GET' },
  )
  await failsAs(t, askLatest(upstreamOf(t, registry), registry), 'unreachable', 'wrong-digest')
  t.equal(lie.hits, 1)
})

t.test('a manifest by digest is verified', async t => {
  const registry = await serveRegistry(t)
  const upstream = upstreamOf(t, registry)
  t.strictSame(await upstream.getManifest(at(registry), digest, never), {
    digest,
    mediaType,
    bytes,
  })
  const wrong = registry.fault({ do: 'wrong-bytes' })
  await failsAs(t, upstream.getManifest(at(registry), digest, never), 'unreachable', 'wrong-digest')
  t.equal(wrong.hits, 1)
})

t.test('a manifest larger than 4 MiB is not read', async t => {
  const registry = await serveRegistry(t)
  const huge = 'x'.repeat(4 * 1024 * 1024 + 1)
  registry.fault({ do: 'status', status: 200, body: huge })
  const upstream = upstreamOf(t, registry)
  await failsAs(t, askLatest(upstream, registry), 'unreachable', 'protocol')
  await failsAs(t, upstream.getManifest(at(registry), digest, never), 'unreachable', 'protocol')
})

t.test('an encoded manifest is refused', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'headers', headers: { 'content-encoding': 'gzip' } })
  await failsAs(t, askLatest(upstreamOf(t, registry), registry), 'unreachable', 'protocol')
})

t.test('JSON that is no manifest is not taken for one', async t => {
  const registry = await serveRegistry(t)
  registry.fault({
    do: 'status',
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: '{"login":"required"}',
  })
  await failsAs(t, askLatest(upstreamOf(t, registry), registry), 'unreachable', 'protocol')
})

t.test('Docker schema 1 is refused clearly, and is no sign of an outage', async t => {
  const registry = await serveRegistry(t)
  registry.fault({
    do: 'headers',
    headers: { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' },
  })
  const upstream = upstreamOf(t, registry)
  for (let n = 0; n < 3; n += 1) {
    const failure = await failsAs(t, askLatest(upstream, registry), 'not-found', 'not-found')
    t.match(failure.message, /schema 1.*push the image again/)
  }
  t.equal(upstream.reach(at(registry)).state, 'reachable')
})

t.test('what is not there is said to be not there', async t => {
  const registry = await serveRegistry(t)
  const upstream = upstreamOf(t, registry)
  await failsAs(t, askLatest(upstream, registry, { tag: 'none' }), 'not-found', 'not-found')
  const manifest = upstream.getManifest(at(registry), unknownDigest, never)
  await failsAs(t, manifest, 'not-found', 'not-found')
  const blob = upstream.getBlob(at(registry), unknownDigest, 0, never)
  await failsAs(t, blob, 'not-found', 'not-found')
  t.equal(upstream.reach({ registry: registry.host, repository }).state, 'reachable')
})

t.test('a manifest that nobody would take is no failure of its registry', async t => {
  const registry = await serveRegistry(t)
  const upstream = upstreamOf(t, registry)
  const headers = { 'content-length': '5000000' }
  const fault = registry.fault({ do: 'headers', headers }, { kind: 'manifest-tag' })
  for (let n = 0; n < 3; n += 1)
    await failsAs(t, askLatest(upstream, registry), 'not-found', 'not-found')
  t.ok(fault.hits >= 3)
  fault.heal()
  t.equal(upstream.reach(at(registry)).state, 'reachable')
  t.match(await askLatest(upstream, registry), { digest })
})
