import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = (letter: string) => `sha256:${letter.repeat(64)}`
const node = 'ab'.repeat(32)
const setAt = '2026-11-20T03:00:00.000Z'
const pin = (reference: string, more: object = {}) => ({
  reference,
  standing: 'in-force',
  digest: digest('a'),
  setAt,
  setOn: node,
  version: '1',
  ...more,
})

interface World {
  readonly pins?: readonly object[]
  readonly keeps?: readonly object[]
  readonly blocks?: readonly object[]
  readonly bans?: readonly object[]
  readonly schedules?: readonly object[]
  /** The mode of all nodes. */
  readonly mode?: object
  /** Paths that are answered with a problem. */
  readonly refuses?: Readonly<Record<string, readonly [number, object]>>
}

const storedOn = { nodes: 1, members: 1 }
const pinned = { ...pin('x'), complete: true, fetching: false, storedOn }
const recurring = {
  images: ['docker.io/library/a:1'],
  every: '0 3 * * *',
  timeZone: 'UTC',
  jitterSeconds: 600,
  referrers: false,
}
const schedule = (name: string, more: object = {}) => ({
  name,
  ...recurring,
  scope: 'all',
  configured: false,
  nextAt: setAt,
  setAt,
  ...more,
})
const changed = { ...schedule('x'), key: 'x', pattern: 'x', configured: false, tags: 1, storedOn }

/** A node on which this was said; pins come one a page. */
const start = (
  t: Test,
  { pins = [], keeps = [], blocks = [], bans = [], schedules = [], mode, refuses = {} }: World,
) => {
  const said: Readonly<Record<string, object>> = {
    '/api/v1/status': { node: 'bridge', asOf: setAt },
    '/api/v1/mode': {
      node: 'bridge',
      ...(mode && { cluster: mode }),
      here: { mode: 'auto', decidedBy: 'configuration' },
      storedOn,
    },
    '/api/v1/keeps': { items: keeps, tags: 0 },
    '/api/v1/blocks': { items: blocks },
    '/api/v1/bans': { items: bans },
    '/api/v1/schedules': { items: schedules },
  }
  const page = (at: number) => ({
    items: pins.slice(at, at + 1),
    ...(at + 1 < pins.length && { next: String(at + 1) }),
  })
  return scriptAdmin(t, ({ pathname, searchParams }) => {
    const path = decodeURIComponent(pathname)
    const refused = refuses[path]
    if (refused !== undefined) return refused
    if (path === '/api/v1/pins') return [200, page(Number(searchParams.get('after') ?? 0))]
    return [200, said[path] ?? (path.startsWith('/api/v1/pins/') ? pinned : changed)]
  })
}

const described = { mediaType: 'application/vnd.oci.image.index.v1+json', size: 289 }
const word = { setAt, setOn: node, note: 'why', author: 'mate' }
const said: World = {
  pins: [
    pin('docker.io/library/a:1', { note: 'the voyage', expiresAt: '2027-01-01T00:00:00.000Z' }),
    pin('docker.io/library/b:1', { digest: digest('b'), ...described }),
    pin('docker.io/library/c:1', { standing: 'expired' }),
  ],
  keeps: [
    { pattern: 'docker.io/**', configured: false, tags: 3, ...word },
    { pattern: 'quay.io/**', configured: true, tags: 3 },
  ],
  blocks: [{ key: digest('f'), ...word }],
  bans: [{ key: 'cd'.repeat(32), setAt, setOn: node }],
  schedules: [
    schedule('nightly', { note: 'fresh in port', author: 'mate' }),
    schedule('own-0123', { configured: true }),
    schedule('weekly', { scope: 'nodes', scopeNodes: ['bridge'], platforms: ['linux/arm64'] }),
  ],
}
const written = {
  holdfastBackup: 1,
  node: 'bridge',
  at: setAt,
  pins: [
    {
      reference: 'docker.io/library/a:1',
      digest: digest('a'),
      expiresAt: '2027-01-01T00:00:00.000Z',
      note: 'the voyage',
    },
    { reference: 'docker.io/library/b:1', digest: digest('b'), ...described },
  ],
  keeps: [{ pattern: 'docker.io/**', note: 'why', author: 'mate' }],
  blocks: [{ key: digest('f'), note: 'why', author: 'mate' }],
  bans: [{ key: 'cd'.repeat(32) }],
  schedules: [
    { name: 'nightly', ...recurring, note: 'fresh in port', author: 'mate' },
    { name: 'weekly', ...recurring, nodes: ['bridge'], platforms: ['linux/arm64'] },
  ],
}

/** Restores this on a node on which that was said. */
async function restore(t: Test, world: World, file: unknown = written, ...more: string[]) {
  const { env, asked } = await start(t, world)
  const path = join(t.testdir({}), 'operators.json')
  await writeFile(path, typeof file === 'string' ? file : JSON.stringify(file))
  const ran = await cli(['restore', path, '-o', 'json', ...more], { env })
  const changes = asked.filter(({ method }) => method !== 'GET')
  const items = ran.out === '' ? [] : JSON.parse(ran.out).items
  return { ...ran, path, changes, items: items as { kind: string; outcome: string }[] }
}

t.test('what is in force is written down, and nothing that ended or stands in a file', async t => {
  const { env } = await start(t, said)
  const { code, out } = await cli(['backup'], { env })
  t.equal(code, 0)
  t.strictSame(JSON.parse(out), written)
})

t.test('all of it is said anew on a node that knows nothing, bans and blocks first', async t => {
  const { code, items, changes } = await restore(t, {})
  t.equal(code, 0)
  t.strictSame(
    items.map(({ kind, outcome }) => [kind, outcome]),
    [
      ['ban', 'said'],
      ['block', 'said'],
      ['keep', 'said'],
      ['pin', 'said'],
      ['pin', 'said'],
      ['schedule', 'said'],
      ['schedule', 'said'],
    ],
  )
  t.match(
    changes.map(({ method, url, body }) => [method, decodeURIComponent(url.pathname), body]),
    [
      ['PUT', `/api/v1/bans/${'cd'.repeat(32)}`, {}],
      ['PUT', `/api/v1/blocks/${digest('f')}`, { note: 'why', author: 'mate' }],
      ['PUT', '/api/v1/keeps/docker.io/**', { note: 'why', author: 'mate' }],
      [
        'PUT',
        '/api/v1/pins/docker.io/library/a:1',
        {
          to: digest('a'),
          allowIncomplete: true,
          note: 'the voyage',
          expiresAt: '2027-01-01T00:00:00.000Z',
        },
      ],
      ['PUT', '/api/v1/pins/docker.io/library/b:1', { to: digest('b'), described }],
      ['PUT', '/api/v1/schedules/nightly', { ...recurring, note: 'fresh in port' }],
      ['PUT', '/api/v1/schedules/weekly', { nodes: ['bridge'], platforms: ['linux/arm64'] }],
    ],
  )
})

t.test('what stands already is left alone', async t => {
  const { code, items, changes } = await restore(t, said)
  t.equal(code, 0)
  t.ok(items.every(({ outcome }) => outcome === 'stands'))
  t.strictSame(changes, [])
})

t.test('a tag that is pinned to something else keeps it, unless it is to be replaced', async t => {
  const moved = { ...said, pins: [pin('docker.io/library/a:1', { digest: digest('e') })] }
  const kept = await restore(t, moved)
  t.equal(kept.code, 7)
  t.match(kept.items[3], { outcome: 'left', reason: /pinned to sha256:eeee.*--replace/ })
  t.equal(kept.changes.length, 1, 'the other pin')
  const replaced = await restore(t, moved, written, '--replace')
  t.match(replaced, { code: 0, items: { 3: { outcome: 'said' } } })
})

t.test('a schedule of another meaning stays, and a file of before has none', async t => {
  const other = { ...said, schedules: [schedule('nightly', { every: '0 4 * * *' })] }
  const kept = await restore(t, other)
  t.equal(kept.code, 7)
  t.match(kept.items.slice(5), [{ outcome: 'left', reason: /--replace/ }, { outcome: 'said' }])
  t.match((await restore(t, other, written, '--replace')).items[5], { outcome: 'said' })
  const { schedules: _, ...before } = written
  const { code, items } = await restore(t, {}, before)
  t.equal(code, 0)
  t.notOk(items.some(({ kind }) => kind === 'schedule'))
})

t.test('a dry run says nothing', async t => {
  const { code, items, changes } = await restore(t, {}, written, '--dry-run')
  t.equal(code, 0)
  t.ok(items.every(({ outcome }) => outcome === 'would be said'))
  t.strictSame(changes, [])
})

t.test('what the node refuses is listed and does not stop the rest', async t => {
  const refuses = {
    '/api/v1/pins/docker.io/library/a:1': [409, { detail: 'it is blocked' }],
  } as const
  const { code, items } = await restore(t, { refuses })
  t.equal(code, 7)
  t.match(items.slice(3, 5), [{ outcome: 'refused', reason: /it is blocked/ }, { outcome: 'said' }])
  const broken = { '/api/v1/keeps/docker.io/**': [500, { detail: 'oh' }] } as const
  t.match(await restore(t, { refuses: broken }), { code: 6, out: '' }, 'a fault of the node does')
})

t.test('a file that is none is told before anything is said', async t => {
  for (const [file, why] of [
    ['hello', /is no JSON/],
    [{}, /is no file of holdfast backup/],
    [{ ...written, holdfastBackup: 2 }, /is no file of holdfast backup: .*holdfastBackup/],
    [{ ...written, pins: [{ reference: 7 }] }, /is no file of holdfast backup: .*pins/],
  ] as const) {
    const { code, err, changes } = await restore(t, {}, file)
    t.equal(code, 2)
    t.match(err, why)
    t.strictSame(changes, [])
  }
  const { env } = await start(t, {})
  t.match(await cli(['restore', '/nowhere/x'], { env }), { code: 2, err: /cannot be read: ENOENT/ })
})

t.test('a person reads a table', async t => {
  const { env } = await start(t, {})
  const path = join(t.testdir({}), 'operators.json')
  await writeFile(path, JSON.stringify(written))
  const { out } = await cli(['restore', path], { env })
  t.match(out, /^KIND +WHAT +OUTCOME\nban +cdcd.* said\n.*\nkeep +docker.io\/\*\* +said\n/)
  t.match(await readFile(path, 'utf8'), /holdfastBackup/)
  const empty = { ...written, pins: [], keeps: [], blocks: [], bans: [], schedules: [] }
  await writeFile(path, JSON.stringify(empty))
  t.match(await cli(['restore', path], { env }), { code: 0, out: 'the file says nothing\n' })
})

t.test('the mode of all nodes is backed up, and said again for what is left of it', async t => {
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const mode = { mode: 'offline', by: 'mate', at: setAt, setOn: node, until }
  const from = await start(t, { mode })
  const { out } = await cli(['backup'], { env: from.env })
  t.match(JSON.parse(out), { mode: { mode: 'offline', until, author: 'mate' } })
  const file = join(t.testdir({}), 'operators.json')
  await writeFile(file, out)
  const to = await start(t, {})
  t.match(await cli(['restore', file], { env: to.env }), { code: 0, out: /mode +offline +said/ })
  const put = to.asked.find(({ method }) => method === 'PUT')
  t.match(put, { url: { pathname: '/api/v1/mode' }, body: { mode: 'offline', author: 'mate' } })
  const { forSeconds = 0 } = (put?.body ?? {}) as { forSeconds?: number }
  t.ok(forSeconds > 3_500 && forSeconds <= 3_600, String(forSeconds))
  const same = await start(t, { mode })
  t.match((await cli(['restore', file], { env: same.env })).out, /mode +offline +stands/)
  const other = await start(t, { mode: { ...mode, mode: 'online' } })
  t.match(await cli(['restore', file], { env: other.env }), { code: 7, out: /the mode is online/ })
  await writeFile(file, out.replace(until, '2020-01-01T00:00:00Z'))
  t.match(await cli(['restore', file], { env: to.env }), { out: 'the file says nothing\n' })
})
