import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const item = {
  reference: 'docker.io/library/nginx:latest',
  digest: `sha256:${'b'.repeat(64)}`,
  source: 'upstream',
  reason: 'confirmed just now',
  saidBy: 'https://registry-1.docker.io',
  firstAt: '2026-11-20T03:00:00.000Z',
  lastAt: '2026-11-20T04:00:00.000Z',
  count: 3,
}

t.test('what was answered is told with its time, its reason and how often', async t => {
  const admin = await scriptAdmin(t, () => [
    200,
    { items: [item, { ...item, digest: null, count: 1 }] },
  ])
  const { code, out } = await cli(['why', 'nginx', '--limit', '5'], { env: admin.env })
  t.equal(code, 0)
  t.match(out, /^2026-11-20T03:00:00.000Z to 2026-11-20T04:00:00.000Z\n {2}reference {2}docker.io/)
  t.match(out, /times {6}3\n\n2026-11-20/)
  t.match(out, /digest {5}none/)
  t.match(Object.fromEntries(admin.asked[0]?.url.searchParams ?? []), {
    ref: item.reference,
    limit: '5',
  })
})

t.test('no answer remembered is 1', async t => {
  const admin = await scriptAdmin(t, () => [200, { items: [] }])
  t.match(await cli(['why', 'nginx'], { env: admin.env }), {
    code: 1,
    out: /gave no answer that it remembers/,
  })
  t.match(await cli(['why', 'nginx', '--at', '2026-11-20T03:00:00Z'], { env: admin.env }), {
    code: 1,
    out: /gave no answer until 2026-11-20T03:00:00.000Z that it remembers/,
  })
})

t.test('a time is a moment, a day to its end, or how long ago', async t => {
  const admin = await scriptAdmin(t, () => [200, { items: [item] }])
  const at = async (text: string): Promise<string> => {
    await cli(['why', 'nginx', '--at', text], { env: admin.env })
    return admin.asked.at(-1)?.url.searchParams.get('at') ?? ''
  }
  t.equal(await at('2026-11-20T03:00:00Z'), '2026-11-20T03:00:00.000Z')
  t.equal(await at('2026-11-20T03:00:00+02:00'), '2026-11-20T01:00:00.000Z')
  t.equal(await at('2026-11-20'), new Date(2026, 10, 20, 23, 59, 59, 999).toISOString())
  const ago = Date.now() - Date.parse(await at('8h ago'))
  t.ok(Math.abs(ago - 8 * 3_600_000) < 60_000)
  for (const text of ['yesterday', '5', '2026-13-45', '1e3']) {
    t.match(
      await cli(['why', 'nginx', '--at', text], { env: admin.env }),
      { code: 2, err: /is no time/ },
      text,
    )
  }
})

t.test('a limit is a number that the node takes', async t => {
  for (const text of ['0', '-1', 'x', '1.5', '1001']) {
    t.match(
      await cli(['why', 'nginx', `--limit=${text}`]),
      { code: 2, err: /is no number from 1 to 1000/ },
      text,
    )
  }
})
