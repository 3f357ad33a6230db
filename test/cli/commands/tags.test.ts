import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const item = (reference: string, more: object = {}) => ({
  reference,
  digest: `sha256:${'c'.repeat(64)}`,
  source: 'upstream',
  confirmedAt: '2026-11-20T03:00:00.000Z',
  pinned: false,
  ...more,
})

t.test('every page is followed until the last or the limit', async t => {
  const pages: Record<string, object> = {
    '': { items: [item('docker.io/library/a:1'), item('docker.io/library/b:1')], next: 'b' },
    b: { items: [item('docker.io/library/c:1', { pinned: true, digest: null })], next: null },
  }
  const admin = await scriptAdmin(t, url => [200, pages[url.searchParams.get('after') ?? ''] ?? {}])
  const all = await cli(['tags'], { env: admin.env })
  t.equal(all.code, 0)
  t.match(
    all.out,
    /^TAG +DIGEST +SOURCE +CONFIRMED\ndocker.io\/library\/a:1 .*\n.*b:1.*\n.*c:1 +none +pinned/,
  )
  const some = await cli(['tags', '--limit', '2'], { env: admin.env })
  t.match(some.out, /only the first 2; --limit shows more/)
  t.equal(JSON.parse((await cli(['tags', '-o', 'json'], { env: admin.env })).out).items.length, 3)
})

t.test('of a pinned tag the digest is told that clients get', async t => {
  const pinnedDigest = `sha256:${'e'.repeat(64)}`
  const show = async (more: object) => {
    const { env } = await scriptAdmin(t, () => [200, { items: [item('a.lan/b:1', more)] }])
    return (await cli(['tags'], { env })).out
  }
  const moved = await show({ pinned: true, pinnedDigest })
  t.match(moved, /b:1 +sha256:e{64} +pinned +its registry named sha256:c{64} at 2026-11-20/)
  t.match(
    await show({ pinned: true, pinnedDigest, source: 'import', complete: false }),
    /pinned +incomplete, without the pin, by import, sha256:c/,
  )
  const same = await show({ pinned: true, pinnedDigest: `sha256:${'c'.repeat(64)}` })
  t.match(same, /b:1 +sha256:c{64} +pinned +2026-11-20T03:00:00.000Z *\n$/)
  const unseen = await show({ pinned: true, pinnedDigest, digest: null, confirmedAt: null })
  t.match(unseen, /b:1 +sha256:e{64} +pinned *\n$/)
})

t.test('what is looked for is sent, and the mistakes in it are told', async t => {
  const admin = await scriptAdmin(t, () => [
    200,
    { items: [item('docker.io/library/a:1', { complete: false })] },
  ])
  const found = await cli(
    ['tags', '--registry', 'Docker.IO', '--stale', '7d', '--incomplete', '--source', 'import'],
    { env: admin.env },
  )
  t.match(found, { code: 0, out: /a:1 .* incomplete\n$/ })
  await cli(['tags', 'nginx', '--prefix', 'docker.io/library/nginx:1'], { env: admin.env })
  await cli(['tags', '--contains', 'ngi'], { env: admin.env })
  t.strictSame(
    admin.asked.map(({ url }) => Object.fromEntries(url.searchParams)),
    [
      {
        registry: 'docker.io',
        staleForSeconds: '604800',
        incomplete: 'true',
        source: 'import',
        limit: '1000',
      },
      {
        registry: 'docker.io',
        repository: 'library/nginx',
        prefix: 'docker.io/library/nginx:1',
        limit: '1000',
      },
      { contains: 'ngi', limit: '1000' },
    ],
  )
  for (const [words, err] of [
    [['--stale', '7'], /is no duration; write 12h or 7d/],
    [['--source', 'peer'], /is none of upstream, push, import, containerd/],
    [['--registry', 'hub'], /is no registry/],
    [['nginx', '--registry', 'docker.io'], /leave out --registry/],
  ] as const) {
    t.match(await cli(['tags', ...words], { env: admin.env }), { code: 2, err }, words.join(' '))
  }
})

t.test('a search that found nothing says so, and an empty page is not the end', async t => {
  const admin = await scriptAdmin(t, ({ searchParams }) => [
    200,
    searchParams.get('after') === null ? { items: [], next: 'b' } : { items: [] },
  ])
  t.match(await cli(['tags', '--incomplete'], { env: admin.env }), {
    code: 0,
    out: 'no remembered tag fits --incomplete\n',
  })
  t.equal(admin.asked.length, 2)
})

t.test('a repository narrows the list, and a tag is a mistake', async t => {
  const admin = await scriptAdmin(t, () => [200, { items: [] }])
  const query = (index: number) => Object.fromEntries(admin.asked[index]?.url.searchParams ?? [])
  t.match(await cli(['tags', 'nginx'], { env: admin.env }), {
    code: 1,
    out: 'no tag of docker.io/library/nginx is remembered\n',
  })
  t.match(query(0), { registry: 'docker.io', repository: 'library/nginx' })
  const before = admin.asked.length
  await cli(['tags', 'localhost:5000/app'], { env: admin.env })
  t.match(query(before), { registry: 'localhost:5000', repository: 'app' })
  for (const word of ['nginx:1', 'localhost:5000/app:1', `nginx@sha256:${'a'.repeat(64)}`]) {
    t.match(
      await cli(['tags', word], { env: admin.env }),
      { code: 2, err: /tags takes a repository/ },
      word,
    )
  }
})

t.test('a word that names no repository is taken for what it may be', async t => {
  const known = ['docker.io/library/nginx:1', 'docker.io/acme/web-front:1', 'b.lan/library/x:1']
  const { env } = await scriptAdmin(t, ({ searchParams }) => {
    const begins = known.filter(one => one.startsWith(searchParams.get('prefix') ?? ''))
    return [200, { items: searchParams.has('repository') ? [] : begins.map(one => item(one)) }]
  })
  const hint = async (...words: readonly string[]) =>
    (await cli(['tags', ...words], { env })).out.split('\n')[1]
  const prefixes = '--prefix docker.io/library/ or --prefix b.lan/library/'
  t.equal(await hint('library'), `did you mean ${prefixes}?`)
  t.equal(await hint('b.lan/library'), 'did you mean --prefix b.lan/library/?')
  t.equal(await hint('b.lan'), 'did you mean --prefix b.lan/?')
  t.equal(await hint('ngi'), 'did you mean docker.io/library/nginx?')
  t.equal(await hint('front'), 'did you mean docker.io/acme/web-front?')
  t.equal(await hint('acme/front'), '')
  const { out } = await cli(['tags', '--prefix', 'zzz', '--stale', '1h'], { env })
  t.equal(out, 'no remembered tag fits --prefix zzz --stale 1h\n')
})

t.test('a pattern or a tag in the place of a repository is told what to write', async t => {
  t.match(await cli(['tags', 'ngi*']), { code: 2, err: / --prefix docker\.io\/library\/ngi\n$/ })
  t.match(await cli(['tags', 'b.lan/x/*']), { code: 2, err: / --prefix b\.lan\/x\/\n$/ })
  t.match(await cli(['tags', '*/ngi*']), {
    code: 2,
    err: / with that in them by --contains \/ngi\n$/,
  })
  t.match(await cli(['tags', 'nginx:1']), {
    code: 2,
    err: /; `holdfast explain nginx:1` tells of one tag\n$/,
  })
})

t.test('the beginning of a reference may be written as the reference may', async t => {
  const { env } = await scriptAdmin(t, ({ searchParams }) => {
    const isWhole = searchParams.get('prefix') === 'docker.io/library/ngi'
    return [200, { items: isWhole ? [item('docker.io/library/nginx:1')] : [] }]
  })
  t.equal(
    (await cli(['tags', '--prefix', 'ngi'], { env })).out,
    'no remembered tag fits --prefix ngi\ndid you mean --prefix docker.io/library/ngi?\n',
  )
})

t.test(
  'where nothing is known it is told what was looked for, and what may have been meant',
  async t => {
    const known = ['registry.lab/web:1', 'registry.lab/web:2', 'a.lan:5000/x/web:1', 'a.lan/webs:1']
    const { env } = await scriptAdmin(t, ({ searchParams }) => [
      200,
      { items: searchParams.has('repository') ? [] : known.map(one => item(one)) },
    ])
    t.match(await cli(['tags', 'web'], { env }), {
      code: 1,
      out: 'no tag of docker.io/library/web is remembered\ndid you mean registry.lab/web or a.lan:5000/x/web?\n',
    })
    t.match((await cli(['tags', 'nothing'], { env })).out, /library\/nothing is remembered\n$/)
    const { out, code } = await cli(['tags', 'web', '--incomplete'], { env })
    t.equal(code, 0, 'that nothing fits is an answer')
    t.equal(out, 'no remembered tag of docker.io/library/web fits --incomplete\n')
    t.strictSame(JSON.parse((await cli(['tags', 'web', '-o', 'json'], { env })).out), {
      node: 'bridge',
      asOf: '2026-11-20T03:00:00.000Z',
      items: [],
    })
  },
)
