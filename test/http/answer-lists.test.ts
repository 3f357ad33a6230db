import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { Descriptor } from '../../src/oci/manifest.ts'
import { errorOf, startMirror } from './support.ts'

const headerOf = (headers: Readonly<Record<string, string>>, name: string): string | undefined =>
  headers[name]

const digest = digestOf(Buffer.from('subject'))
const tags = ['1', 'V1', 'latest', 'v10', 'v2']

t.test('all tags are listed at once unless pages are asked for', async t => {
  const { client } = await startMirror(t, { listTags: async () => ({ tags, source: 'upstream' }) })
  const got = await client.ask('GET', '/v2/lab/app/tags/list?ns=reg.lab')
  t.equal(got.status, 200)
  t.equal(got.headers['content-type'], 'application/json')
  t.equal(got.headers['holdfast-source'], 'upstream')
  t.same(JSON.parse(got.body.toString()), { name: 'lab/app', tags: tags })
  t.notOk('link' in got.headers)
  t.notOk('warning' in got.headers)
})

t.test('pages follow each other by their links until all is told', async t => {
  for (const form of [
    '/v2/lab/app/tags/list?ns=reg.lab%3A5000',
    '/v2/reg.lab/lab/app/tags/list?',
  ]) {
    const { client } = await startMirror(t, {
      listTags: async () => ({ tags, source: 'upstream' }),
    })
    const seen: string[] = []
    let next: string | undefined = `${form}&n=2`
    let pages = 0
    while (next !== undefined) {
      const { body, headers } = await client.ask('GET', next)
      seen.push(...JSON.parse(body.toString()).tags)
      next = /^<([^>]+)>; rel="next"$/.exec(headerOf(headers, 'link') ?? '')?.[1]
      pages++
    }
    t.same(seen, tags)
    t.equal(pages, 3)
  }
})

t.test('n and last cut the list as the spec says', async t => {
  const { client } = await startMirror(t, { listTags: async () => ({ tags, source: 'ledger' }) })
  for (const [query, expected, hasLink] of [
    ['n=0', [], false],
    ['n=5', tags, false],
    ['n=4', tags.slice(0, 4), true],
    ['n=900', tags, false],
    ['last=latest', ['v10', 'v2'], false],
    ['last=aaa', ['latest', 'v10', 'v2'], false],
    ['n=1&last=latest', ['v10'], true],
    ['last=zzz', [], false],
  ] as const) {
    const got = await client.ask('GET', `/v2/lab/app/tags/list?ns=reg.lab&${query}`)
    t.same(JSON.parse(got.body.toString()).tags, expected, query)
    t.equal('link' in got.headers, hasLink, query)
  }
})

t.test('a repository of which nothing is known has no list', async t => {
  const { client } = await startMirror(t)
  const got = await client.ask('GET', '/v2/lab/app/tags/list?ns=reg.lab')
  t.equal(got.status, 404)
  t.match(errorOf(got.body), { code: 'NAME_UNKNOWN', detail: { reason: 'not known' } })
})

const descriptor = (text: string, artifactType: string): Descriptor => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOf(Buffer.from(text)),
  size: 7,
  artifactType,
})
const referrers = [descriptor('a', 'sig'), descriptor('b', 'sbom'), descriptor('c', 'sig')]

t.test('referrers are an index, filtered when asked', async t => {
  const { client } = await startMirror(t, {
    listReferrers: async () => ({ descriptors: referrers, source: 'upstream' }),
  })
  const all = await client.ask('GET', `/v2/lab/app/referrers/${digest}?ns=reg.lab`)
  t.equal(all.status, 200)
  t.equal(all.headers['content-type'], 'application/vnd.oci.image.index.v1+json')
  t.notOk('oci-filters-applied' in all.headers)
  t.same(JSON.parse(all.body.toString()), {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: referrers,
  })
  const some = await client.ask(
    'GET',
    `/v2/lab/app/referrers/${digest}?ns=reg.lab&artifactType=sig`,
  )
  t.equal(some.headers['oci-filters-applied'], 'artifactType')
  t.equal(JSON.parse(some.body.toString()).manifests.length, 2)
})

t.test('no referrers are an empty index, with a warning when nobody could be asked', async t => {
  for (const [failure, warning] of [
    [undefined, undefined],
    ['not-found', undefined],
    ['unreachable', '299 - "nobody to ask"'],
  ] as const) {
    const { client } = await startMirror(t, {
      listReferrers: async () => ({ absent: true, reason: 'nobody to ask', failure }),
    })
    const got = await client.ask('GET', `/v2/lab/app/referrers/${digest}?ns=reg.lab`)
    t.equal(got.status, 200)
    t.same(JSON.parse(got.body.toString()).manifests, [])
    t.equal(headerOf(got.headers, 'warning'), warning)
  }
})

t.test('lists from memory carry a warning', async t => {
  const { client } = await startMirror(t, {
    listTags: async () => ({ tags, source: 'ledger' }),
    listReferrers: async () => ({ descriptors: referrers, source: 'store' }),
  })
  for (const target of [
    '/v2/lab/app/tags/list?ns=reg.lab',
    `/v2/lab/app/referrers/${digest}?ns=reg.lab`,
  ]) {
    t.match((await client.ask('GET', target)).headers, { warning: /^299 - "upstream could not/ })
  }
})
