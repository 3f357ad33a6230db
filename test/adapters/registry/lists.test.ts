import t from 'tap'
import { makeReferrer } from '../../support/image.ts'
import type { ImageContents } from '../../support/registry-contents.ts'
import {
  at,
  contents,
  failsAs,
  image,
  makeUpstream,
  never,
  repository,
  serveRegistry,
  upstreamOf,
} from './support/upstream.ts'

const { digest, mediaType } = image
const tagNames = ['1.0', '1.1', '2.0', 'edge', 'latest']
const artifacts = ['a', 'b', 'c'].map(payload => makeReferrer({ subject: image, payload }))

function manyTags(): Record<string, ImageContents> {
  const tags = new Map(tagNames.map(name => [name, { digest, mediaType }]))
  const blobs = new Map([...image.blobs, ...artifacts.flatMap(({ blobs }) => [...blobs])])
  return { [repository]: { blobs, tags } }
}

t.test('all tags come, page by page', async t => {
  const registry = await serveRegistry(t, { images: manyTags(), pageSize: 2 })
  const tags = await upstreamOf(t, registry).listTags(at(registry), never)
  t.strictSame(tags, tagNames)
  t.equal(registry.count('tags'), 3)
  t.match(registry.log[0]?.path, /\?n=1000$/)
})

t.test('pages that lead in a circle end', async t => {
  const registry = await serveRegistry(t, { images: manyTags() })
  const link = `</v2/${repository}/tags/list?n=1000>; rel="next"`
  const circle = registry.fault({ do: 'headers', headers: { link } })
  t.strictSame(await upstreamOf(t, registry).listTags(at(registry), never), tagNames)
  t.equal(circle.hits, 1)
})

t.test('a mirror is told the registry with every page', async t => {
  const mirror = await serveRegistry(t, { images: manyTags(), pageSize: 2 })
  const link = `</v2/${repository}/tags/list?last=1.1&n=100>; rel="next"`
  mirror.fault({ do: 'headers', headers: { link } }, { times: 1 })
  const settings = { url: 'http://127.0.0.1:1', endpoints: [{ url: mirror.url }] }
  const upstream = makeUpstream(t, { 'hub.example': settings })
  const tags = await upstream.listTags({ registry: 'hub.example', repository }, never)
  t.strictSame(tags, tagNames)
  t.ok(mirror.log.length > 1)
  for (const { path } of mirror.log) t.match(path, /ns=hub\.example/)
})

t.test('a next page on another host is not followed', async t => {
  const other = await serveRegistry(t)
  const registry = await serveRegistry(t, { images: manyTags() })
  const link = `<${other.url}/v2/${repository}/tags/list?last=x>; rel="next"`
  registry.fault({ do: 'headers', headers: { link } })
  t.strictSame(await upstreamOf(t, registry).listTags(at(registry), never), tagNames)
  t.equal(other.log.length, 0)
})

t.test('a repository without tags has none, and what is no tag is left out', async t => {
  const registry = await serveRegistry(t)
  const upstream = upstreamOf(t, registry)
  const none = registry.fault({ do: 'status', status: 200, body: '{"name":"x","tags":null}' })
  t.strictSame(await upstream.listTags(at(registry), never), [])
  none.heal()
  const odd = registry.fault({ do: 'status', status: 200, body: '{"tags":["a",7,"b/c","a"]}' })
  t.strictSame(await upstream.listTags(at(registry), never), ['a'])
  t.equal(odd.hits, 1)
})

for (const body of ['', '[]', '{"name":"x"}', '{"tags":"latest"}']) {
  t.test(`${JSON.stringify(body)} is no list of tags`, async t => {
    const registry = await serveRegistry(t)
    registry.fault({ do: 'status', status: 200, body })
    const tags = upstreamOf(t, registry).listTags(at(registry), never)
    await failsAs(t, tags, 'unreachable', 'protocol')
  })
}

t.test('a repository that does not exist has no list', async t => {
  const registry = await serveRegistry(t)
  const tags = upstreamOf(t, registry).listTags({ ...at(registry), repository: 'no/one' }, never)
  await failsAs(t, tags, 'not-found', 'not-found')
})

const wanted = artifacts.map(artifact => artifact.digest).sort()

t.test('all referrers come, page by page', async t => {
  const registry = await serveRegistry(t, { images: manyTags(), pageSize: 2 })
  const found = await upstreamOf(t, registry).listReferrers(at(registry), digest, never)
  t.strictSame(found.map(entry => entry.digest).sort(), wanted)
  t.match(found[0], { artifactType: artifacts[0]?.artifactType })
  t.equal(registry.count('referrers'), 2)
})

t.test('a manifest that nothing refers to has no referrers', async t => {
  const registry = await serveRegistry(t)
  t.strictSame(await upstreamOf(t, registry).listReferrers(at(registry), digest, never), [])
})

t.test('without the API', async t => {
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: artifacts.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    }),
  )

  t.test('the index under the tag made of the digest is read', async t => {
    const registry = await serveRegistry(t, { images: manyTags(), referrersApi: false })
    registry.fault(
      {
        do: 'status',
        status: 200,
        headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
        body: index.toString(),
      },
      { kind: 'manifest-tag', item: digest.replace(':', '-') },
    )
    const found = await upstreamOf(t, registry).listReferrers(at(registry), digest, never)
    t.strictSame(found.map(entry => entry.digest).sort(), wanted)
  })

  t.test('and without that tag, there are none', async t => {
    const registry = await serveRegistry(t, { images: contents(), referrersApi: false })
    const upstream = upstreamOf(t, registry)
    t.strictSame(await upstream.listReferrers(at(registry), digest, never), [])
    t.equal(registry.count('manifest-tag'), 1)
  })

  t.test("a router's plain 404 means the same", async t => {
    const registry = await serveRegistry(t)
    const plain = registry.fault(
      { do: 'status', status: 404, body: '404 page not found\n' },
      { kind: 'referrers' },
    )
    const upstream = upstreamOf(t, registry)
    t.strictSame(await upstream.listReferrers(at(registry), digest, never), [])
    t.equal(plain.hits, 1)
  })
})

t.test('an answer that is no index is no list of referrers', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'status', status: 200, body: image.bytes.toString() }, { kind: 'referrers' })
  const found = upstreamOf(t, registry).listReferrers(at(registry), digest, never)
  await failsAs(t, found, 'unreachable', 'protocol')
})
