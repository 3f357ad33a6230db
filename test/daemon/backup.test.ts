import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeImage } from '../support/image.ts'
import { startRegistry } from '../support/registry.ts'
import { startNode } from '../support/start-node.ts'

const image = makeImage({ platforms: ['linux/amd64'], salt: 'backup' })
const blocked = `sha256:${'b'.repeat(64)}`
const stranger = 'cd'.repeat(32)

interface Restored {
  readonly items: readonly {
    readonly kind: string
    readonly what: string
    readonly outcome: string
  }[]
}

/** A whole node, and its admin API. */
async function start(t: Test, registry: Parameters<typeof startNode>[0], name: string) {
  const dir = join(t.testdirName, name)
  await mkdir(join(dir, 'data'), { recursive: true })
  const node = await startNode(registry, dir, { node: { name } })
  t.teardown(() => node.close())
  const token = (await readFile(join(dir, 'data', 'admin.token'), 'utf8')).trim()
  const ask = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`http://${node.addresses.admin}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const given = (await answer.json()) as Record<string, unknown>
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(given)}`)
    return given
  }
  const restore = async (document: object, query = '') => {
    const { items } = (await ask('POST', `/restore${query}`, document)) as unknown as Restored
    return items.map(({ kind, outcome }) => `${kind} ${outcome}`)
  }
  return { ask, restore, dir }
}

/** A backup without what tells where and when it was taken. */
const lasting = ({ node: _node, asOf: _asOf, at: _at, ...said }: Record<string, unknown>) => said

t.test('all that operators said on one node stands on another after a restore', async t => {
  t.testdir({})
  const registry = await startRegistry({
    images: { 'lab/app': { blobs: image.blobs, tags: new Map([['1', image]]) } },
  })
  t.teardown(() => registry.close())
  const tag = `${registry.host}/lab/app:1`
  const first = await start(t, registry, 'first')
  const expiresAt = '2099-01-01T00:00:00.000Z'
  const pinned = encodeURIComponent(tag)
  await first.ask('PUT', `/pins/${pinned}`, { allowIncomplete: true, note: 'voyage', expiresAt })
  await first.ask('PUT', `/keeps/${encodeURIComponent(`${registry.host}/**`)}`, { note: 'all' })
  await first.ask('PUT', `/blocks/${blocked}`, { note: 'CVE', author: 'mate' })
  await first.ask('PUT', `/bans/${stranger}`, {})
  const recurring = { images: [tag], every: '0 3 * * *', copies: 2, platforms: ['linux/arm64'] }
  await first.ask('PUT', '/schedules/nightly', recurring)
  await first.ask('PUT', '/mode', { mode: 'offline', forSeconds: 3_600 })
  const backup = await first.ask('GET', '/backup')
  t.match(backup, {
    holdfastBackup: 1,
    node: 'first',
    at: backup['asOf'],
    pins: [{ reference: tag, digest: image.digest, size: Number, note: 'voyage', expiresAt }],
    mode: { mode: 'offline' },
  })

  // Nobody is there to be asked what the digest is.
  const second = await start(t, { ...registry, url: 'http://127.0.0.1:1' }, 'second')
  const each = ['ban', 'block', 'keep', 'pin', 'schedule', 'mode']
  const all = (outcome: string) => each.map(kind => `${kind} ${outcome}`)
  t.strictSame(await second.restore(backup, '?dryRun=true'), all('would-change'))
  t.match(await second.ask('GET', '/backup'), { pins: [], keeps: [], schedules: [] })
  t.strictSame(await second.restore(backup), all('changed'))
  const there = await second.ask('GET', '/backup')
  const until = (one: object) => Date.parse(String((one as { until?: string }).until))
  const [wanted, got] = [backup['mode'], there['mode']] as [object, object]
  t.ok(Math.abs(until(wanted) - until(got)) < 2_000, 'the mode ends when it was to end')
  t.strictSame(lasting({ ...there, mode: wanted }), lasting(backup))
  t.strictSame(await second.restore(backup), all('unchanged'), 'and again')

  const { items } = (await second.ask('GET', '/audit')) as { items: Record<string, unknown>[] }
  const done = items.filter(({ operation }) => operation === 'restore')
  t.equal(done.length, each.length + 3, 'each entry that was said, and each restore')
  t.match(
    done.find(({ subject }) => subject === tag),
    { status: 200, after: { digest: image.digest, note: 'voyage' } },
    'is found by what it is of',
  )
})

t.test('a dry run tells the refusals that the restore itself gives', async t => {
  t.testdir({})
  const registry = await startRegistry({ images: {} })
  t.teardown(() => registry.close())
  const { ask } = await start(t, registry, 'van')
  const pattern = encodeURIComponent(`${registry.host}/own/**`)
  await ask('PUT', `/keeps/${pattern}`, {})
  const [{ setOn: self } = { setOn: '' }] = (await ask('GET', '/keeps'))['items'] as {
    setOn: string
  }[]
  const many = Array.from({ length: 1_001 }, (_, i) => ({ pattern: `${registry.host}/k${i}/**` }))
  const schedule = { images: [`${registry.host}/lab/app:1`], every: '0 3 * * *', timeZone: 'UTC' }
  const pin = { digest: `sha256:${'e'.repeat(64)}` }
  const described = { mediaType: 'application/vnd.oci.image.index.v1+json', size: 9 }
  const document = {
    ...{ holdfastBackup: 1, node: 'van', at: '2026-11-20T03:00:00.000Z' },
    bans: [{ key: self }, { key: stranger }],
    blocks: [{ key: blocked }],
    keeps: [...many, { pattern: 'a b' }],
    pins: [
      { ...pin, reference: 'elsewhere.example/app:1' },
      { ...pin, reference: 'elsewhere.example/app:2', ...described },
      { ...pin, reference: `${registry.host}/lab/app:1` },
      { ...pin, reference: `${registry.host}/lab/app:2`, ...described },
      { ...pin, reference: `${registry.host}/lab/app:3`, ...described, mediaType: 'text/plain' },
    ],
    schedules: Array.from({ length: 51 }, (_, i) => ({
      ...{ ...schedule, name: `s${i}`, jitterSeconds: 0, concurrency: 3, referrers: false },
    })),
  }
  const refused = async (query: string) => {
    const all: Record<string, unknown>[] = []
    for (let next: unknown = 0; next !== undefined; ) {
      const answer = await ask('POST', `/restore?from=${next}${query}`, document)
      all.push(...(answer['items'] as Record<string, unknown>[]))
      next = answer['next']
    }
    return all
      .filter(({ outcome }) => outcome === 'refused')
      .map(({ what, reason }) => ({ what, reason }))
  }
  const dry = await refused('&dryRun=true')
  t.match(dry, [
    { what: self, reason: /cannot ban itself/ },
    { what: many.at(-2)?.pattern, reason: /1000 patterns are kept/ },
    { what: many.at(-1)?.pattern, reason: /1000 patterns are kept/ },
    { what: 'a b' },
    { what: /^elsewhere.example.app:1@/, reason: /cannot be had from any node or registry/ },
    { what: /lab.app:1@/, reason: /cannot be had from any node or registry/ },
    { what: /lab.app:3@/, reason: /text.plain/ },
    { what: 's50', reason: /there are 50 schedules/ },
  ])
  const from = await ask('POST', '/restore?dryRun=true&from=1003', document)
  t.match(from['items'], [{ outcome: 'refused' }, { outcome: 'refused' }], 'also when it goes on')
  t.strictSame(await refused(''), dry)
})
