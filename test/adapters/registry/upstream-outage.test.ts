import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { createNameResolver } from '../../../src/adapters/names/resolve-name.ts'
import { createChangingFile } from '../../../src/adapters/registry/changing-file.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import type { ScriptedRegistry } from '../../support/registry.ts'
import { startNameServer } from '../names/support/name-server.ts'
import { stopTime } from './support/stopped-time.ts'
import { makeTransport } from './support/transport.ts'
import {
  askLatest,
  at,
  bytesOf,
  failsAs,
  image,
  layer,
  makeUpstream,
  never,
  repository,
  serveRegistry,
  type TestUpstream,
  upstreamOf,
} from './support/upstream.ts'

const { digest } = image
const long = { connectMs: 20_000, headersMs: 20_000, stallMs: 20_000 }
const wallMs = Date.parse('2026-03-03T10:00:00Z')

/** A registry and its client, whose deadlines and pauses pass only when the test says so. */
async function makeCase(t: Test) {
  const registry = await serveRegistry(t)
  const time = stopTime(wallMs)
  const upstream = upstreamOf(t, registry, { timeouts: long }, { ...time, random: () => 0 })
  const recovered: (string | undefined)[] = []
  upstream.onRecovered((_, repository) => recovered.push(repository))
  const ask = (more: Parameters<typeof askLatest>[2] = {}) =>
    askLatest(upstream, registry, { deadlineMs: 900, ...more })
  return { registry, time, upstream, recovered, ask }
}

function stateOf(upstream: TestUpstream) {
  return upstream.endpoints()[0]?.state
}

/** Waits until so many requests of that kind have come. */
function seen(registry: ScriptedRegistry, kind: 'ping' | 'manifest-tag' | 'blob', count: number) {
  return registry.waitFor(() => registry.count(kind) >= count)
}

/** Waits for something to be so. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(resolve => setImmediate(resolve))
}

t.test('a used-up deadline with silence all round opens the endpoint', async t => {
  const { registry, time, upstream, recovered, ask } = await makeCase(t)
  registry.freeze()
  const late = ask()
  await seen(registry, 'manifest-tag', 1)
  t.equal(registry.count('ping'), 0)
  time.advance(300)
  await seen(registry, 'ping', 1)
  t.equal(registry.connections(), 2, 'on a new connection')
  time.advance(599)
  t.equal(upstream.reach(at(registry)).state, 'reachable')
  time.advance(1)
  t.strictSame(upstream.reach(at(registry)), {
    state: 'down',
    sinceMs: wallMs + 900,
    failure: 'unreachable',
  })
  t.match(upstream.endpoints(), [
    { state: 'open', lastFailure: /said nothing within 900 ms/, downSinceMs: Number },
  ])

  const requests = registry.log.length
  const startedMs = performance.now()
  await failsAs(t, ask(), 'unreachable', 'known-down')
  await failsAs(t, upstream.getManifest(at(registry), digest, never), 'unreachable', 'known-down')
  await failsAs(t, upstream.getBlob(at(registry), digest, 0, never), 'unreachable', 'known-down')
  await failsAs(t, upstream.listTags(at(registry), never), 'unreachable', 'known-down')
  t.ok(performance.now() - startedMs < 10_000, 'known down is known at once')
  t.equal(registry.log.length, requests, 'and nothing is sent')

  registry.thaw()
  t.match(await late, { digest }, 'the question itself went on')
  t.equal(stateOf(upstream), 'closed', 'and its late answer closes')
  t.equal(recovered[0], undefined)
  t.equal(recovered.length, 1)
  t.match(await ask(), { digest })
})

t.test('a used-up deadline while the endpoint answers others opens the repository', async t => {
  const { registry, time, upstream, recovered, ask } = await makeCase(t)
  const silence = registry.fault({ do: 'freeze' }, { kind: 'manifest-tag', repository })
  const late = ask()
  await seen(registry, 'manifest-tag', 1)
  time.advance(300)
  // The answered ping makes it try the tag on the new connection too.
  await seen(registry, 'manifest-tag', 2)
  time.advance(600)
  t.equal(stateOf(upstream), 'closed')
  t.equal(upstream.endpoints()[0]?.openRepositories, 1)
  t.equal(upstream.reach(at(registry)).state, 'down')
  t.equal(upstream.reach({ ...at(registry), repository: 'lab/other' }).state, 'reachable')
  await failsAs(t, ask(), 'unreachable', 'known-down')
  silence.heal()
  t.match(await late, { digest })
  t.equal(upstream.reach(at(registry)).state, 'reachable')
  t.strictSame(recovered, [repository])
})

t.test(
  'a background question that died with its connection hides no uplink that is back',
  async t => {
    const { registry, time, upstream, ask } = await makeCase(t)
    await registry.refuse()
    for (let n = 0; n < 2; n += 1) await failsAs(t, ask(), 'unreachable', 'connect')
    await registry.accept()
    const silence = registry.fault({ do: 'freeze' }, { kind: 'manifest-tag', times: 1 })
    time.advance(2_000)
    await until(() => silence.hits === 1)
    t.equal(stateOf(upstream), 'half-open')
    time.advance(999)
    t.equal(registry.count('ping'), 0)
    time.advance(1)
    await until(() => stateOf(upstream) === 'closed')
    t.equal(registry.count('ping'), 1)
    await seen(registry, 'manifest-tag', 2)
    t.match(await ask(), { digest })
    t.equal(upstream.endpoints()[0]?.openRepositories, 0)
  },
)

t.test('nor does one that died while the endpoint answered others', async t => {
  const { registry, time, upstream, ask } = await makeCase(t)
  const silence = registry.fault({ do: 'freeze' }, { kind: 'manifest-tag', times: 3 })
  const late = ask()
  await seen(registry, 'manifest-tag', 1)
  time.advance(300)
  await seen(registry, 'manifest-tag', 2)
  time.advance(600)
  t.equal(upstream.reach(at(registry)).state, 'down')
  time.advance(2_000)
  await until(() => silence.hits === 3)
  time.advance(1_000)
  await until(() => upstream.reach(at(registry)).state === 'reachable')
  t.equal(registry.count('manifest-tag'), 4)
  silence.heal()
  t.match(await late, { digest })
})

t.test('what an outage swallowed is asked anew as soon as the endpoint answers again', async t => {
  const { registry, time, upstream, ask } = await makeCase(t)
  const swallowed = [
    registry.fault({ do: 'freeze' }, { kind: 'manifest-digest', times: 1 }),
    registry.fault({ do: 'freeze' }, { kind: 'blob', times: 1 }),
  ]
  const manifest = upstream.getManifest(at(registry), digest, never)
  const blob = upstream.getBlob(at(registry), layer.digest, 0, never)
  await until(() => swallowed.every(({ hits }) => hits === 1))
  const silence = [
    registry.fault({ do: 'freeze' }, { kind: 'manifest-tag' }),
    registry.fault({ do: 'freeze' }, { kind: 'ping' }),
  ]
  const late = ask()
  await seen(registry, 'manifest-tag', 1)
  time.advance(900)
  t.equal(stateOf(upstream), 'open')
  for (const fault of silence) fault.heal()
  t.match(await late, { digest })
  t.match(await manifest, { digest })
  t.ok((await bytesOf((await blob).body)).equals(layer.bytes), 'and its body is read to the end')
  t.equal(registry.count('blob'), 2)
})

t.test('who looks at what is down for long makes it be asked soon', async t => {
  const { registry, time, upstream, ask } = await makeCase(t)
  const broken = registry.fault({ do: 'status', status: 503 }, { kind: 'manifest-tag' })
  for (let n = 0; n < 2; n += 1) await failsAs(t, ask(), 'unreachable', 'status')
  for (const nextMs of [4_000, 8_000, 15_000]) {
    time.advance(time.waiting()[0] ?? 0)
    await until(() => time.waiting()[0] === nextMs)
  }
  broken.heal()
  t.equal(upstream.reach(at(registry)).state, 'down')
  t.strictSame(time.waiting(), [2_000])
  time.advance(2_000)
  await until(() => upstream.reach(at(registry)).state === 'reachable')
})

t.test('the question in the background closes what it opened', async t => {
  const { registry, time, upstream, recovered, ask } = await makeCase(t)
  const ended = new AbortController()
  registry.freeze()
  const asked = ask({ signal: ended.signal })
  await seen(registry, 'manifest-tag', 1)
  time.advance(900)
  ended.abort()
  await failsAs(t, asked, 'unreachable', 'timeout')
  t.equal(stateOf(upstream), 'open')
  time.advance(2_000)
  await seen(registry, 'manifest-tag', 2)
  t.equal(stateOf(upstream), 'half-open')
  time.advance(60_000)
  t.equal(registry.count('manifest-tag'), 2, 'never more than one at a time')
  registry.thaw()
  await until(() => stateOf(upstream) === 'closed')
  t.equal(recovered.length, 1)
  t.match(await ask(), { digest })
})

t.test(
  'two refused connections open the endpoint, and it is found again within seconds',
  async t => {
    const { registry, time, upstream, recovered, ask } = await makeCase(t)
    await ask()
    await registry.refuse()
    await failsAs(t, ask(), 'unreachable', 'connect')
    t.equal(stateOf(upstream), 'closed')
    await failsAs(t, ask(), 'unreachable', 'connect')
    t.equal(stateOf(upstream), 'open')
    // However long it lasted, pauses stay below 15 s.
    for (let n = 0; n < 20; n += 1) {
      time.advance(15_000)
      await until(() => stateOf(upstream) === 'open')
    }
    await registry.accept()
    time.advance(15_000)
    await until(() => stateOf(upstream) === 'closed')
    t.equal(recovered.length, 1)
    t.match(await ask(), { digest })
  },
)

t.test('a success between failures keeps it closed', async t => {
  const { registry, upstream, ask } = await makeCase(t)
  for (let n = 0; n < 3; n += 1) {
    await registry.refuse()
    await failsAs(t, ask(), 'unreachable', 'connect')
    await registry.accept()
    await ask()
  }
  t.equal(stateOf(upstream), 'closed')
})

t.test('a registry that cannot list is still asked for its tags', async t => {
  const { registry, upstream, ask } = await makeCase(t)
  const lists = { kind: ['tags', 'referrers'] } as const
  const broken = registry.fault({ do: 'status', status: 500 }, lists)
  for (let n = 0; n < 2; n += 1) {
    await failsAs(t, upstream.listTags(at(registry), never), 'unreachable', 'status')
  }
  const { hits } = broken
  await failsAs(t, upstream.listTags(at(registry), never), 'unreachable', 'known-down')
  await failsAs(t, upstream.listReferrers(at(registry), digest, never), 'unreachable', 'known-down')
  t.equal(broken.hits, hits)
  t.equal(upstream.reach(at(registry)).state, 'reachable')
  t.match(await ask(), { digest })
})

t.test('two 5xx open the repository and no other', async t => {
  const { registry, time, upstream, recovered, ask } = await makeCase(t)
  const broken = registry.fault({ do: 'status', status: 502 }, { repository })
  await failsAs(t, ask(), 'unreachable', 'status')
  await failsAs(t, ask(), 'unreachable', 'status')
  await failsAs(t, ask(), 'unreachable', 'known-down')
  t.equal(stateOf(upstream), 'closed')
  t.equal(broken.hits, 2)
  const other = { registry: registry.host, repository: 'lab/other', tag: 'latest' }
  const options = { signal: never, deadlineMs: 900, insist: false }
  await failsAs(t, upstream.resolveTag(other, options), 'not-found', 'not-found')
  time.advance(2_000)
  await registry.waitFor(log => log.filter(({ status }) => status === 502).length === 3)
  broken.heal()
  await until(() => {
    time.advance(100)
    return recovered.length > 0
  })
  t.strictSame(recovered, [repository])
  t.match(await ask(), { digest })
})

t.test("a registry's no is an answer", async t => {
  const { registry, upstream, ask } = await makeCase(t)
  const refusals = [
    ['DENIED', 403, 'denied'],
    ['MANIFEST_UNKNOWN', 404, 'not-found'],
  ] as const
  for (const [code, status, said] of refusals) {
    const fault = registry.fault({ do: 'status', status, code })
    for (let n = 0; n < 3; n += 1) await failsAs(t, ask(), said, said)
    fault.heal()
  }
  t.equal(upstream.reach(at(registry)).state, 'reachable')
})

t.test('a captive portal is quickly known, and its end too', async t => {
  const { registry, time, upstream, ask } = await makeCase(t)
  const portal = registry.fault({ do: 'portal' })
  await failsAs(t, ask(), 'unreachable', 'portal')
  await failsAs(t, ask(), 'unreachable', 'portal')
  await failsAs(t, ask(), 'unreachable', 'known-down')
  t.equal(portal.hits, 2)
  portal.heal()
  time.advance(2_000)
  await until(() => upstream.reach(at(registry)).state === 'reachable')
})

t.test('a redirect to a host that is dead says nothing against the endpoint', async t => {
  const { registry, upstream, ask } = await makeCase(t)
  const dead = await serveRegistry(t)
  await dead.refuse()
  const redirect = registry.fault({ do: 'redirect', to: dead.url }, { kind: 'manifest-tag' })
  await failsAs(t, ask(), 'unreachable', 'connect')
  await failsAs(t, ask(), 'unreachable', 'connect')
  t.equal(redirect.hits, 2)
  t.match(upstream.endpoints(), [{ state: 'closed', openRepositories: 1 }])
})

t.test('a late challenge is an answer, whatever its token host does', async t => {
  const registry = await serveRegistry(t, { auth: { kind: 'bearer' } })
  const time = stopTime(wallMs)
  const authorizer = {
    header: async () => undefined,
    answer: () => new Promise<undefined>(() => {}),
    forget() {},
  }
  const parts = { ...time, random: () => 0, authorizer }
  const upstream = upstreamOf(t, registry, { timeouts: long }, parts)
  registry.freeze()
  const ended = new AbortController()
  const asked = askLatest(upstream, registry, { deadlineMs: 900, signal: ended.signal })
  await seen(registry, 'manifest-tag', 1)
  const held = registry.fault({ do: 'freeze' }, { kind: 'ping' })
  time.advance(900)
  t.equal(stateOf(upstream), 'open')
  await until(() => held.hits === 1)
  registry.thaw()
  await until(() => stateOf(upstream) === 'closed')
  ended.abort()
  await failsAs(t, asked, 'unreachable', 'timeout')
})

t.test('whoever insists asks what is known to be down', async t => {
  const { registry, upstream, ask } = await makeCase(t)
  await registry.refuse()
  await failsAs(t, ask(), 'unreachable', 'connect')
  await failsAs(t, ask(), 'unreachable', 'connect')
  await failsAs(t, ask({ insist: true }), 'unreachable', 'connect')
  await registry.accept()
  t.match(await ask({ insist: true }), { digest })
  t.equal(stateOf(upstream), 'closed')
})

t.test('a kept connection that died without a word costs a third of the deadline', async t => {
  const { registry, time, upstream, ask } = await makeCase(t)
  await ask()
  // What was sent on the old connection is lost; new connections work.
  const lost = registry.fault({ do: 'freeze' }, { kind: 'manifest-tag', times: 1 })
  const answer = ask()
  await until(() => lost.hits === 1)
  time.advance(300)
  t.match(await answer, { digest })
  const connections = registry.connections()
  t.match(await ask(), { digest })
  t.equal(registry.connections(), connections, 'the new one is kept')
  t.equal(upstream.reach(at(registry)).state, 'reachable')
  await registry.waitFor(log => log.some(({ isAborted }) => isAborted))
})

t.test(
  'an answer that takes more than a third of the deadline costs no kept connection',
  async t => {
    const { registry, time, ask } = await makeCase(t)
    await ask()
    const slow = registry.fault({ do: 'freeze' })
    const answer = ask()
    await until(() => slow.hits === 1)
    time.advance(300)
    await until(() => slow.hits === 2)
    slow.heal()
    t.match(await answer, { digest })
    const connections = registry.connections()
    for (let n = 0; n < 5; n += 1) await ask()
    t.equal(registry.connections(), connections)
    await registry.waitFor(() => registry.openConnections() === 1)
  },
)

t.test('two registries, of which one is dead', async t => {
  const dead = await serveRegistry(t)
  const alive = await serveRegistry(t)
  const time = stopTime(wallMs)
  const both = { [dead.host]: { url: dead.url }, [alive.host]: { url: alive.url } }
  const upstream = makeUpstream(t, both, { ...time, random: () => 0 })
  dead.freeze()
  const silent = failsAs(t, askLatest(upstream, dead), 'unreachable', 'timeout')
  await dead.waitFor(log => log.length > 0)
  // The other does not wait: for what is dead no time passes.
  for (let n = 0; n < 10; n += 1) t.match(await askLatest(upstream, alive), { digest })
  time.advance(60_000)
  await silent
  t.equal(upstream.reach(at(dead)).state, 'down')
  t.equal(upstream.reach(at(alive)).state, 'reachable')
  t.match(await askLatest(upstream, alive), { digest })
})

t.test('an endpoint that only sends a body is heard', async t => {
  const { registry, time, upstream, ask } = await makeCase(t)
  const held = registry.fault({ do: 'freeze', at: 'body', afterBytes: 1_000 }, { kind: 'blob' })
  const blob = await upstream.getBlob(at(registry), layer.digest, 0, never)
  const silence = registry.fault({ do: 'freeze' }, { kind: ['manifest-tag', 'ping'] })
  const asked = ask()
  await seen(registry, 'manifest-tag', 1)
  time.advance(300)
  await seen(registry, 'ping', 1)
  held.heal()
  t.ok((await bytesOf(blob.body)).equals(layer.bytes))
  time.advance(600)
  t.equal(stateOf(upstream), 'closed', 'so only its repository is down')
  t.equal(upstream.reach(at(registry)).state, 'down')
  silence.heal()
  t.match(await asked, { digest })
})

t.test('closed, it asks nobody any more', async t => {
  const { registry, time, upstream, ask } = await makeCase(t)
  await registry.refuse()
  await failsAs(t, ask(), 'unreachable', 'connect')
  await failsAs(t, ask(), 'unreachable', 'connect')
  await registry.accept()
  await upstream.close()
  t.strictSame(time.waiting(), [])
  time.advance(60_000)
  t.equal(registry.log.length, 0)
})

t.test('a 429', async t => {
  t.test(
    'is honoured for its repository, also by those who insist, until its time is over',
    async t => {
      const { registry, time, upstream, recovered, ask } = await makeCase(t)
      const headers = { 'retry-after': '30' }
      const limit = registry.fault(
        { do: 'status', status: 429, code: 'TOOMANYREQUESTS', headers },
        { repository },
      )
      const failure = await failsAs(t, ask(), 'rate-limited', 'rate-limited')
      t.equal(failure.retryAfterMs, 30_000)
      t.strictSame(upstream.reach(at(registry)), {
        state: 'down',
        sinceMs: wallMs,
        failure: 'rate-limited',
      })
      time.advance(10_000)
      const refused = await failsAs(t, ask({ insist: true }), 'rate-limited', 'known-down')
      t.equal(refused.retryAfterMs, 20_000)
      t.equal(limit.hits, 1)
      const other = upstream.listTags({ ...at(registry), repository: 'lab/other' }, never)
      await failsAs(t, other, 'not-found', 'not-found')
      limit.heal()
      time.advance(20_000)
      t.strictSame(recovered, [repository])
      t.equal(upstream.reach(at(registry)).state, 'reachable')
      t.match(await ask(), { digest })
    },
  )

  t.test('is honoured a minute at most, and its date is understood', async t => {
    const { registry, ask } = await makeCase(t)
    const date = new Date(wallMs + 86_400_000).toUTCString()
    const headers = { 'retry-after': date }
    registry.fault({ do: 'status', status: 429, headers })
    const failure = await failsAs(t, ask(), 'rate-limited', 'rate-limited')
    t.equal(failure.retryAfterMs, 60_000)
  })
})

t.test('a silent name server is waited for once', async t => {
  const server = await startNameServer(() => 'silence')
  t.teardown(() => server.close())
  const resolvConfPath = join(t.testdir({}), 'resolv.conf')
  await writeFile(resolvConfPath, `nameserver ${server.address}\n`)
  const names = createNameResolver(
    { clock: systemClock, log: silentLog, watchFile: createChangingFile },
    { resolvConfPath },
  )
  t.teardown(() => names.close())
  const transport = makeTransport(t, { resolveName: names.resolve })
  const url = 'http://registry.test'
  const upstream = makeUpstream(t, { 'registry.test': { url, timeouts: long } }, { transport })
  await failsAs(t, askLatest(upstream, url.slice(7), { deadlineMs: 1_000 }), 'unreachable', 'dns')
  t.ok(server.asked.length > 0)
  const again = askLatest(upstream, url.slice(7), { deadlineMs: 1_000 })
  await failsAs(t, again, 'unreachable', 'known-down')
})
