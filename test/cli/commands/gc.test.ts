import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = `sha256:${'c'.repeat(64)}`
const nothing = { node: 'galley', dropped: 0, bytes: 0, protectedBytes: 2_000, items: [] }
const lastUsedAt = '2026-11-20T03:00:00.000Z'

t.test('what went is listed with its reason', async t => {
  const items = [
    { digest, size: 3_000, kind: 'blob', reason: 'room', lastUsedAt },
    { digest, size: 10, kind: 'partial', reason: 'unused', lastUsedAt },
  ]
  const answer = { ...nothing, dryRun: false, dropped: 5, bytes: 9_000, items }
  const { env, asked } = await scriptAdmin(t, () => [200, answer])
  const { code, out } = await cli(['gc', '--node', 'galley'], { env })
  t.equal(code, 0)
  t.match(asked, [
    { method: 'POST', url: { pathname: '/api/v1/nodes/galley/store/gc' }, body: { dryRun: false } },
  ])
  t.match(out, /^galley: 5 went, 9\.0 kB; 2\.0 kB are protected or in use\n/)
  t.match(out, new RegExp(`${digest}  blob +3\\.0 kB +${lastUsedAt}  its room is needed\n`))
  t.match(out, /unfinished {2}10 bytes .* not used for too long\nand 3 more\n$/)
})

t.test('a dry run says that nothing was done', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, { ...nothing, dryRun: true }])
  t.match((await cli(['gc', '--dry-run'], { env })).out, /^galley: nothing would go; 2\.0 kB are/)
  t.match(asked, [{ method: 'GET', url: { pathname: '/api/v1/nodes/self/store/gc' } }])
  const done = await scriptAdmin(t, () => [200, { ...nothing, dryRun: false }])
  t.match((await cli(['gc'], { env: done.env })).out, /^galley: nothing had to go;/)
})

t.test('a node that does not let this one say so refuses', async t => {
  const detail = 'galley: mesh.operators does not name bridge here'
  const { env } = await scriptAdmin(t, () => [409, { detail }])
  const { code, err } = await cli(['gc', '--node', 'galley'], { env })
  t.equal(code, 8)
  t.match(err, detail)
})
