import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { maxBackupBytes as mostSent } from '../../../src/cli/read-backup.ts'
import { maxBackupBytes } from '../../../src/http/admin/backup-contract.ts'
import { cli, scriptAdmin } from '../support.ts'

const asOf = '2026-11-20T03:00:00.000Z'
const written = {
  node: 'bridge',
  asOf,
  holdfastBackup: 1,
  at: asOf,
  pins: [
    {
      reference: 'docker.io/library/a:1',
      digest: `sha256:${'a'.repeat(64)}`,
      expiresAt: '2027-01-01T00:00:00.000Z',
      note: 'no: "yes"\n# this',
    },
  ],
  keeps: [{ pattern: 'docker.io/**', author: 'mate' }],
  blocks: [],
  bans: [{ key: '0'.repeat(64) }],
  schedules: [],
}
const ban = { kind: 'ban', what: '0'.repeat(64), outcome: 'changed' }
const keep = { kind: 'keep', what: 'docker.io/**', outcome: 'unchanged' }
const left = { kind: 'pin', what: 'a:1@x', outcome: 'left', reason: 'it is pinned to y' }
const refused = { kind: 'pin', what: 'b:1@x', outcome: 'refused', reason: 'x is blocked' }

type Item = { readonly kind: string; readonly outcome: string }

/** A node that answers a restore with these items, so many at once. */
const start = (t: Test, items: readonly Item[], atOnce = items.length || 1) =>
  scriptAdmin(t, ({ pathname, searchParams }) => {
    if (pathname === '/api/v1/backup') return [200, written]
    const from = Number(searchParams.get('from') ?? 0)
    const next = from + atOnce < items.length ? { next: from + atOnce } : {}
    const dryRun = searchParams.get('dryRun') === 'true'
    return [200, { node: 'bridge', asOf, dryRun, items: items.slice(from, from + atOnce), ...next }]
  })

/** A file, and what a restore of it came to. */
async function restore(
  t: Test,
  {
    items = [ban, keep],
    atOnce,
    file = JSON.stringify(written),
    more = [],
  }: {
    readonly items?: readonly Item[]
    readonly atOnce?: number
    readonly file?: string
    readonly more?: readonly string[]
  } = {},
) {
  const path = join(t.testdir({}), 'operators')
  await writeFile(path, file)
  const { env, asked } = await start(t, items, atOnce)
  return { ...(await cli(['restore', path, ...more], { env })), asked }
}

t.test('a backup is printed as the node tells it, as JSON and as YAML', async t => {
  const { env } = await start(t, [])
  for (const form of [[], ['-o', 'json']]) {
    const { code, out } = await cli(['backup', ...form], { env })
    t.equal(code, 0)
    t.strictSame(JSON.parse(out), written)
  }
  const { code, out } = await cli(['backup', '-o', 'yaml'], { env })
  t.equal(code, 0)
  t.match(out, /^holdfastBackup: 1$/m)
  t.throws(() => JSON.parse(out))
  t.strictSame(parse(out), written)
})

t.test('what was printed goes to the node as it was, from JSON and from YAML', async t => {
  const { env } = await start(t, [])
  for (const form of ['json', 'yaml']) {
    const { out: file } = await cli(['backup', '-o', form], { env })
    const { code, asked } = await restore(t, { file })
    t.equal(code, 0)
    t.match(asked, [{ method: 'POST', url: { pathname: '/api/v1/restore' } }])
    t.strictSame(asked[0]?.body, written, form)
  }
})

t.test('options are told to the node', async t => {
  const { asked } = await restore(t, { more: ['--replace', '--dry-run'] })
  t.equal(asked[0]?.url.search, '?replace=true&dryRun=true')
})

t.test('it ends with 7 where something was left or refused, and tells why', async t => {
  t.match(await restore(t, { items: [ban, keep, { ...ban, outcome: 'over' }] }), { code: 0 })
  t.match(await restore(t, { items: [{ ...ban, outcome: 'would-change' }] }), { code: 0 })
  const kept = await restore(t, { items: [ban, left] })
  t.equal(kept.code, 7)
  t.match(kept.out, /pin +a:1@x +left as it is +it is pinned to y; --replace says it anew\n/)
  const { code, out } = await restore(t, { items: [refused, { ...ban, outcome: 'failed' }] })
  t.equal(code, 7)
  t.match(out, /pin +b:1@x +refused +x is blocked\n/)
  t.match(out, /\n\n1 pin refused; 1 ban failed\nmend what the reasons above say, and restore /)
})

t.test('a node that took all the time of an answer is asked to go on', async t => {
  const { code, out, asked } = await restore(t, {
    items: [ban, keep, refused],
    atOnce: 1,
    more: ['-o', 'json'],
  })
  t.equal(code, 7)
  t.strictSame(
    asked.map(({ url }) => url.searchParams.get('from')),
    [null, '1', '2'],
  )
  t.strictSame(JSON.parse(out).items, [ban, keep, refused])
})

t.test('what was done before the node was gone is told', async t => {
  const path = join(t.testdir({}), 'operators')
  await writeFile(path, JSON.stringify(written))
  const first = { node: 'bridge', asOf, dryRun: false, items: [ban], next: 1 }
  const { env } = await scriptAdmin(t, ({ searchParams }) =>
    searchParams.has('from') ? [500, { detail: 'oh' }] : [200, first],
  )
  const { code, out, err } = await cli(['restore', path], { env })
  t.equal(code, 6)
  t.match(out, /ban +0+ +restored\n/)
  t.match(err, /oh/)
})

t.test('a file that is none is told before anything is said', async t => {
  for (const [file, why] of [
    ['hello', /is no file of holdfast backup/],
    ['{"a": ', /, line 1: the JSON ends too early; `holdfast backup` writes such a file$/m],
    ['a: [', /, line 1: a list, mapping or quote that begins before this is not finished; /],
    ['{}', /is no file of holdfast backup/],
    [JSON.stringify({ ...written, node: 'x'.repeat(maxBackupBytes) }), /larger than a node takes/],
  ] as const) {
    const { code, err, asked } = await restore(t, { file })
    t.equal(code, 2)
    t.match(err, why)
    t.strictSame(asked, [])
  }
  t.equal(mostSent, maxBackupBytes)
  const { env } = await start(t, [])
  t.match(await cli(['restore', '/nowhere/x'], { env }), {
    code: 2,
    err: /x cannot be read: there is no such file$/m,
  })
})

t.test('a person reads a table', async t => {
  const { out } = await restore(t)
  t.match(out, /^KIND +WHAT +OUTCOME *\nban +0+ +restored\nkeep +docker.io\/\*\* +as before\n\n/)
  t.match(out, /\n1 ban restored; 1 keep as before\n$/)
  const twice = await restore(t, { items: [ban, ban, { ...ban, outcome: 'would-change' }] })
  t.match(twice.out, /\n2 bans restored; 1 ban would be restored\n$/)
  t.match(await restore(t, { items: [] }), { code: 0, out: 'the file says nothing\n' })
})
