import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = `sha256:${'c'.repeat(64)}`
const pin = {
  reference: 'docker.io/library/nginx:latest',
  standing: 'in-force',
  digest,
  note: 'voyage',
  author: 'captain',
  setAt: '2026-11-20T03:00:00.000Z',
  setOn: 'ab'.repeat(32),
  setOnName: 'bridge',
}
const storing = { complete: true, fetching: false, storedOn: { nodes: 2, members: 3 } }
const change = { ...pin, ...storing }
const path = '/api/v1/pins/docker.io%2Flibrary%2Fnginx%3Alatest'

t.test('a pin is asked for as it is wished, and told as it was set', async t => {
  const { env, changes } = await scriptAdmin(t, () => [200, change])
  const plain = await cli(['pin', 'nginx'], { env })
  t.equal(plain.code, 0)
  t.match(plain.out, new RegExp(`^docker.io/library/nginx:latest is pinned to ${digest}\n`))
  t.match(plain.out, / stored on +2 of 3 nodes\n/)
  t.match(changes()[0], {
    method: 'PUT',
    url: { pathname: path },
    body: { to: 'now', allowIncomplete: false },
  })
  const words = ['pin', 'nginx', digest, '--note', 'voyage', '--author', 'me', '--allow-incomplete']
  await cli([...words, '--expires', '2026-12-24', '--copies', '2'], { env })
  t.match(changes()[1], {
    url: { search: '?copies=2' },
    body: {
      to: digest,
      note: 'voyage',
      author: 'me',
      allowIncomplete: true,
      expiresAt: '2026-12-24T23:59:59.999Z',
    },
  })
  const before = Date.now()
  await cli(['pin', 'nginx', '--expires', '14d'], { env })
  const { expiresAt } = (changes()[2]?.body ?? {}) as { expiresAt?: string }
  t.ok(Math.abs(Date.parse(expiresAt ?? '') - before - 14 * 86_400_000) < 60_000)
})

t.test('what was pinned before is told, and that it was pinned so already', async t => {
  const before = { ...pin, digest: `sha256:${'b'.repeat(64)}`, author: 'cook' }
  const { env } = await scriptAdmin(t, ({ search }) => [
    200,
    search === '' ? { ...change, changed: true, before } : { ...change, changed: false },
  ])
  const { out } = await cli(['pin', 'nginx'], { env })
  t.match(
    out,
    /\n\nuntil now it was\n {2}digest +sha256:b+\n {2}note +voyage\n {2}author +cook\n {2}said at/,
  )
  const again = await cli(['pin', 'nginx', '--copies', '1'], { env })
  t.match(again.out, /^docker.io\/library\/nginx:latest is pinned already to sha256:c/)
  t.notMatch(again.out, 'until now')
})

t.test('what is left out when the same is pinned again goes on', async t => {
  const expiresAt = '2026-12-24T18:00:00.000Z'
  const standing = { ...pin, version: 'v1', expiresAt }
  const again = async (words: readonly string[], change: object = {}) => {
    const { env, changes } = await scriptAdmin(t, (_, method) => [
      200,
      method === 'GET' ? { ...standing, ...change } : { ...standing, ...storing, changed: false },
    ])
    const { out } = await cli(words, { env })
    return { out, asked: changes()[0], body: { ...(changes()[0]?.body as object) } }
  }
  const { setAt, note, author } = pin
  const same = { note, author, expiresAt }
  for (const words of [
    ['pin', 'nginx'],
    ['pin', 'nginx', digest],
    ['rollback', 'nginx', digest],
  ]) {
    const { out, asked, body } = await again(words)
    t.match(body, same, words.join(' '))
    t.equal(asked?.precondition, '"v1"')
    t.match(
      out,
      new RegExp(`is pinned already .*note +voyage\\n.*until +2026.*since +${setAt}`, 's'),
    )
  }
  const anew = async (...words: readonly string[]) => (await again(['pin', 'nginx', ...words])).body
  t.match(await anew('--note', 'x'), { note: 'x', author: undefined, expiresAt })
  t.match(await anew('--author', 'me'), { ...same, author: 'me' })
  t.strictSame(await anew('--note', ''), { to: 'now', expiresAt, allowIncomplete: false })
  t.match(await anew('--expires', 'never'), { note, author: undefined, expiresAt: undefined })
  const bare = { to: 'now', allowIncomplete: false }
  const other = `sha256:${'d'.repeat(64)}`
  t.strictSame(await anew(other), { ...bare, to: other }, 'another digest is another word')
  for (const standing of ['expired', 'blocked', 'removed']) {
    t.strictSame((await again(['pin', 'nginx'], { standing })).body, bare, standing)
  }
  const { body } = await again(['rollback', 'nginx'])
  t.strictSame(body, { ...bare, to: 'previous' })
})

t.test('what was never pinned is pinned where it still is not', async t => {
  const { env, changes } = await scriptAdmin(t, (_, method) =>
    method === 'GET' ? [404, { detail: 'never pinned' }] : [200, change],
  )
  t.match(await cli(['pin', 'nginx', '--note', 'n'], { env }), { code: 0 })
  t.match(changes(), [{ precondition: '*', body: { note: 'n' } }])
})

t.test('a rollback goes back by itself or to what is named', async t => {
  const { env, changes } = await scriptAdmin(t, () => [200, change])
  await cli(['rollback', 'nginx'], { env })
  await cli(['rollback', 'nginx', '--to', digest], { env })
  await cli(['rollback', 'nginx', digest], { env })
  t.match(await cli(['rollback', 'nginx', digest, '--to', digest], { env }), { code: 2 })
  t.match(
    changes().map(({ body }) => (body as { to: string }).to),
    ['previous', digest, digest],
  )
})

t.test('what a rollback passed over is told, with what lets it be served again', async t => {
  const bad = `sha256:${'e'.repeat(64)}`
  const { env } = await scriptAdmin(t, () => [200, { ...change, skipped: [bad] }])
  t.match(
    (await cli(['rollback', 'nginx'], { env })).out,
    `\n\n${bad} is blocked and was passed over; \`holdfast unblock ${bad}\` lifts that\n`,
  )
})

t.test('what is not yet as it should be is told', async t => {
  let fetching = true
  const { env } = await scriptAdmin(t, () => [200, { ...change, complete: false, fetching }])
  const got = await cli(['pin', 'nginx', '--copies', '3'], { env })
  t.equal(got.code, 1)
  t.match(got.out, /it is being fetched/)
  t.match(got.out, /fewer nodes than 3 have it/)
  fetching = false
  t.match((await cli(['pin', 'nginx'], { env })).out, /this node keeps nothing/)
})

t.test('a tag is let go', async t => {
  const { env, asked } = await scriptAdmin(t, () => [
    200,
    { ...change, standing: 'removed', digest: undefined, note: undefined },
  ])
  const got = await cli(['unpin', 'nginx'], { env })
  t.equal(got.code, 0)
  t.match(got.out, /^docker.io\/library\/nginx:latest is no longer pinned\n/)
  t.match(asked[0], { method: 'DELETE', url: { pathname: path }, body: undefined })
})

t.test('several are let go with one command, up to the one that is not pinned', async t => {
  const { env, changes } = await scriptAdmin(t, ({ pathname }) => {
    const reference = decodeURIComponent(pathname.split('/').at(-1) ?? '')
    const removed = { reference, standing: 'removed', changed: !reference.includes('redis') }
    return [200, { ...change, ...removed, digest: undefined, note: undefined }]
  })
  const both = await cli(['unpin', 'nginx', 'alpine', 'nginx', 'docker.io/library/nginx:latest'], {
    env,
  })
  t.match(both, {
    code: 0,
    out: /nginx:latest is no longer pinned\n[\s\S]*\n\n\S+alpine:latest is no/,
  })
  t.equal(changes().length, 2)
  const words = ['unpin', 'nginx', 'redis', 'alpine']
  const { code, out, err } = await cli(words, { env })
  t.match({ code, out }, { code: 1, out: /nginx:latest is no longer pinned/ })
  t.match(err, /is not pinned; [\s\S]*this came of redis, and what .* left as it is: alpine\n$/)
  t.match(await cli(['unpin', 'nginx', 'UPPER'], { env }), { code: 2, out: '' })
  t.equal(changes().length, 4)
})

t.test('a refusal has an exit code of its own, and the words of the node', async t => {
  for (const [status, code, words] of [
    [409, 8, /refused: nobody holds it/],
    [412, 8, /refused/],
    [403, 5, /refused the token: nobody/],
    [429, 5, /does not listen/],
    [400, 2, /^holdfast: nobody holds it$/m],
    [503, 6, /503/],
  ] as const) {
    const { env } = await scriptAdmin(t, (_, method) =>
      method === 'GET' ? [404, { detail: 'no pin' }] : [status, { detail: 'nobody holds it' }],
    )
    const got = await cli(['pin', 'nginx'], { env })
    t.equal(got.code, code, String(status))
    t.match(got.err, words)
  }
})

t.test('what is no pin is told before anything is asked', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, change])
  for (const words of [
    ['pin', `nginx@${digest}`],
    ['pin', 'UPPER'],
    ['pin', 'nginx', 'sha256:c'],
    ['pin', 'nginx', '--expires', 'soon'],
    ['pin', 'nginx', '--copies', '0'],
    ['rollback', 'nginx', '--to', 'yesterday'],
    ['unpin'],
    ['pins', 'nginx', '--limit', 'x'],
  ]) {
    t.equal((await cli(words, { env })).code, 2, words.join(' '))
  }
  t.equal(asked.length, 0)
})

t.test('pins are listed to the last page or the limit, and one with its history', async t => {
  const pages: Record<string, object> = {
    '': { items: [pin, { ...pin, reference: 'b:1', standing: 'expired' }], next: 'b:1' },
    'b:1': { items: [{ ...pin, reference: 'c:1', note: null, author: undefined }] },
  }
  const ours = { at: pin.setAt, setOn: pin.setOn, digest, author: 'captain' }
  const theirs = { at: pin.setAt, setOn: 'cd'.repeat(32), setOnName: 'galley' }
  const history = [
    { ...ours, conflict: true, conflictsWith: [theirs] },
    { ...theirs, conflict: true, conflictsWith: [ours] },
    { ...ours, author: 'mate', at: '2026-11-20T02:00:00.000Z', conflict: false },
    {
      ...ours,
      author: 'cook',
      at: '2026-11-20T01:00:00.000Z',
      conflict: true,
      conflictsWith: [theirs],
    },
  ]
  const { env } = await scriptAdmin(t, url => [
    200,
    url.pathname === path
      ? { ...pin, history }
      : (pages[url.searchParams.get('after') ?? ''] ?? {}),
  ])
  const all = await cli(['pins'], { env })
  t.match(
    all.out,
    /^TAG +DIGEST +STANDING +EXPIRES +AUTHOR +NOTE\n.*captain +voyage\nc:1 .*\nb:1 .*expired/,
  )
  t.match(all.out, /\nc:1 /)
  const one = await cli(['pins', 'nginx'], { env })
  t.match(one.out, /latest: in-force\n/)
  t.match(
    one.out,
    /captain +node abababababab +with the one below\n.* removed +galley, node cd.* with the one above\n.* mate +node abababababab\n.* cook .*with that of 2026-11-20T03:00:00.000Z\n/,
  )
  const none = await scriptAdmin(t, () => [200, { items: [] }])
  t.match(await cli(['pins'], { env: none.env }), { code: 0, out: 'nothing is pinned\n' })
  const document = JSON.parse((await cli(['pins', '-o', 'json'], { env: none.env })).out)
  t.match(document, { node: 'bridge', asOf: /^2026-/, items: [] }, 'it says whose answer it is')
})

t.test(
  'where containerd has another image under a pinned tag is told, and what that means',
  async t => {
    const other = `sha256:${'e'.repeat(64)}`
    const heldOtherwise = [{ node: 'galley', digest: other }]
    const { env } = await scriptAdmin(t, ({ pathname }) => [
      200,
      pathname === path
        ? { ...change, history: [], heldOtherwise }
        : {
            items: [
              { ...pin, heldOtherwise },
              { ...pin, reference: 'c:1' },
            ],
          },
    ])
    const told = new RegExp(
      `\n\n {2}galley has ${other} under docker.io/library/nginx:latest in its containerd\nthere a pod starts from that image unless its imagePullPolicy is Always`,
    )
    for (const words of [['pins'], ['pins', 'nginx'], ['pin', 'nginx']]) {
      t.match((await cli(words, { env })).out, told, words.join(' '))
    }
  },
)

t.test('pins that have expired are last, and told apart', async t => {
  const over = (name: string) => ({
    ...{ ...pin, reference: `docker.io/library/${name}:1` },
    ...{ standing: 'expired', expiresAt: '2026-11-01T00:00:00.000Z', completeHere: false },
  })
  const show = async (...items: object[]) => {
    const { env } = await scriptAdmin(t, () => [200, { items }])
    return (await cli(['pins'], { env })).out
  }
  const out = await show(over('a'), pin, over('b'))
  t.match(
    out,
    /^TAG .*\n.*nginx:latest .*in-force .*\n.*a:1 .* expired +2026-11-01.*\n.*b:1 .*\n\n/,
  )
  t.match(out, /\n2 pins have expired: their tags follow their registries again, .*unpin REF`\n$/)
  t.match(await show(over('a')), /\n1 pin has expired: its tag follows its registry again/)
  t.notMatch(await show(pin), 'expired')
})

t.test('a conflict is told with its other side, in the list and of the pin', async t => {
  const other = `sha256:${'e'.repeat(64)}`
  const conflict = {
    at: '2026-11-20T02:59:00.000Z',
    setOn: 'cd'.repeat(32),
    setOnName: 'galley',
    digest: other as string | undefined,
    author: 'mate',
  }
  const { env } = await scriptAdmin(t, ({ pathname }) => [
    200,
    pathname === path ? { ...pin, conflict, history: [] } : { items: [{ ...pin, conflict }] },
  ])
  const told = `\n\n  docker.io/library/nginx:latest was set on bridge, node abababababab; galley, node cdcdcdcdcdcd had pinned it to ${other} at 2026-11-20T02:59:00.000Z by mate, neither knowing of the other\nthe newer word is in force everywhere`
  for (const words of [['pins'], ['pins', 'nginx']]) {
    const { out } = await cli(words, { env })
    t.ok(out.includes(told), words.join(' '))
    t.match(out, /in-force, in conflict/)
  }
  conflict.digest = undefined
  t.match((await cli(['pins'], { env })).out, / galley, node cdcdcdcdcdcd had removed it at /)
})

t.test('who is away is told beside how many have stored it', async t => {
  for (const [away, says] of [
    [1, '1 is away'],
    [2, '2 are away'],
  ] as const) {
    const stored = { ...change, storedOn: { nodes: 1, members: 3, away } }
    const { env } = await scriptAdmin(t, () => [200, stored])
    const { out } = await cli(['pin', 'nginx'], { env })
    t.match(out, new RegExp(` stored on +1 of 3 nodes; ${says}\n`))
  }
})

t.test('a node that is alone is one node', async t => {
  const stored = { ...change, storedOn: { nodes: 1, members: 1 } }
  const { env } = await scriptAdmin(t, () => [200, stored])
  t.match((await cli(['pin', 'nginx'], { env })).out, / stored on +1 of 1 node\n/)
})

t.test('a pin that this node could not serve alone is marked', async t => {
  const { env } = await scriptAdmin(t, ({ pathname }) => [
    200,
    pathname === path
      ? { ...pin, completeHere: false, history: [] }
      : {
          items: [
            { ...pin, completeHere: false },
            { ...pin, completeHere: true },
          ],
        },
  ])
  const list = await cli(['pins'], { env })
  t.match(list.out, /in-force, incomplete here .*\n.* in-force +never/)
  t.match((await cli(['pins', 'nginx'], { env })).out, /^\S+: in-force, incomplete here\n/)
})

t.test('a pin that rests on what is remembered says so', async t => {
  const restsOn = {
    source: 'ledger',
    fresh: false,
    reason: 'newest complete; upstream did not answer',
    confirmedAt: '2026-11-19T03:00:00.000Z',
  }
  const told = async (basis: object | undefined) => {
    const { env } = await scriptAdmin(t, () => [200, { ...change, restsOn: basis }])
    return (await cli(['pin', 'nginx'], { env })).out
  }
  t.match(
    await told(restsOn),
    /not heard just now: this rests on what is remembered, last confirmed at 2026-11-19T03:00:00.000Z\n {2}newest complete; upstream did not answer; `holdfast refresh docker.io\/library\/nginx:latest` asks it\n/,
  )
  t.match(await told({ ...restsOn, confirmedAt: null }), /its registry never confirmed it/)
  t.notMatch(await told({ ...restsOn, fresh: true }), 'remembered')
  t.notMatch(await told({ ...restsOn, source: 'pin' }), 'remembered')
  t.notMatch(await told(undefined), 'remembered')
})
