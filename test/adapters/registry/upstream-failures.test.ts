import t from 'tap'
import {
  type FailureClass,
  type FailureReason,
  UpstreamFailure,
} from '../../../src/ports/errors.ts'
import type { Fault } from '../../support/registry-faults.ts'
import { stopTime } from './support/stopped-time.ts'
import { makeTransport } from './support/transport.ts'
import {
  askLatest,
  at,
  failsAs,
  image,
  layer,
  makeUpstream,
  never,
  serveRegistry,
  type TestUpstream,
  upstreamOf,
} from './support/upstream.ts'

const short = { connectMs: 300, headersMs: 300, stallMs: 300 }
/** For what must be found out by what comes, on a busy machine too, and not by the clock. */
const long = { connectMs: 10_000, headersMs: 10_000, stallMs: 10_000 }

/** Every way to fail before an answer, and what it is called. */
const faults: readonly (readonly [Fault, FailureClass, FailureReason])[] = [
  [{ do: 'freeze' }, 'unreachable', 'timeout'],
  [{ do: 'freeze', at: 'headers' }, 'unreachable', 'timeout'],
  [{ do: 'dribble', everyMs: 20 }, 'unreachable', 'timeout'],
  [{ do: 'endless-headers' }, 'unreachable', 'protocol'],
  [{ do: 'not-http' }, 'unreachable', 'protocol'],
  [{ do: 'reset' }, 'unreachable', 'reset'],
  [{ do: 'portal' }, 'unreachable', 'portal'],
  [{ do: 'portal', status: 403 }, 'unreachable', 'portal'],
  [{ do: 'portal', status: 404 }, 'unreachable', 'portal'],
  [{ do: 'portal', status: 511 }, 'unreachable', 'portal'],
  [{ do: 'status', status: 401 }, 'unreachable', 'portal'],
  [{ do: 'status', status: 403 }, 'unreachable', 'portal'],
  [{ do: 'status', status: 404 }, 'unreachable', 'portal'],
  [{ do: 'status', status: 403, code: 'DENIED' }, 'denied', 'denied'],
  [{ do: 'status', status: 404, code: 'MANIFEST_UNKNOWN' }, 'not-found', 'not-found'],
  [{ do: 'status', status: 429, code: 'TOOMANYREQUESTS' }, 'rate-limited', 'rate-limited'],
  [{ do: 'status', status: 500 }, 'unreachable', 'status'],
  [{ do: 'status', status: 503, code: 'UNAVAILABLE' }, 'unreachable', 'status'],
  [{ do: 'status', status: 304 }, 'unreachable', 'status'],
  [{ do: 'status', status: 204 }, 'unreachable', 'status'],
]

for (const [fault, code, reason] of faults) {
  t.test(`${JSON.stringify(fault)} is ${code}/${reason} to every question`, async t => {
    const registry = await serveRegistry(t)
    const active = registry.fault(fault)
    const timeouts = reason === 'timeout' ? short : long
    const questions = [
      () => askLatest(upstreamOf(t, registry, { timeouts }), registry),
      (): Promise<unknown> => {
        const upstream = upstreamOf(t, registry, { timeouts })
        return upstream.getManifest(at(registry), image.digest, never)
      },
      (): Promise<unknown> => {
        const upstream = upstreamOf(t, registry, { timeouts })
        return upstream.getBlob(at(registry), layer.digest, 0, never)
      },
      (): Promise<unknown> => {
        const upstream = upstreamOf(t, registry, { timeouts })
        return upstream.listTags(at(registry), never)
      },
    ]
    for (const ask of questions) {
      const hits = active.hits
      await failsAs(t, ask(), code, reason)
      // On a busy machine its time may be over before it arrives.
      while (reason === 'timeout' && active.hits === hits) await failsAs(t, ask(), code, reason)
      t.ok(active.hits > hits, 'the fault was met')
    }
  })
}

const bodies: readonly (readonly [Fault, FailureReason])[] = [
  [{ do: 'freeze', at: 'body', afterBytes: 5 }, 'stalled'],
  [{ do: 'truncate', afterBytes: 5, with: 'fin' }, 'reset'],
  [{ do: 'truncate', afterBytes: 5, with: 'rst' }, 'reset'],
]
for (const [fault, reason] of bodies) {
  t.test(`a body that meets ${JSON.stringify(fault)} ends as ${reason}`, async t => {
    const registry = await serveRegistry(t)
    const active = registry.fault(fault)
    registry.fault({ do: 'headers', headers: { 'docker-content-digest': undefined } })
    const timeouts = reason === 'stalled' ? { ...long, stallMs: 300 } : long
    const make = () => upstreamOf(t, registry, { timeouts })
    await failsAs(t, askLatest(make(), registry), 'unreachable', reason)
    const manifest = make().getManifest(at(registry), image.digest, never)
    await failsAs(t, manifest, 'unreachable', reason)
    await failsAs(t, make().listTags(at(registry), never), 'unreachable', reason)
    t.ok(active.hits >= 3)
  })
}

t.test('a body that is never silent for long, and never done, ends as timeout', async t => {
  const registry = await serveRegistry(t)
  const slow = registry.fault({ do: 'slow', bytesPerSecond: 60 })
  registry.fault({ do: 'headers', headers: { 'docker-content-digest': undefined } })
  for (const ask of [
    (upstream: TestUpstream): Promise<unknown> => askLatest(upstream, registry),
    (upstream: TestUpstream) => upstream.getManifest(at(registry), image.digest, never),
  ]) {
    const time = stopTime()
    const hits = slow.hits
    const asked = ask(upstreamOf(t, registry, { timeouts: long }, { ...time, random: () => 0 }))
    const ended = failsAs(t, asked, 'unreachable', 'timeout')
    await registry.waitFor(() => slow.hits > hits)
    time.advance(2 * (long.connectMs + long.headersMs) + long.stallMs)
    await ended
  }
})

t.test('a refusal whose body never ends is still a refusal', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'status', status: 500, body: 'x'.repeat(200_000) })
  const active = registry.fault({ do: 'freeze', at: 'body', afterBytes: 10 })
  const upstream = upstreamOf(t, registry, { timeouts: { ...long, stallMs: 300 } })
  const manifest = upstream.getManifest(at(registry), image.digest, never)
  await failsAs(t, manifest, 'unreachable', 'status')
  t.equal(registry.count('manifest-digest'), 1)
  t.ok(active.hits >= 1)
})

t.test('nobody listening is unreachable/connect', async t => {
  const registry = await serveRegistry(t)
  await registry.refuse()
  await failsAs(t, askLatest(upstreamOf(t, registry), registry), 'unreachable', 'connect')
})

t.test('a name that does not resolve is unreachable/dns', async t => {
  const resolveName = async (host: string) => {
    throw new UpstreamFailure('unreachable', 'dns', `${host} does not resolve`)
  }
  const transport = makeTransport(t, { resolveName })
  const upstream = makeUpstream(t, { 'dead.example': {} }, { transport })
  await failsAs(t, askLatest(upstream, 'dead.example'), 'unreachable', 'dns')
})

t.test('a registry that is not configured is not asked', async t => {
  const registry = await serveRegistry(t)
  const upstream = makeUpstream(t, { 'other.example': {} })
  await failsAs(t, askLatest(upstream, registry), 'unreachable', 'unconfigured')
  t.strictSame(upstream.reach(at(registry)), { state: 'unconfigured' })
  t.equal(upstream.isConfigured(registry.host), false)
  t.equal(upstream.isConfigured('other.example'), true)
  t.equal(registry.log.length, 0)
})

t.test('one dropped connection does not make a question fail', async t => {
  const registry = await serveRegistry(t)
  const flaky = registry.fault({ do: 'reset' }, { times: 1 })
  t.match(await askLatest(upstreamOf(t, registry), registry), { digest: image.digest })
  t.equal(flaky.hits, 1)
})

t.test('a HEAD refused without a word is explained by a GET', async t => {
  const registry = await serveRegistry(t)
  const upstream = upstreamOf(t, registry)
  await failsAs(t, askLatest(upstream, registry, { tag: 'none' }), 'not-found', 'not-found')
  t.strictSame(
    registry.log.map(({ method }) => method),
    ['HEAD', 'GET'],
  )
})

t.test('a GET that succeeds where the HEAD was refused is the answer', async t => {
  for (const status of [405, 404, 500, 501]) {
    const registry = await serveRegistry(t)
    const refused = registry.fault({ do: 'status', status }, { method: 'HEAD' })
    const answer = await askLatest(upstreamOf(t, registry), registry)
    t.match(answer, { digest: image.digest, manifest: image.bytes }, String(status))
    t.equal(refused.hits, 1)
  }
})

t.test('a question ends with its signal', async t => {
  const registry = await serveRegistry(t)
  const upstream = upstreamOf(t, registry)
  registry.freeze()
  const asked = new AbortController()
  const answer = askLatest(upstream, registry, { signal: asked.signal })
  await registry.waitFor(log => log.length > 0)
  asked.abort()
  await failsAs(t, answer, 'unreachable', 'timeout')
  t.equal(upstream.reach(at(registry)).state, 'reachable', 'which says nothing about the endpoint')
  await failsAs(
    t,
    askLatest(upstream, registry, { signal: asked.signal }),
    'unreachable',
    'timeout',
  )
})

t.test('closing ends every question', async t => {
  const registry = await serveRegistry(t)
  const upstream = upstreamOf(t, registry)
  registry.freeze()
  const answer = askLatest(upstream, registry)
  await registry.waitFor(log => log.length > 0)
  const ended = failsAs(t, answer, 'unreachable', 'known-down')
  await upstream.close()
  await ended
  await failsAs(t, askLatest(upstream, registry), 'unreachable', 'known-down')
})

t.test('redirects', async t => {
  t.test('are followed, without credentials to another host', async t => {
    const host = await serveRegistry(t)
    const registry = await serveRegistry(t)
    registry.fault({ do: 'redirect', to: host.url }, { kind: 'manifest-tag' })
    const authorizer = {
      header: async () => 'Bearer secret',
      answer: async () => undefined,
      forget() {},
    }
    const upstream = upstreamOf(t, registry, {}, { authorizer })
    t.match(await askLatest(upstream, registry), { digest: image.digest, endpoint: registry.url })
    t.equal(registry.log[0]?.authorization, 'Bearer secret')
    t.equal(host.log[0]?.authorization, undefined)
  })

  t.test('take credentials along on the same host', async t => {
    const registry = await serveRegistry(t)
    const to = `${registry.url}/v2/lab/app/manifests/${image.digest}`
    registry.fault({ do: 'redirect', location: to }, { kind: 'manifest-tag' })
    const authorizer = {
      header: async () => 'Bearer secret',
      answer: async () => undefined,
      forget() {},
    }
    await askLatest(upstreamOf(t, registry, {}, { authorizer }), registry)
    t.strictSame(
      registry.log.map(({ kind, authorization }) => [kind, authorization]),
      [
        ['manifest-tag', 'Bearer secret'],
        ['manifest-digest', 'Bearer secret'],
      ],
    )
  })

  t.test('end after five', async t => {
    const registry = await serveRegistry(t)
    registry.fault({ do: 'redirect', to: registry.url })
    await failsAs(t, askLatest(upstreamOf(t, registry), registry), 'unreachable', 'protocol')
    t.equal(registry.log.length, 6)
  })

  t.test('to a page are a portal', async t => {
    const gateway = await serveRegistry(t)
    const registry = await serveRegistry(t)
    const portal = registry.fault({ do: 'portal', to: `${gateway.url}/login` })
    const upstream = upstreamOf(t, registry)
    await failsAs(t, askLatest(upstream, registry), 'unreachable', 'portal')
    const blob = upstream.getBlob(at(registry), layer.digest, 0, never)
    await failsAs(t, blob, 'unreachable', 'portal')
    t.equal(portal.hits, 2)
    t.equal(gateway.count('other'), 2)
  })

  t.test('to an address that no registry may lead to are not followed', async t => {
    const registry = await serveRegistry(t)
    registry.fault({ do: 'redirect', location: 'http://192.0.2.1/blob' })
    const upstream = upstreamOf(t, registry)
    await failsAs(t, askLatest(upstream, registry), 'unreachable', 'forbidden-address')
  })

  t.test('do not make us read what comes with them', async t => {
    const registry = await serveRegistry(t)
    const body = 'x'.repeat(20_000_000)
    const location = `/v2/lab/app/manifests/${image.digest}`
    registry.fault(
      { do: 'status', status: 307, headers: { location }, body },
      { kind: 'manifest-digest', times: 1 },
    )
    const upstream = upstreamOf(t, registry)
    const manifest = await upstream.getManifest(at(registry), image.digest, never)
    t.ok(manifest.bytes.equals(image.bytes))
    await registry.waitFor(log => log[0]?.isAborted === true)
    t.ok((registry.log[0]?.bytes ?? 0) < body.length)
  })

  t.test('without a place to go are no answer', async t => {
    const registry = await serveRegistry(t)
    registry.fault({ do: 'status', status: 302, headers: { location: 'mailto:a@b' } })
    await failsAs(t, askLatest(upstreamOf(t, registry), registry), 'unreachable', 'status')
  })
})
